"""What a code system says about one code.

Spec: https://hl7.org/fhir/R4/codesystem-operation-lookup.html
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fhir_server.model import JsonObject, NotFound, issue
from fhir_server.terminology.concept import CodeSystem, Concept
from fhir_server.terminology.display import ANY_LANGUAGE, Languages, display_of
from fhir_server.terminology.systems import CodeSystems
from fhir_server.terminology.value_set import Member

_NEVER_AS_PROPERTY = {"code", "concept", "display", "name", "system", "url", "version"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeDetails:
    """A code with all that is known of it.

    Attributes:
        name: Of the code system, for people.
        system: Canonical of the code system.
        version: Of the code system.
        code: As the system writes it.
        display: In the language asked for.
        definition: What the concept means.
        is_abstract: Not to be used as a value.
        is_inactive: No longer in use.
        designations: Further names.
        properties: (code, value key such as ``valueCode``, value, description) of each.
    """

    name: str
    system: str
    version: str | None
    code: str
    display: str | None
    definition: str | None
    is_abstract: bool
    is_inactive: bool
    designations: tuple[JsonObject, ...]
    properties: tuple[tuple[str, str, object, str | None], ...]


def lookup(
    systems: CodeSystems,
    system: str,
    code: str,
    *,
    version: str | None = None,
    properties: tuple[str, ...] = (),
    languages: Languages = ANY_LANGUAGE,
    supplements: tuple[str, ...] = (),
) -> CodeDetails:
    """Return what is known of a code.

    Args:
        systems: Where to look.
        system: Canonical of the code system.
        code: The code.
        version: Of the system; None: the newest.
        properties: Only these (``parent``, ``child``, ``lang.uk`` count too); none: all.
        languages: Of the display.
        supplements: Canonicals of supplements to apply.

    Raises:
        NotFound: The code system is not here, or it has no such code.
    """
    known, concept = find_concept(systems, system, code, version, supplements)
    member = Member(
        system=system, version=known.version, code=concept.code, concept=concept, code_system=known
    )
    definition = systems.definition(system, version) or {}
    described = {p.get("code"): p.get("description") for p in definition.get("property", ())}
    return CodeDetails(
        name=definition.get("title") or definition.get("name") or system,
        system=system,
        version=known.version,
        code=concept.code,
        display=display_of(member, languages),
        definition=concept.definition,
        is_abstract=concept.is_abstract,
        is_inactive=concept.is_inactive,
        designations=_designations(concept, properties),
        properties=tuple(
            (name, key, value, described.get(name))
            for name, key, value in _properties(known, concept)
            if not properties or name in properties
        ),
    )


def find_concept(
    systems: CodeSystems,
    system: str,
    code: str,
    version: str | None,
    supplements: tuple[str, ...] = (),
) -> tuple[CodeSystem, Concept]:
    """Return the code system and the concept of a code.

    Raises:
        NotFound: One of them is not here.
    """
    shown = f"{system}|{version}" if version else system
    known = systems.find(system, version, supplements)
    if known is None:
        unknown = issue("code-system-unknown", found=shown, severity="error")
        raise NotFound((unknown,))
    concept = known.find(code)
    if concept is None:
        raise NotFound((issue("code-unknown", found=code, system=shown, code="not-found"),))
    return known, concept


def _designations(concept: Concept, wanted: tuple[str, ...]) -> tuple[JsonObject, ...]:
    languages = {name.removeprefix("lang.") for name in wanted if name.startswith("lang.")}
    if not wanted or "designation" in wanted:
        return concept.designations
    return tuple(d for d in concept.designations if d.get("language") in languages)


def _properties(known: CodeSystem, concept: Concept) -> Iterator[tuple[str, str, object]]:
    seen: set[str] = set()
    for found in concept.properties:
        name = str(found.get("code", ""))
        for key, value in found.items():
            if key.startswith("value") and name not in _NEVER_AS_PROPERTY:
                seen.add(name)
                yield name, key, value
    for name, codes in (
        ("parent", known.parents(concept.code)),
        ("child", known.children(concept.code)),
    ):
        if name not in seen:
            yield from ((name, "valueCode", code) for code in codes)
    if "inactive" not in seen:
        yield "inactive", "valueBoolean", concept.is_inactive
