"""What changes from one version of a profile to another, for those who send and those who receive.

A *tightened* element makes senders' data invalid that was valid; a *loosened* one brings receivers
data they did not have to expect. Either is breaking, so the next version is a major one.

Spec: https://hl7.org/fhir/R4/elementdefinition.html; versions: https://semver.org/spec/v2.0.0.html
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fhir_server.authoring import aspect
from fhir_server.authoring.aspect import Aspect, Codes
from fhir_server.definitions import Element, Registry, Structure, reach

Advice = Literal["none", "patch", "minor", "major"]

_ORDER: tuple[Advice, ...] = ("none", "patch", "minor", "major")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What changed of one element.

    Attributes:
        element: Element id.
        aspect: What of it, and how.
    """

    element: str
    aspect: Aspect

    def as_json(self) -> dict[str, object]:
        """The same for programs."""
        return {"element": self.element, **self.aspect.as_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Everything that changed.

    Attributes:
        changes: By element, in the order of the later version.
    """

    changes: tuple[Change, ...]

    @property
    def advice(self) -> Advice:
        """Which part of the version to count up, by semantic versioning."""
        found = (change.aspect.advice for change in self.changes)
        return max(found, key=_ORDER.index, default="none")

    @property
    def is_breaking(self) -> bool:
        """Whether senders or receivers have to act."""
        return self.advice == "major"

    def as_json(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "advice": self.advice,
            "breaking": self.is_breaking,
            "changes": [change.as_json() for change in self.changes],
        }


def difference(
    before: Structure, after: Structure, earlier: Registry, later: Registry, codes: Codes
) -> Difference:
    """Compare two versions of a profile.

    Args:
        before: The earlier version.
        after: The later version.
        earlier: What the earlier version rests on.
        later: What the later version rests on.
        codes: Returns the codes of a value set where they can be listed: of the earlier version
            where its first argument is true.
    """
    changes = [Change(element="", aspect=found) for found in aspect.of_structure(before, after)]
    for element_id in _ids(before, after):
        old = _element(before, element_id, earlier, after)
        new = _element(after, element_id, later, before)
        if old is None or new is None:
            continue
        for found in aspect.of_element(old, new, codes):
            changes.append(Change(element=element_id, aspect=found))
    return Difference(changes=tuple(changes))


def _element(
    structure: Structure, element_id: str, registry: Registry, other: Structure
) -> "Element | None":
    """Return an element as a version has it; a slice it lacks is what it is cut from, optional."""
    found = reach(structure, element_id, registry, guide=other)
    if found is None:
        return None
    return aspect.optional(found.element) if found.is_new_slice else found.element


def _ids(before: Structure, after: Structure) -> Iterator[str]:
    """Yield the ids of both, those of the later version first."""
    ids = dict.fromkeys(_listed(after.root))
    ids.update(dict.fromkeys(_listed(before.root)))
    yield from ids


def _listed(element: Element) -> Iterator[str]:
    yield element.id
    for inner in (*element.children, *element.slices):
        yield from _listed(inner)


def describe(found: Difference, limit: int = 5) -> str:
    """Tell the changes in one line for a log, breaking ones first, at most ``limit`` of them."""
    ordered = sorted(found.changes, key=lambda change: -_ORDER.index(change.aspect.advice))
    told = [
        f"{change.element} {change.aspect.name} {change.aspect.before} → {change.aspect.after}"
        f" ({change.aspect.direction})".lstrip()
        for change in ordered[:limit]
    ]
    if len(ordered) > limit:
        told.append(f"+{len(ordered) - limit}")
    return "; ".join(told)
