"""`profile schema`: what the national profiles accept, their schema accepts."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from fhir_server.authoring import json_schema
from fhir_server.definitions import load_registry
from fhir_server.terminology import Terminology
from tests.support.workspace import BASE, profile

EXAMPLES = Path(__file__).parents[3] / "examples"
EXPECTED = yaml.safe_load((EXAMPLES / "invalid/expected.yaml").read_text(encoding="utf-8"))
STRUCTURAL = {"type-not-allowed", "property-unknown"}


@cache
def registry():
    return load_registry()


@cache
def terminology():
    return Terminology(registry())


@cache
def checker(url: str) -> jsonschema.Draft202012Validator:
    schema = json_schema(registry().structure(url), registry(), terminology())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def resources(path: Path) -> list[dict[str, Any]]:
    resource = json.loads(path.read_text(encoding="utf-8"))
    return [resource, *(e["resource"] for e in resource.get("entry", ()) if "resource" in e)]


def claimed(resource: dict[str, Any]) -> list[str]:
    return resource.get("meta", {}).get("profile", [])


def valid_examples() -> list[Path]:
    found = sorted(EXAMPLES.rglob("*.json"))
    return [p for p in found if not {"invalid", "broken"} & {*p.parts, *p.stem.split("-")}]


@pytest.mark.parametrize("path", valid_examples(), ids=lambda p: str(p.relative_to(EXAMPLES)))
def test_valid_examples_meet_the_schemas_of_their_profiles(path):
    for resource in resources(path):
        for url in claimed(resource):
            errors = [f"{e.json_path}: {e.message}" for e in checker(url).iter_errors(resource)]
            assert errors == [], url


@pytest.mark.parametrize(
    "name", [name for name, wrong in EXPECTED.items() if wrong["rule"] in STRUCTURAL]
)
def test_examples_of_a_wrong_structure_do_not_meet_it(name):
    resource = json.loads((EXAMPLES / "invalid" / name).read_text(encoding="utf-8"))

    assert not all(checker(url).is_valid(resource) for url in claimed(resource))


def schema_of(core, elements):
    added = core.with_resources([profile("P", elements)])
    structure = added.structure(f"{BASE}/StructureDefinition/P")
    return json_schema(structure, added, Terminology(added))


PATIENT = {"resourceType": "Patient", "name": [{"text": "a"}], "gender": "male", "active": True}


@pytest.mark.parametrize(
    ("elements", "changed"),
    [
        ({"Patient.name": {"min": 1}}, {"name": None}),
        ({"Patient.name": {"max": "1"}}, {"name": [{"text": "a"}, {"text": "b"}]}),
        ({"Patient.active": {"max": "0"}}, {}),
        ({"Patient.active": {"fixedBoolean": False}}, {}),
        ({}, {"gender": "мале"}),
        ({}, {"birthDate": "2024-13-01"}),
        ({}, {"nickname": "x"}),
        ({}, {"resourceType": "Person"}),
        ({}, {"multipleBirthInteger": "2"}),
        ({"Patient.multipleBirth[x]": {"min": 1}}, {}),
        ({"Patient.language": {"maxLength": 2}}, {"language": "uk-UA"}),
        ({"Patient.maritalStatus": {"patternCodeableConcept": {"coding": [{"code": "M"}]}}},
         {"maritalStatus": {"coding": [{"code": "S"}]}}),
    ],
)  # fmt: skip
def test_what_a_schema_can_say_it_says(core, elements, changed):
    resource = {k: v for k, v in {**PATIENT, **changed}.items() if v is not None}

    assert not jsonschema.Draft202012Validator(schema_of(core, elements)).is_valid(resource)
    assert jsonschema.Draft202012Validator(schema_of(core, {})).is_valid(PATIENT)


def test_slices_of_extensions_are_counted_by_their_url(core):
    url = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
    schema = schema_of(core, {
        "Patient.extension": {"slicing": {"discriminator": [{"type": "value", "path": "url"}],
                                          "rules": "open"}},
        "Patient.extension:place": {"sliceName": "place", "min": 1,
                                    "type": [{"code": "Extension", "profile": [url]}]},
    })  # fmt: skip
    checker = jsonschema.Draft202012Validator(schema)
    extension = {"url": url, "valueAddress": {"city": "Київ"}}

    assert checker.is_valid({**PATIENT, "extension": [extension]})
    assert not checker.is_valid({**PATIENT, "extension": [{"url": "http://a", "valueCode": "b"}]})


def test_what_no_schema_can_say_stands_in_comments(core):
    said = {"key": "t-1", "severity": "error", "human": "x", "expression": "name.count() < 9"}
    schema = schema_of(core, {"Patient": {"constraint": [said]}})

    assert "t-1: name.count() < 9" in schema["$comment"]
