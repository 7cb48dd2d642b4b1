"""Generate snapshots: one structure after the other, whatever each rests on first.

Spec: https://hl7.org/fhir/R4/profiling.html#snapshot
"""

from typing import Protocol

from fhir_server.definitions.errors import DefinitionErrors
from fhir_server.definitions.snapshot.differential import plant
from fhir_server.definitions.snapshot.node import Node, flatten, grow
from fhir_server.definitions.snapshot.walk import Walk
from fhir_server.definitions.type_table import TypeTable
from fhir_server.model import JsonObject, issue

_TYPE_URL = "http://hl7.org/fhir/StructureDefinition/"
_PLACE = "StructureDefinition.differential"
_BASE = "StructureDefinition.baseDefinition"


class StructureSource(Protocol):
    """Where the generator looks structures up; a registry is one."""

    types: TypeTable

    def resource(self, kind: str, canonical: str) -> JsonObject | None:
        """Return a definition by canonical; None: not here."""


class SnapshotGenerator:
    """Generates snapshots; what several of them rest on is generated once."""

    def __init__(self, source: StructureSource) -> None:
        self._source = source
        self._done: dict[str, JsonObject] = {}
        self._trees: dict[str, Node] = {}
        self._under_way: list[str] = []

    def complete(self, definition: JsonObject) -> JsonObject:
        """Return the definition with a snapshot: its own, or else a generated one.

        Raises:
            DefinitionErrors: It cannot be generated; all findings.
        """
        if "snapshot" in definition:
            return definition
        key = _canonical(definition)
        if key not in self._done:
            self._under_way.append(key)
            try:
                self._done[key] = self._generate(definition)
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                raise _refusal("structure-broken", definition["url"], _PLACE, error) from error
            finally:
                self._under_way.pop()
        return self._done[key]

    def tree_of(self, canonical: str) -> Node | None:
        """Return the tree of a structure's snapshot; None: not here, or just being generated.

        It is shared: copy what is taken from it.
        """
        if canonical not in self._trees:
            found = self._find(canonical)
            if found is None or _canonical(found) in self._under_way:
                return None
            try:
                completed = self.complete(found)
            except DefinitionErrors:
                return None  # the profile is reported on its own; here its type alone has to do
            self._trees[canonical] = grow(completed["snapshot"]["element"])
        return self._trees[canonical]

    def _generate(self, definition: JsonObject) -> JsonObject:
        url = definition["url"]
        elements = definition.get("differential", {}).get("element", ())
        base_url = definition.get("baseDefinition")
        change = plant(elements)
        if base_url is None:
            raise _refusal("snapshot-missing", url, _PLACE, None)
        base = self._find_base(base_url)
        if base is None:
            raise _refusal("snapshot-base-unknown", url, _BASE, base_url)
        if _canonical(base) in self._under_way:
            raise _refusal("snapshot-circular", url, _BASE, base_url)
        root = grow(self.complete(base)["snapshot"]["element"])
        is_new_type = definition.get("derivation") == "specialization"
        if is_new_type:
            root.name = change.name if change else definition["type"].rpartition("/")[2]
        elif change is not None and change.name != root.name:
            raise _refusal("snapshot-other-type", url, change.name, change.name, root.name)
        if change is not None:
            walk = Walk(self.tree_of, root, url=url, is_new_type=is_new_type)
            walk.merge(change)
            if walk.problems:
                raise DefinitionErrors(walk.problems)
        return {**definition, "snapshot": {"element": list(flatten(root))}}

    def _find(self, canonical: str) -> JsonObject | None:
        url = canonical if ":" in canonical else _TYPE_URL + canonical
        return self._source.resource("StructureDefinition", url)

    def _find_base(self, canonical: str) -> JsonObject | None:
        found = self._find(canonical)
        if found is None and canonical.startswith(_TYPE_URL):
            # A guide for several releases may name the type of another one; here it is this one's.
            found = self._find(canonical.partition("|")[0])
        return found


def snapshot(structure_definition: JsonObject, registry: StructureSource) -> JsonObject:
    """Return a StructureDefinition with a generated snapshot; one that it has is replaced.

    Raises:
        DefinitionErrors: It cannot be generated; all findings.
    """
    blank = {k: v for k, v in structure_definition.items() if k != "snapshot"}
    return SnapshotGenerator(registry).complete(blank)


def _canonical(definition: JsonObject) -> str:
    version = definition.get("version")
    return str(definition["url"]) if version is None else f"{definition['url']}|{version}"


def _refusal(
    rule: str, url: str, place: str, found: object, expected: object = None
) -> DefinitionErrors:
    return DefinitionErrors(
        (issue(rule, expression=place, source=url, url=url, found=found, expected=expected),)
    )
