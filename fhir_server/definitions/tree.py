"""Compile a snapshot to the element tree: children below parents, slices below what they slice.

Spec: https://hl7.org/fhir/R4/elementdefinition.html and https://hl7.org/fhir/R4/profiling.html#slicing
"""

from collections.abc import Iterator
from typing import Any

from fhir_server.definitions.elements import (
    Binding,
    Constraint,
    Discriminator,
    Element,
    FixedValue,
    Slicing,
    Structure,
    TypeRef,
)
from fhir_server.definitions.snapshot.node import Node, grow
from fhir_server.definitions.type_table import type_code
from fhir_server.model import Canonical, JsonObject

_HL7 = "http://hl7.org/fhir/StructureDefinition/"
_MAX_VALUE_SET = _HL7 + "elementdefinition-maxValueSet"
_REGEX = (_HL7 + "regex", _HL7 + "structuredefinition-regex")
_FHIR_TYPE = _HL7 + "structuredefinition-fhir-type"
_TRANSLATION = _HL7 + "translation"
_PROFILE_ELEMENT = _HL7 + "elementdefinition-profile-element"
_BEST_PRACTICE = _HL7 + "elementdefinition-bestpractice"
_CHECK = "/StructureDefinition/registered-check"  # below any base: `profile rebase`


class TreeCompiler:
    """Compiles structures; what repeats in every snapshot (``ele-1``) is kept once."""

    def __init__(self) -> None:
        self._constraints: dict[Constraint, Constraint] = {}
        self._types: dict[TypeRef, TypeRef] = {}

    def compile(self, definition: JsonObject) -> Structure:
        """Compile a StructureDefinition that has a snapshot.

        Raises:
            LookupError: The snapshot is empty, or an element stands below one that is not there.
        """
        url = Canonical(definition["url"])
        language = definition.get("language", "en")
        return Structure(
            url=url,
            version=definition.get("version"),
            name=definition.get("name") or definition["type"],
            title=tuple(_labels(definition, "title", language)),
            kind=definition["kind"],
            is_abstract=definition.get("abstract", False),
            type=definition["type"].removeprefix(_HL7),
            base=definition.get("baseDefinition"),
            derivation=definition.get("derivation"),
            contexts=tuple((c["type"], c["expression"]) for c in definition.get("context", ())),
            context_invariants=tuple(definition.get("contextInvariant", ())),
            root=self._freeze(grow(definition["snapshot"]["element"]), url, language),
        )

    def _freeze(self, node: Node, source: Canonical, language: str) -> Element:
        definition = node.definition
        path = definition["path"]
        return Element(
            id=definition.get("id") or path,
            path=path,
            name=node.name.removesuffix("[x]"),
            is_choice=node.is_choice,
            slice_name=node.slice_name,
            min=int(definition.get("min", 0)),
            max=_maximum(definition.get("max")),
            base_max=_maximum(definition.get("base", definition).get("max")),
            types=tuple(self._type(t) for t in definition.get("type", ())),
            content_reference=_after_hash(definition.get("contentReference")),
            fixed=_value(definition, "fixed"),
            pattern=_value(definition, "pattern"),
            min_value=_value(definition, "minValue"),
            max_value=_value(definition, "maxValue"),
            max_length=definition.get("maxLength"),
            binding=_binding(definition.get("binding")),
            constraints=tuple(
                self._constraint(c, source) for c in definition.get("constraint", ())
            ),
            checks=tuple(_checks(definition)),
            slicing=_slicing(definition.get("slicing")),
            slices=tuple(self._freeze(n, source, language) for n in node.slices.values()),
            children=tuple(self._freeze(n, source, language) for n in node.children.values()),
            is_modifier=definition.get("isModifier", False),
            is_summary=definition.get("isSummary", False),
            must_support=definition.get("mustSupport", False),
            representation=next(iter(definition.get("representation", ())), None),
            regex=_regex(definition),
            default_language_labels=tuple(_labels(definition, "short", language)),
        )

    def _type(self, type_ref: JsonObject) -> TypeRef:
        made = TypeRef(
            code=type_code(type_ref),
            profiles=tuple(_profiles(type_ref)),
            target_profiles=tuple(map(Canonical, type_ref.get("targetProfile", ()))),
            aggregation=tuple(type_ref.get("aggregation", ())),
            versioning=type_ref.get("versioning"),
            value_type=_extension(type_ref, (_FHIR_TYPE,)),
        )
        return self._types.setdefault(made, made)

    def _constraint(self, rule: JsonObject, source: Canonical) -> Constraint:
        introduced = rule.get("source", source)
        made = Constraint(
            key=rule.get("key", ""),
            severity=rule.get("severity", "error"),
            human=rule.get("human", ""),
            expression=rule.get("expression"),
            source=Canonical(introduced if ":" in introduced else _HL7 + introduced),
            translations=tuple(_labels(rule, "human", ""))[1:],
            is_best_practice=_extension(rule, (_BEST_PRACTICE,)) is True,
        )
        return self._constraints.setdefault(made, made)


