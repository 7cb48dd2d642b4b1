"""The expansion of a value set: its codes as a list or a tree, by language and page.

Spec: https://hl7.org/fhir/R4/valueset-operation-expand.html
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from uuid import NAMESPACE_URL, uuid5

from fhir_server.model import Issue, JsonObject, TooCostly, ValidationFailed
from fhir_server.terminology.concept import CodeSystem
from fhir_server.terminology.display import ANY_LANGUAGE, Languages, display_of, speaks
from fhir_server.terminology.standing import Standing, remarks
from fhir_server.terminology.value_set import CompiledValueSet, Member, canonical_of

_HL7 = "http://hl7.org/fhir/StructureDefinition/"
_UNCLOSED = _HL7 + "valueset-unclosed"
_PROPERTY = (
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion.contains.property"
)
_KEPT = (
    "resourceType", "id", "meta", "language", "extension", "url", "identifier", "version", "name",
    "title", "status", "experimental", "date", "publisher", "description", "useContext",
    "jurisdiction", "immutable",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpansionOptions:
    """How a value set is to be expanded.

    Attributes:
        text: Words that must all stand in a name or the code; without regard to case.
        count: Most codes of the page; None: all of them.
        offset: Codes to skip.
        is_active_only: Leave inactive codes out.
        excludes_nested: A flat list instead of a tree; a page is always flat.
        excludes_abstract: Leave out codes that only group others.
        includes_designations: Add the names in other languages.
        designations: Only these: language tags, or ``system|code`` of a use; none: all.
        includes_definition: Keep the rules (``compose``) in the answer.
        languages: Of the displays.
        properties: Properties of concepts to add.
        excluded_systems: Code systems to leave out, ``url`` or ``url|version``.
        echo: Parameters of the request, to be repeated in the answer.
        max_codes: Longest expansion that is given at once.
    """

    text: str | None = None
    count: int | None = None
    offset: int = 0
    is_active_only: bool = False
    excludes_nested: bool = False
    excludes_abstract: bool = False
    includes_designations: bool = False
    designations: tuple[str, ...] = ()
    includes_definition: bool = False
    languages: Languages = ANY_LANGUAGE
    properties: tuple[str, ...] = ()
    excluded_systems: tuple[str, ...] = ()
    echo: tuple[JsonObject, ...] = ()
    max_codes: int = 20_000


def expand(
    value_set: CompiledValueSet,
    options: ExpansionOptions,
    now: datetime,
    definitions: Callable[[str, str | None], JsonObject | None] = lambda _url, _version: None,
) -> JsonObject:
    """Return the value set with its expansion.

    Args:
        value_set: Its rules.
        options: What is wanted of it.
        now: For the timestamp.
        definitions: Finds a CodeSystem by url and version, to say where one is not settled.

    Raises:
        ValidationFailed: A code system or value set that it needs is not here.
        TooCostly: Codes cannot be listed at all, or there are more than ``max_codes``.
    """
    if missing := list(value_set.missing()):
        raise ValidationFailed(_once(missing))
    systems = list({id(s): s for s in value_set.systems()}.values())
    _check_listable(value_set, systems)
    found = [m for m in value_set.members() if _is_wanted(m, options)]
    page = found[options.offset :]
    if options.count is not None:
        page = page[: options.count]
    if len(page) > options.max_codes:
        raise TooCostly.of(
            "expansion-too-long",
            found=len(page),
            expected=options.max_codes,
            value_set=value_set.canonical,
        )
    identifier = uuid5(NAMESPACE_URL, f"{value_set.canonical}#{now.isoformat()}")
    expansion: JsonObject = {
        "identifier": f"urn:uuid:{identifier}",
        "timestamp": now.isoformat(timespec="milliseconds"),
        "total": len(found),
    }
    if any(system.content != "complete" for system in systems):
        expansion["extension"] = [{"url": _UNCLOSED, "valueBoolean": True}]
    is_page = options.count is not None or options.offset > 0
    if is_page:
        expansion["offset"] = options.offset
    if parameters := [
        *options.echo,
        *_used(value_set, systems),
        *_standings(value_set, definitions),
    ]:
        expansion["parameter"] = parameters
    if contains := _contains(page, options, is_flat=is_page or options.excludes_nested):
        expansion["contains"] = contains
    kept = {key: value_set.json[key] for key in _KEPT if key in value_set.json}
    if options.includes_definition and "compose" in value_set.json:
        kept["compose"] = value_set.json["compose"]
    return {**kept, "expansion": expansion}


def _check_listable(value_set: CompiledValueSet, systems: Iterable[CodeSystem]) -> None:
    endless = {s.url for s in systems if not s.is_enumerable}
    for clause in value_set.includes:
        if clause.system in endless and clause.listed is None:
            raise TooCostly.of(
                "expansion-not-listable", found=clause.system, value_set=value_set.canonical
            )
        for nested in clause.value_sets if clause.system is None else ():
            _check_listable(nested, systems)


def _once(issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """Each finding once, as an error: without it there is no expansion."""
    return tuple({(i.rule, i.found): replace(i, severity="error") for i in issues}.values())


def _is_wanted(member: Member, options: ExpansionOptions) -> bool:
    concept = member.concept
    if concept is not None and (
        (options.is_active_only and concept.is_inactive)
        or (options.excludes_abstract and concept.is_abstract)
    ):
        return False
    if options.excluded_systems and not {
        member.system,
        f"{member.system}|{member.version}",
    }.isdisjoint(options.excluded_systems):
        return False
    return options.text is None or _has_text(member, options)


def _has_text(member: Member, options: ExpansionOptions) -> bool:
    shown = [display_of(member, options.languages), display_of(member), member.code]
    if member.concept is not None:
        shown.extend(designation.get("value") for designation in member.concept.designations)
    haystack = "\n".join(text for text in shown if text).casefold()
    return all(word in haystack for word in (options.text or "").casefold().split())


def _standings(
    value_set: CompiledValueSet,
    definitions: Callable[[str, str | None], JsonObject | None],
) -> Iterator[JsonObject]:
    """Warn of what is not settled: ``warning-draft``, ``warning-withdrawn`` and so on."""
    found: dict[tuple[Standing, str], None] = {}
    for system in (None, *value_set.systems()):
        definition = None if system is None else definitions(system.url, system.version)
        for told, standing in remarks(value_set, definition):
            found[standing, canonical_of(told)] = None
    for standing, canonical in found:
        yield {"name": f"warning-{standing}", "valueUri": canonical}


def _used(value_set: CompiledValueSet, systems: Iterable[CodeSystem]) -> Iterator[JsonObject]:
    """Name what was read, in R5's word for it (``used-codesystem``) and in R4's (``version``)."""
    for canonical in dict.fromkeys(value_set.value_sets()):
        yield {"name": "used-valueset", "valueUri": canonical}
    for canonical in dict.fromkeys(f"{s.url}|{s.version}" if s.version else s.url for s in systems):
        yield {"name": "used-codesystem", "valueUri": canonical}
        if "|" in canonical:
            yield {"name": "version", "valueUri": canonical}


def _contains(
    members: list[Member], options: ExpansionOptions, *, is_flat: bool
) -> list[JsonObject]:
    """Render the members, children below the first of their parents that stands before them."""
    versions = {(m.system, m.version) for m in members}
    several = {s for s, _ in versions if sum(1 for other, _ in versions if other == s) > 1}
    roots: list[JsonObject] = []
    placed: dict[tuple[str, str | None, str], JsonObject] = {}
    for member in members:
        entry = _entry(member, options, with_version=member.system in several)
        above = None if is_flat or member.listed is not None else _parent(member, placed)
        (roots if above is None else above.setdefault("contains", [])).append(entry)
        if member.listed is None:
            placed[(member.system, member.version, member.code)] = entry
    return roots


def _parent(
    member: Member, placed: dict[tuple[str, str | None, str], JsonObject]
) -> JsonObject | None:
    """Find the nearest concept above that has its place, passing those that are left out."""
    if member.code_system is None:
        return None
    todo = deque(member.code_system.parents(member.code))
    seen = set(todo)
    while todo:
        code = todo.popleft()
        found = placed.get((member.system, member.version, code))
        if found is not None:
            return found
        further = [c for c in member.code_system.parents(code) if c not in seen]
        seen.update(further)
        todo.extend(further)
    return None


def _entry(member: Member, options: ExpansionOptions, *, with_version: bool) -> JsonObject:
    entry: JsonObject = {}
    if properties := list(_properties(member, options.properties)):
        entry["extension"] = properties
    if member.system:
        entry["system"] = member.system
    if member.concept is not None and member.concept.is_abstract:
        entry["abstract"] = True
    if member.concept is not None and member.concept.is_inactive:
        entry["inactive"] = True
    if with_version and member.version is not None:
        entry["version"] = member.version
    entry["code"] = member.code
    display = display_of(member, options.languages)
    if display is not None:
        entry["display"] = display
    if options.includes_designations or options.designations:
        designations = list(islice(_designations(member, options, display), 1_000))
        if designations:
            entry["designation"] = designations
    return entry


def _properties(member: Member, wanted: Iterable[str]) -> Iterator[JsonObject]:
    concept, system = member.concept, member.code_system
    if concept is None or system is None:
        return
    for name in wanted:
        typed = [p for p in concept.properties if p.get("code") == name]
        values = [{k: v for k, v in p.items() if k.startswith("value")} for p in typed] or [
            {"valueString" if name in {"definition", "display"} else "valueCode": text}
            for text in system.values(concept, name)
        ]
        for value in values:
            (content,) = [v for k, v in value.items()]
            (key,) = value
            yield {
                "url": _PROPERTY,
                "extension": [{"url": "code", "valueCode": name}, {"url": "value", key: content}],
            }


def _designations(
    member: Member, options: ExpansionOptions, display: str | None
) -> Iterator[JsonObject]:
    """List the designations asked for; the system's own display is one where another is shown."""
    concept = member.concept
    system = member.code_system
    own: list[JsonObject] = list((member.listed or {}).get("designation", ()))
    if concept is not None:
        if concept.display is not None and concept.display != display:
            language = {"language": system.language} if system and system.language else {}
            own.append({**language, "value": concept.display})
        own.extend(concept.designations)
    for designation in own:
        if not options.designations or any(
            _is_designation(designation, wanted) for wanted in options.designations
        ):
            yield {
                key: designation[key]
                for key in ("extension", "language", "use", "value")
                if key in designation
            }


def _is_designation(designation: JsonObject, wanted: str) -> bool:
    """Compare with a language tag, ``urn:ietf:bcp:47|tag`` or ``system|code`` of a use."""
    system, bar, code = wanted.rpartition("|")
    if not bar or system == "urn:ietf:bcp:47":
        language = designation.get("language")
        return language is not None and speaks(language, code)
    use = designation.get("use", {})
    return bool(use.get("system") == system and use.get("code") == code)
