"""A compiled expression: closures ``(focus, scope) -> answer`` with three faces.

Most expressions end up as a truth (an invariant, the criteria of ``where``) or as "is there any";
asking for just that makes no list and no node.

Collections are never changed once they are made.
"""

from collections.abc import Callable

import msgspec

from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.errors import Fault
from fhir_server.fhirpath.node import FALSE, TRUE, Node

Collection = list[Node]
Many = Callable[[Collection, Scope], Collection]
Truth = Callable[[Collection, Scope], bool | None]
Some = Callable[[Collection, Scope], bool]


class Compiled(msgspec.Struct, frozen=True):
    """An expression ready to run.

    Attributes:
        many: The resulting collection.
        truth: The result as a Boolean, None for empty; a single item that is no Boolean is true.
        some: Whether the result has items.
        reads_scope: Whether it looks at ``$this``, ``$index`` or ``$total``, so that an iteration
            must set them.
        is_boolean: Whether the result is known to be a Boolean or empty.
        constant: The result, where it does not depend on anything.
    """

    many: Many
    truth: Truth
    some: Some
    reads_scope: bool = False
    is_boolean: bool = False
    constant: Collection | None = None


def from_many(
    many: Many, offset: int, *, some: Some | None = None, reads_scope: bool = False
) -> Compiled:
    """Wrap a function that makes a collection."""

    def truth(focus: Collection, scope: Scope) -> bool | None:
        return as_truth(many(focus, scope), offset)

    def any_item(focus: Collection, scope: Scope) -> bool:
        return bool(many(focus, scope))

    return Compiled(many, truth, some or any_item, reads_scope)


def once_for_run(compiled: Compiled, offset: int) -> Compiled:
    """Evaluate once what does not depend on the focus, however often an iteration asks."""
    inner = compiled.many
    key = object()

    def many(focus: Collection, scope: Scope) -> Collection:
        known = scope.run.known
        found = known.get(key)
        if found is None:
            found = known[key] = inner(focus, scope)
        scope.run.spend(len(found) // _LONG, offset)
        return found

    return from_many(many, offset)


_LONG = 100
"""Items that may be handed on again for the price of one."""


def from_truth(truth: Truth, *, reads_scope: bool = False) -> Compiled:
    """Wrap a function that answers true, false or nothing."""

    def many(focus: Collection, scope: Scope) -> Collection:
        answer = truth(focus, scope)
        return [] if answer is None else [TRUE] if answer else [FALSE]

    def some(focus: Collection, scope: Scope) -> bool:
        return truth(focus, scope) is not None

    return Compiled(many, truth, some, reads_scope, True)


def from_constant(items: Collection, offset: int) -> Compiled:
    """Wrap a value that is known beforehand."""

    def many(_focus: Collection, _scope: Scope) -> Collection:
        return items

    def truth(_focus: Collection, _scope: Scope) -> bool | None:
        return as_truth(items, offset)

    def some(_focus: Collection, _scope: Scope) -> bool:
        return bool(items)

    return Compiled(many, truth, some, constant=items)


def as_truth(items: Collection, offset: int) -> bool | None:
    """Evaluate a collection as a Boolean.

    Spec: http://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections

    Raises:
        Fault: There are several items.
    """
    if not items:
        return None
    if len(items) > 1:
        raise Fault("fhirpath-singleton", offset, function="Boolean", found=len(items))
    value = items[0].value
    if value is True or value is False or value is None:
        return value
    return True


def single(items: Collection, offset: int, function: str) -> Node | None:
    """Return the only item, None where there is none.

    Raises:
        Fault: There are several.
    """
    if not items:
        return None
    if len(items) > 1:
        raise Fault("fhirpath-singleton", offset, function=function, found=len(items))
    return items[0]


def _focus(focus: Collection, _scope: Scope) -> Collection:
    return focus


IDENTITY = from_many(_focus, 0)
"""The input of an expression itself."""
