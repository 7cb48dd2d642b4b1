"""Slicing that can work: a discriminator that exists, and slices that say something there.

Spec: https://hl7.org/fhir/R4/profiling.html#discriminator
"""

from collections.abc import Iterator

from fhir_server.definitions import Element
from fhir_server.validation.discriminator import undecided
from fhir_server.validation.finding import Finding
from fhir_server.validation.guard.draft import Draft, Said
from fhir_server.validation.overlay import OverlayCompiler

_DEFAULT = "@default"


def check(draft: Draft) -> Iterator[Finding]:
    """Report slices that nothing tells apart, as far as the differential speaks of them."""
    compiler = OverlayCompiler(draft.structure, draft.table)
    said = {one.element.id: one for one in draft.said()}
    for sliced in _sliced(draft.structure.root):
        for part in sliced.slices:
            place = said.get(part.id) or said.get(sliced.id)
            if place is not None and not _is_elsewhere(part, draft):
                yield from _slice(part, sliced, place, compiler)


def _sliced(element: Element) -> Iterator[Element]:
    if element.slices and element.slicing is not None:
        yield element
    for inner in (*element.children, *element.slices):
        yield from _sliced(inner)


def _is_elsewhere(part: Element, draft: Draft) -> bool:
    """Say whether the slice says what it is by a profile that is not here, or is the default."""
    if (part.slice_name or "").rpartition("/")[2] == _DEFAULT:
        return True
    profiles = [profile for ref in part.types for profile in ref.profiles]
    return any(draft.registry.structure(p) is None for p in profiles)


def _slice(
    part: Element, sliced: Element, place: Said, compiler: OverlayCompiler
) -> Iterator[Finding]:
    slicing = sliced.slicing
    if slicing is None:
        return
    if not slicing.discriminators:
        yield place.finding("guard-no-discriminator", "sliceName", path=sliced.id)
        return
    silent = undecided(part, sliced, compiler)
    for discriminator, is_there in silent:
        rule = "guard-slice-silent" if is_there else "guard-discriminator-unknown"
        finding = place.finding(
            rule, "sliceName", path=part.id, found=discriminator.path, expected=discriminator.type
        )
        if len(silent) < len(slicing.discriminators):
            finding.severity = "warning"  # another discriminator tells the slice
        yield finding
