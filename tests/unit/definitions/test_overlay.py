"""What a stored structure may not do to the types of the release."""

import pytest

from fhir_server.definitions import DefinitionErrors, Registry
from fhir_server.model import JsonObject

HL7 = "http://hl7.org/fhir/StructureDefinition/"


def specialization(name: str, base: str, *, url: str = "", snapshot: bool = False) -> JsonObject:
    definition: JsonObject = {
        "resourceType": "StructureDefinition",
        "url": url or f"http://example.org/{name}",
        "name": name,
        "status": "draft",
        "kind": "resource",
        "abstract": False,
        "type": name,
        "baseDefinition": base,
        "derivation": "specialization",
    }
    elements = {"element": [{"id": name, "path": name, "min": 0, "max": "*"}]}
    return definition | {"snapshot" if snapshot else "differential": elements}


def refused(registry: Registry, *definitions: JsonObject) -> set[str]:
    with pytest.raises(DefinitionErrors) as caught:
        registry.with_resources(definitions)
    return {found.rule for found in caught.value.issues}


def test_a_structure_of_the_release_cannot_be_replaced_under_its_url(core: Registry) -> None:
    patient = specialization("Patient", f"{HL7}DomainResource", url=f"{HL7}Patient")
    assert "structure-of-the-release" in refused(core, patient)


def test_a_type_of_the_release_cannot_be_replaced_from_another_url(core: Registry) -> None:
    """Once `DomainResource` could be made to derive from Patient: the next request never ended."""
    resource = specialization("DomainResource", f"{HL7}Patient", snapshot=True)
    assert "structure-of-the-release" in refused(core, resource)


def test_types_with_snapshots_cannot_derive_from_each_other(core: Registry) -> None:
    first = specialization("Egg", f"{HL7}Hen", snapshot=True)
    second = specialization("Hen", f"{HL7}Egg", snapshot=True)
    assert refused(core, first, second) == {"snapshot-circular"}
