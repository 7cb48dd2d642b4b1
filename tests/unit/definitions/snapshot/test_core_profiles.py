"""Take the snapshot of every R4 core profile away, make it again, and compare."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fhir_server.definitions import Registry, snapshot

EXCEPTIONS = tomllib.loads(
    Path(__file__).with_name("core_exceptions.toml").read_text(encoding="utf-8")
)
COMPARED = (
    "min", "max", "type", "binding", "slicing", "constraint", "contentReference", "sliceName",
    "base", "isModifier", "mustSupport", "maxLength",
)  # fmt: skip
VALUES = ("fixed", "pattern", "minValue", "maxValue")


def test_regenerated_snapshots_of_core_profiles_are_the_published_ones(core):
    """DESIGN 5: min, max, types, bindings, slicing, fixed values, invariants, places, order."""
    found = {}
    count = 0
    for published in core.resources("StructureDefinition"):
        if published.get("derivation") == "constraint" and "snapshot" in published:
            count += 1
            differences = list(differences_of(published, core))
            if differences:
                found[published["id"]] = differences

    assert count == 439
    assert found == {name: entry["differs"] for name, entry in EXCEPTIONS.items()}


def differences_of(published: dict[str, Any], registry: Registry) -> Iterator[str]:
    made = snapshot(published, registry)["snapshot"]["element"]
    before = published["snapshot"]["element"]
    if [e["id"] for e in made] != [e["id"] for e in before]:
        yield "elements"
        return
    for old, new in zip(before, made, strict=True):
        keys = [key for key in {**old, **new} if key in COMPARED or key.startswith(VALUES)]
        for key in keys:
            if _plain(key, old.get(key)) != _plain(key, new.get(key)):
                yield f"{old['id']} {key}"


def _plain(key: str, value: Any) -> Any:
    """The value without what says the same in another way: order of sets, defaults, prose."""
    if key == "constraint":
        return sorted(rule["key"] for rule in value or ())
    if key == "binding" and value is not None:
        return value["strength"], value.get("valueSet")
    if key == "type":
        return sorted((t["code"], t.get("profile"), t.get("targetProfile")) for t in value or ())
    if key == "slicing" and value is not None:
        return value.get("discriminator"), value["rules"], value.get("ordered", False)
    return value
