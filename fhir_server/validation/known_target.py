"""Targets of references that were fetched before a validation, and a note of those that lack.

The validator meets no storage. What it is asked to judge may lead to resources that nobody has
fetched: it notes them, they are fetched, and it judges once more. So exactly those are fetched
that the profiles ask about, and where they ask about none, it costs nothing.

Spec: https://hl7.org/fhir/R4/references.html#literal
Decision: docs/decisions/0035-targets-in-the-store.md
"""

import re
from collections.abc import Mapping
from enum import Enum, auto

from fhir_server.model import JsonObject

_NAME = re.compile(
    r"(?P<name>[A-Za-z]{1,64}/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?)(?:#.*)?"
)


class Absent(Enum):
    """Why there is no resource under a name."""

    DELETED = auto()
    UNKNOWN = auto()


def local_name(reference: str, base: str | None = None) -> str | None:
    """Return ``Type/id`` or ``Type/id/_history/version``; None: it does not lead to our resources.

    Args:
        reference: Literal, with or without fragment.
        base: What absolute URLs of ours begin with, up to the slash before the type.
    """
    form = _NAME.fullmatch(reference if base is None else reference.removeprefix(base))
    return None if form is None else form["name"]


Known = JsonObject | Absent
"""A resource, or why there is none."""


class KnownTargets:
    """Answers from what was fetched and notes what was not; made for one validation.

    Args:
        targets: Resources by ``Type/id`` or ``Type/id/_history/version``; not changed.
        base_url: References that start with it are local, as relative ones are.
        limit: How many are noted at most.

    Attributes:
        lacking: Names that were asked for and are not in ``targets``, in the order of asking.
        left_out: Further ones, beyond the limit.
    """

    __slots__ = ("_base", "_limit", "_targets", "lacking", "left_out")

    def __init__(
        self, targets: Mapping[str, Known], *, base_url: str | None = None, limit: int
    ) -> None:
        self._targets = targets
        self._base = None if base_url is None else base_url.rstrip("/") + "/"
        self._limit = limit
        self.lacking: dict[str, None] = {}
        self.left_out: set[str] = set()

    def resolve(self, reference: str) -> JsonObject | None:
        """Return the resource that a literal reference leads to; None: it is not known."""
        known = self._known(reference)
        return None if isinstance(known, Absent) else known

    def is_deleted(self, reference: str) -> bool:
        """Say whether it led to a resource that has been deleted."""
        return self._known(reference) is Absent.DELETED

    def _known(self, reference: str) -> Known | None:
        name = local_name(reference, self._base)
        if name is None:
            return None
        known = self._targets.get(name)
        if known is None and name not in self.lacking:
            if len(self.lacking) < self._limit:
                self.lacking[name] = None
            else:
                self.left_out.add(name)
        return known
