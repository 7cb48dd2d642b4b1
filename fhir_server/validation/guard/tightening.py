"""A profile only narrows what it derives from: cardinalities, types, bindings, values.

Spec: https://hl7.org/fhir/R4/profiling.html#limitations
"""

from collections.abc import Iterator

from fhir_server.definitions import Element, Reached, Registry, TypeRef
from fhir_server.terminology import Terminology
from fhir_server.validation.finding import Finding
from fhir_server.validation.guard.draft import Draft, Said
from fhir_server.validation.rules.fixed import contains, equals

_STRENGTHS = ("example", "preferred", "extensible", "required")
_SHOWN_CODES = 5
_MEANT_TO_STAY = _STRENGTHS.index("extensible")


def check(draft: Draft) -> Iterator[Finding]:
    """Report elements that allow what the base does not, and values of a type they cannot have."""
    for said in draft.said():
        above = draft.inherited(said.element.id)
        yield from _values(said, draft.registry)
        if above is None:
            continue
        yield from _cardinality(said, above)
        yield from _types(said, above.element, draft.registry)
        yield from _binding(said, above.element)
        yield from _codes(said, above.element, draft.table.terminology)
        yield from _same_value(said, above.element)


def _cardinality(said: Said, above: Reached) -> Iterator[Finding]:
    element, base = said.element, above.element
    if element.max is not None and element.min > element.max:
        yield said.finding("guard-min-above-max", "min", found=element.min, expected=element.max)
    if "min" in said.definition and element.min < base.min and not above.is_new_slice:
        yield said.finding("guard-min-loosened", "min", found=element.min, expected=base.min)
    if "max" in said.definition and _is_more(element.max, base.max):
        found = "*" if element.max is None else element.max
        yield said.finding("guard-max-loosened", "max", found=found, expected=base.max)


def _is_more(maximum: int | None, other: int | None) -> bool:
    return other is not None and (maximum is None or maximum > other)


def _types(said: Said, base: Element, registry: Registry) -> Iterator[Finding]:
    if "type" not in said.definition or not base.types:
        return
    allowed = " | ".join(ref.code for ref in base.types)
    for ref in said.element.types:
        above = [other for other in base.types if _derives(ref.code, other, registry)]
        if not above:
            yield said.finding("guard-type-loosened", "type", found=ref.code, expected=allowed)
            continue
        targets = tuple(target for other in above for target in other.target_profiles)
        for target in _outside(ref, targets, registry):
            yield said.finding(
                "guard-target-loosened", "type", found=target, expected=" | ".join(targets)
            )


def _derives(code: str, other: TypeRef, registry: Registry) -> bool:
    if code == other.value_type or other.code in {"Element", "*"}:
        return True  # Extension.url is a System.String by name, a uri by its extension
    return registry.types.is_subtype(code, other.code)


def _outside(ref: TypeRef, allowed: tuple[str, ...], registry: Registry) -> Iterator[str]:
    """Yield the targets that none of the allowed ones covers; one that is not here is let pass."""
    if not allowed:
        return
    plain = {target.partition("|")[0] for target in allowed}
    if any(target.endswith("/StructureDefinition/Resource") for target in plain):
        return
    for target in ref.target_profiles:
        chain = list(_ancestors(target, registry))
        if chain and plain.isdisjoint(chain):
            yield target


def _ancestors(canonical: str, registry: Registry) -> Iterator[str]:
    """Yield the URL of a structure and of what it derives from; nothing where one is missing."""
    found: list[str] = []
    current: str | None = canonical
    while current is not None and len(found) < _MAX_ANCESTORS:
        structure = registry.structure(current)
        if structure is None:
            return
        found.append(structure.url)
        current = structure.base
    yield from found


_MAX_ANCESTORS = 50


def _binding(said: Said, base: Element) -> Iterator[Finding]:
    binding, above = said.element.binding, base.binding
    if "binding" not in said.definition or binding is None or above is None:
        return
    strength = _STRENGTHS.index(above.strength)
    if strength >= _MEANT_TO_STAY and _STRENGTHS.index(binding.strength) < strength:
        yield said.finding(
            "guard-binding-loosened", "binding", "strength",
            found=binding.strength, expected=above.strength,
        )  # fmt: skip


def _codes(said: Said, base: Element, terminology: Terminology) -> Iterator[Finding]:
    """Report codes that a required binding adds to those of the base, where both can be listed."""
    sets = [
        one.value_set if one is not None and one.strength == "required" else None
        for one in (said.element.binding, base.binding)
    ]
    if "binding" not in said.definition or sets[0] == sets[1]:
        return
    own, above = (None if one is None else terminology.codes_of(one) for one in sets)
    added = sorted(code for _, code in own - above) if own and above else []
    if added:
        yield said.finding(
            "guard-codes-loosened", "binding", "valueSet",
            found=", ".join(added[:_SHOWN_CODES]), expected=sets[1],
        )  # fmt: skip


def _values(said: Said, registry: Registry) -> Iterator[Finding]:
    element = said.element
    codes = {ref.value_type or ref.code for ref in element.types}
    if not codes or any(code.startswith("System.") for code in codes):
        return
    for prefix, value in (
        ("fixed", element.fixed),
        ("pattern", element.pattern),
        ("minValue", element.min_value),
        ("maxValue", element.max_value),
    ):
        key = next((k for k in said.definition if k.startswith(prefix) and k != prefix), None)
        if key is None or value is None:
            continue
        if not any(registry.types.is_subtype(code, value.fhir_type) for code in codes):
            expected = " | ".join(sorted(codes))
            yield said.finding("guard-value-type", key, found=value.fhir_type, expected=expected)


def _same_value(said: Said, base: Element) -> Iterator[Finding]:
    """Report fixed values and patterns that can never hold together with those of the base."""
    element = said.element
    key = next((k for k in said.definition if k.startswith(("fixed", "pattern"))), None)
    above = base.fixed or base.pattern
    own = element.fixed if key is not None and key.startswith("fixed") else element.pattern
    if key is None or above is None or own is None:
        return
    if base.fixed is None:
        agrees = contains(own.value, above.value)
    elif element.fixed is own:
        agrees = equals(own.value, above.value)
    else:
        agrees = contains(above.value, own.value)
    if not agrees:
        yield said.finding(
            "fixed-contradicts-base", key, found=str(own.value), expected=str(above.value)
        )
