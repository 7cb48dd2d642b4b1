"""Existence: is there any, all of them, how many, and sets.

Spec: http://hl7.org/fhirpath/N1/#existence
"""

from collections.abc import Callable

from fhir_server.fhirpath.compiled import Collection, Compiled, from_many, from_truth
from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.functions.iteration import per_item
from fhir_server.fhirpath.functions.registry import (
    BOOLEAN,
    COLLECTION,
    EXPRESSION,
    SAME,
    WHOLE,
    Function,
    Site,
    function,
)
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.value import key


@function("empty", spec="5.1.1", result=BOOLEAN)
def empty(site: Site) -> Compiled:
    """Say whether there is nothing."""
    some = site.source.some

    def truth(focus: Collection, scope: Scope) -> bool:
        return not some(focus, scope)

    return from_truth(truth, reads_scope=site.source.reads_scope)


@function("exists", spec="5.1.2", args=(EXPRESSION,), required=0, result=BOOLEAN)
def exists(site: Site, criteria: Compiled | None) -> Compiled:
    """Say whether there is something, or something that meets the criteria."""
    if criteria is None:
        return from_truth(site.source.some, reads_scope=site.source.reads_scope)
    source, offset = site.source.many, site.offset
    each = per_item(criteria, criteria.truth)

    def truth(focus: Collection, scope: Scope) -> bool:
        items = source(focus, scope)
        scope.run.spend(len(items), offset)
        return any(each(item, i, scope) for i, item in enumerate(items))

    return from_truth(truth, reads_scope=site.source.reads_scope)


@function("all", spec="5.1.3", args=(EXPRESSION,), result=BOOLEAN)
def all_(site: Site, criteria: Compiled) -> Compiled:
    """Say whether every item meets the criteria; true where there is none."""
    source, offset = site.source.many, site.offset
    each = per_item(criteria, criteria.truth)

    def truth(focus: Collection, scope: Scope) -> bool:
        items = source(focus, scope)
        scope.run.spend(len(items), offset)
        return all(each(item, i, scope) for i, item in enumerate(items))

    return from_truth(truth, reads_scope=site.source.reads_scope)


def _of_booleans(name: str, spec: str, decide: Callable[[list[bool]], bool]) -> Function:
    @function(name, spec=spec, result=BOOLEAN)
    def build(site: Site) -> Compiled:
        source = site.source.many

        def truth(focus: Collection, scope: Scope) -> bool:
            return decide([_boolean(site, item) for item in source(focus, scope)])

        return from_truth(truth, reads_scope=site.source.reads_scope)

    return build


def _boolean(site: Site, item: Node) -> bool:
    if not isinstance(item.value, bool):
        raise site.fault(item.fhir_type, "Boolean")
    return item.value


all_true = _of_booleans("allTrue", "5.1.4", all)
any_true = _of_booleans("anyTrue", "5.1.5", any)
all_false = _of_booleans("allFalse", "5.1.6", lambda values: not any(values))
any_false = _of_booleans("anyFalse", "5.1.7", lambda values: not all(values))


@function("subsetOf", spec="5.1.8", args=(COLLECTION,), result=BOOLEAN)
def subset_of(site: Site, other: Compiled) -> Compiled:
    """Say whether every item is in the other collection."""
    return _sets(site, other, lambda mine, others: mine <= others)


@function("supersetOf", spec="5.1.9", args=(COLLECTION,), result=BOOLEAN)
def superset_of(site: Site, other: Compiled) -> Compiled:
    """Say whether every item of the other collection is here."""
    return _sets(site, other, lambda mine, others: mine >= others)


def _sets(
    site: Site, other: Compiled, decide: Callable[[set[object], set[object]], bool]
) -> Compiled:
    source, argument, offset = site.source.many, other.many, site.offset

    def truth(focus: Collection, scope: Scope) -> bool:
        mine, others = source(focus, scope), argument(scope.this, scope)
        scope.run.spend(len(mine) + len(others), offset)
        return decide(set(map(key, mine)), set(map(key, others)))

    return from_truth(truth, reads_scope=True)


@function("count", spec="5.1.10", result=WHOLE)
def count(site: Site) -> Compiled:
    """Count the items."""
    source = site.source.many

    def many(focus: Collection, scope: Scope) -> Collection:
        return [Node(len(source(focus, scope)), "System.Integer")]

    return from_many(many, site.offset, reads_scope=site.source.reads_scope)


@function("distinct", spec="5.1.11", result=SAME)
def distinct(site: Site) -> Compiled:
    """Keep the first of equal items."""
    source, offset = site.source.many, site.offset

    def many(focus: Collection, scope: Scope) -> Collection:
        items = source(focus, scope)
        scope.run.spend(len(items), offset)
        return without_duplicates(items)

    return from_many(many, offset, some=site.source.some, reads_scope=site.source.reads_scope)


def without_duplicates(items: Collection) -> Collection:
    """Return the first of each group of equal items, in order."""
    if len(items) < 2:  # noqa: PLR2004 # nothing to compare
        return items
    first: dict[object, Node] = {}
    for item in items:
        first.setdefault(key(item), item)
    return list(first.values())


@function("isDistinct", spec="5.1.12", result=BOOLEAN)
def is_distinct(site: Site) -> Compiled:
    """Say whether no two items are equal."""
    source, offset = site.source.many, site.offset

    def truth(focus: Collection, scope: Scope) -> bool:
        items = source(focus, scope)
        scope.run.spend(len(items), offset)
        return len(set(map(key, items))) == len(items)

    return from_truth(truth, reads_scope=site.source.reads_scope)


@function("not", spec="6.5.3", result=BOOLEAN)
def not_(site: Site) -> Compiled:
    """Turn true and false around."""
    inner = site.source.truth

    def truth(focus: Collection, scope: Scope) -> bool | None:
        answer = inner(focus, scope)
        return None if answer is None else not answer

    return from_truth(truth, reads_scope=site.source.reads_scope)
