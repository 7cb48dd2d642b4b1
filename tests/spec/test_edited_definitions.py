"""An edit of a file below ``profiles/`` takes effect while the server runs, if it compiles."""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from fhir_server.definitions import load_registry, packages, packed
from fhir_server.settings import DefinitionSettings, Settings
from tests.support import client as client_support
from tests.support.client import SETTINGS, FhirClient, rules, running
from tests.support.workspace import BASE, profile, write_workspace

pytestmark = pytest.mark.anyio
DEADLINE_S = 30
NAMED = "profiles/structure-definitions/Named.json"
NAMELESS = {
    "resourceType": "Patient",
    "meta": {"profile": [f"{BASE}/StructureDefinition/Named"]},
    "active": True,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A national package of one profile, which demands a name."""
    write_workspace(tmp_path)
    monkeypatch.setattr(packages, "shipped_folder", lambda name: tmp_path / name)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setattr(client_support, "registry", load_registry)
    return tmp_path


def settings(**changes: Any) -> Settings:
    chosen = DefinitionSettings(**{"watch": "on", **changes})
    return replace(SETTINGS, definitions=chosen)


def edit(path: Path, content: str) -> None:
    """Write the file, later than before whatever the clock of the file system."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(content, encoding="utf-8")
    os.utime(path, ns=(before + 10**9, before + 10**9))


async def until(client: FhirClient, is_met: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    for _ in range(DEADLINE_S * 20):
        status = (await client.send("GET", "http://fhir.test/status")).json()["definitions"]
        if is_met(status):
            return status
        await asyncio.sleep(0.05)
    raise AssertionError(status)


async def test_an_edit_takes_effect_a_broken_one_does_not_and_is_told(folder):
    async with running(settings()) as client:
        assert (await client.post("Patient", NAMELESS)).status_code == 422

        edit(folder / NAMED, json.dumps(profile("Named", {"Patient.active": {"min": 1}})))
        with capture_logs() as logged:
            await until(client, lambda status: status["reloads"] == 1)
            await until(client, lambda _: logged)
        assert (await client.post("Patient", NAMELESS)).status_code == 201
        [told] = logged
        assert (told["event"], told["file"]) == ("definition edited", "Named.json")
        assert (told["breaking"], told["version_advice"]) == (True, "major")
        assert "Patient.name min 1 → 0 (loosened)" in told["changes"]

        edit(folder / NAMED, json.dumps(profile("Named", {"Patient.nickname": {"min": 1}})))
        status = await until(client, lambda status: status["problems"])
        assert "Patient.nickname" in status["problems"][0]
        assert (await client.post("Patient", NAMELESS)).status_code == 201

        edit(folder / NAMED, '{"resourceType": ')
        status = await until(client, lambda s: s["problems"] and "nickname" not in s["problems"][0])
        assert "Named.json" in status["problems"][0]

        edit(folder / NAMED, json.dumps(profile("Named", {"Patient.name": {"min": 1}})))
        status = await until(client, lambda status: status["reloads"] == 2)
        assert status["problems"] == []
        assert (await client.post("Patient", NAMELESS)).status_code == 422


async def test_stored_definitions_stay_in_force_over_an_edit(folder):
    async with running(settings()) as client:
        stored = profile("Stored", {"Patient.birthDate": {"min": 1}})
        assert (await client.put("StructureDefinition/Stored", stored)).status_code == 201
        edit(folder / NAMED, json.dumps(profile("Named", {"Patient.active": {"min": 1}})))
        await until(client, lambda status: status["reloads"] == 1)

        claiming = {**NAMELESS, "meta": {"profile": [stored["url"]]}}
        assert (await client.post("Patient", claiming)).status_code == 422


async def test_a_server_that_does_not_watch_says_so(folder):
    async with running(settings(watch="auto")) as client:
        status = await until(client, lambda status: True)

    assert status == {"installed": [], "watching": False, "reloads": 0, "problems": []}


async def test_status_names_the_installed_packages(folder):
    package = folder / "packages" / "a.tgz"
    package.parent.mkdir()
    said = {"name": "test.package", "version": "1.0.0", "fhirVersions": ["4.0.1"]}
    package.write_bytes(packed([("package.json", json.dumps(said).encode())]))

    async with running(settings(watch="off", packages=str(package.parent))) as client:
        status = await until(client, lambda status: True)

    assert [p["name"] for p in status["installed"]] == ["test.package"]


async def test_a_deleted_file_and_a_new_one_take_effect(folder):
    async with running(settings()) as client:
        new = folder / "profiles/structure-definitions/New.json"
        edit(new, json.dumps(profile("New", {"Patient.birthDate": {"min": 1}})))
        await until(client, lambda status: status["reloads"] == 1)
        claiming = {
            **NAMELESS,
            "meta": {"profile": ["https://fhir.test/StructureDefinition/New"]},
        }
        assert "cardinality-min" in rules(await client.post("Patient", claiming))

        new.unlink()
        await until(client, lambda status: status["reloads"] == 2)
        assert "profile-unknown" in rules(await client.post("Patient", claiming))


async def test_a_search_parameter_that_comes_by_file_finds_what_was_stored_before(folder):
    nick = {
        "resourceType": "SearchParameter",
        "id": "nick",
        "url": f"{BASE}/SearchParameter/nick",
        "name": "nick",
        "status": "active",
        "description": "x",
        "code": "nick",
        "base": ["Patient"],
        "type": "string",
        "expression": "Patient.name.given",
    }
    async with running(settings()) as client:
        named = {"resourceType": "Patient", "name": [{"given": ["Ніка"]}]}
        assert (await client.post("Patient", named)).status_code == 201
        edit(folder / NAMED.replace("Named", "nick"), json.dumps(nick))
        await until(client, lambda status: status["reloads"] == 1)
        for _ in range(200):
            bundle = (await client.get("Patient?nick=ніка")).json()
            modes = [entry["search"]["mode"] for entry in bundle.get("entry", [])]
            if modes == ["match"]:
                break
            await asyncio.sleep(0.02)
        assert modes == ["match"]
