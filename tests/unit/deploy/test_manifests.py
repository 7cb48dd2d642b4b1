"""The files of ``deploy/`` are valid by the schemas of Compose and Kubernetes; names exist."""

import json
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from fhir_server.settings import PREFIX, load_settings, options

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
KUBERNETES = "kubernetes_validate/kubernetes-json-schema/v1.31.0-local-strict/"


def data_file(distribution: str, name: str) -> Any:
    return json.loads(Path(str(metadata.distribution(distribution).locate_file(name))).read_text())


def environment(manifest: Any) -> dict[str, str]:
    """Every variable of the server that a manifest sets; secrets stand for themselves."""
    text = yaml.safe_dump(manifest)
    names = set(re.findall(rf"{PREFIX}[A-Z_]+", text))
    return dict.fromkeys(names, "")


COMPOSE = yaml.safe_load((DEPLOY / "compose.mongo.yaml").read_text(encoding="utf-8"))
OBJECTS = [
    pytest.param(found, id=f"{file.stem} {found['kind']} {found['metadata']['name']}")
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for found in yaml.safe_load_all(file.read_text(encoding="utf-8"))
]


def test_the_compose_file_is_valid() -> None:
    schema = data_file(
        "check-jsonschema", "check_jsonschema/builtin_schemas/vendor/compose-spec.json"
    )
    assert [error.message for error in Draft7Validator(schema).iter_errors(COMPOSE)] == []


@pytest.mark.parametrize("manifest", OBJECTS)
def test_a_kubernetes_object_is_valid(manifest: dict[str, Any]) -> None:
    definitions = data_file("kubernetes-validate", f"{KUBERNETES}_definitions.json")
    group, _, version = manifest["apiVersion"].rpartition("/")
    wanted = {"group": group, "kind": manifest["kind"], "version": version}
    schema = next(
        found
        for found in definitions["$defs"].values()
        if wanted in found.get("x-kubernetes-group-version-kind", ())
    )
    validator = Draft202012Validator({**schema, "$defs": definitions["$defs"]})
    assert [error.message for error in validator.iter_errors(manifest)] == []


def test_a_mistake_in_a_manifest_is_found() -> None:
    broken = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": "three"}}
    with pytest.raises(AssertionError):
        test_a_kubernetes_object_is_valid(broken)


@pytest.mark.parametrize("manifest", [COMPOSE, *OBJECTS], ids=str)
def test_every_variable_is_a_setting(manifest: Any) -> None:
    assert set(environment(manifest)) <= {option.variable for option in options()}


def test_the_compose_settings_start_a_server() -> None:
    environ = {**COMPOSE["services"]["server"]["environment"]}
    environ["FHIR_SERVER_SEARCH__PAGE_SECRET"] = "x" * 32
    settings = load_settings(environ=environ).settings
    assert settings.store.startswith("mongodb://mongo1,mongo2,mongo3/")
    assert settings.workers == 2
