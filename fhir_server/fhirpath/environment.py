"""What an expression finds around it: variables, the time, a host that knows more than the engine.

Spec: http://hl7.org/fhirpath/N1/#environment-variables
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Protocol

import msgspec

from fhir_server.fhirpath.errors import Fault
from fhir_server.fhirpath.node import Node

MAX_STEPS = 1_000_000
"""Items that one evaluation may visit; a hostile expression stops within about a second."""

_NO_VARIABLES: Mapping[str, Sequence[Node]] = MappingProxyType({})


class Host(Protocol):
    """What the engine asks of the layers above; None always means "cannot tell"."""

    def resolve(self, reference: str, node: Node) -> Node | None:
        """Return the resource that ``reference`` points to, seen from the element ``node``."""

    def member_of(self, node: Node, value_set: str) -> bool | None:
        """Say whether a code, Coding or CodeableConcept is in a value set."""

    def conforms_to(self, node: Node, profile: str) -> bool | None:
        """Say whether ``node`` is valid against a profile."""


class Env(msgspec.Struct, frozen=True):
    """The surroundings of an evaluation; never changed by it.

    Attributes:
        resource: ``%resource``; None: the nearest resource around the focus.
        root_resource: ``%rootResource``; None: the one that contains ``%resource``, or itself.
        context: ``%context``; None: the focus.
        variables: Further ``%name``; names without ``%``.
        now: The instant of ``now()`` and ``today()``, with a time zone; None: when it is first
            asked.
        host: Answers ``resolve()``, ``memberOf()``, ``conformsTo()``; None: only what lies in the
            same resource resolves, and the other two fail.
        trace: Gets what ``trace()`` sees.
    """

    resource: Node | None = None
    root_resource: Node | None = None
    context: Node | None = None
    variables: Mapping[str, Sequence[Node]] = _NO_VARIABLES
    now: datetime | None = None
    host: Host | None = None
    trace: Callable[[str, Sequence[Node]], None] | None = None


class Run(msgspec.Struct):
    """One evaluation: how much it has done, the time it took as now, what stays the same in it."""

    env: Env
    focus: list[Node]
    steps: int = 0
    started: datetime | None = None
    known: dict[object, list[Node]] = msgspec.field(default_factory=dict)

    def spend(self, steps: int, offset: int) -> None:
        """Count visited items.

        Raises:
            Fault: More than `MAX_STEPS`.
        """
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise Fault("fhirpath-too-costly", offset, expected=MAX_STEPS)

    def now(self) -> datetime:
        """Return the same instant however often it is asked."""
        if self.started is None:
            self.started = self.env.now or datetime.now(UTC)
        return self.started


class Scope(msgspec.Struct, frozen=True):
    """Where in an evaluation an expression is: what ``$this`` and the defined variables mean.

    Attributes:
        run: The evaluation.
        this: ``$this`` as a collection.
        index: ``$index``; None outside of an iteration.
        total: ``$total``; None outside of ``aggregate``.
        variables: What ``defineVariable`` has set.
    """

    run: Run
    this: list[Node]
    index: int | None = None
    total: list[Node] | None = None
    variables: Mapping[str, list[Node]] = MappingProxyType({})

    def at(self, item: Node, index: int) -> "Scope":
        """Return the scope of one item of an iteration."""
        return Scope(self.run, [item], index, self.total, self.variables)

    def with_variable(self, name: str, value: list[Node]) -> "Scope":
        """Return the scope behind ``defineVariable``."""
        variables = MappingProxyType({**self.variables, name: value})
        return Scope(self.run, self.this, self.index, self.total, variables)