def _maximum(text: str | None) -> int | None:
    return None if text is None or text == "*" else int(text)


def _after_hash(reference: str | None) -> str | None:
    return None if reference is None else reference.rpartition("#")[2]


def _value(definition: JsonObject, prefix: str) -> FixedValue | None:
    """Return ``fixed[x]``, ``pattern[x]`` …: the key says the type."""
    for key, value in definition.items():
        if key.startswith(prefix) and key[len(prefix) :][:1].isupper():
            fhir_type = key[len(prefix) :]
            if not isinstance(value, dict):
                fhir_type = fhir_type[0].lower() + fhir_type[1:]
            return FixedValue(fhir_type=fhir_type, value=value)
    return None


def _binding(binding: JsonObject | None) -> Binding | None:
    if binding is None:
        return None
    return Binding(
        strength=binding["strength"],
        value_set=binding.get("valueSet"),
        max_value_set=_extension(binding, (_MAX_VALUE_SET,)),
    )


def _slicing(slicing: JsonObject | None) -> Slicing | None:
    if slicing is None:
        return None
    return Slicing(
        discriminators=tuple(
            Discriminator(type=d["type"], path=d["path"]) for d in slicing.get("discriminator", ())
        ),
        rules=slicing.get("rules", "open"),
        is_ordered=slicing.get("ordered", False),
    )


def _regex(definition: JsonObject) -> str | None:
    for holder in (*definition.get("type", ()), definition):
        found = _extension(holder, _REGEX)
        if found is not None:
            return str(found)
    return None


def _extension(holder: JsonObject, urls: tuple[str, ...]) -> Any:
    """Return the value of the first extension with one of the URLs."""
    for extension in holder.get("extension", ()):
        if extension.get("url") in urls:
            return next((v for key, v in extension.items() if key.startswith("value")), None)
    return None


def _profiles(type_ref: JsonObject) -> Iterator[Canonical]:
    """Yield the profiles of a type; where one names an element: ``url#element id``."""
    beside = type_ref.get("_profile", ())
    for index, profile in enumerate(type_ref.get("profile", ())):
        extended = beside[index] if index < len(beside) else None
        element_id = _extension(extended or {}, (_PROFILE_ELEMENT,))
        yield Canonical(f"{profile}#{element_id}" if element_id else profile)


def _checks(definition: JsonObject) -> Iterator[str]:
    """Yield the ids of registered checks, which say what FHIRPath cannot."""
    for extension in definition.get("extension", ()):
        if "valueCode" in extension and str(extension.get("url")).endswith(_CHECK):
            yield extension["valueCode"]


def _labels(holder: JsonObject, key: str, language: str) -> Iterator[tuple[str, str]]:
    """Yield (language, text) of a string and of its translations."""
    if key in holder:
        yield language, holder[key]
    for extension in holder.get("_" + key, {}).get("extension", ()):
        if extension.get("url") == _TRANSLATION:
            parts = {
                part.get("url"): next((v for k, v in part.items() if k.startswith("value")), "")
                for part in extension.get("extension", ())
            }
            yield str(parts.get("lang", "")), str(parts.get("content", ""))
