"""``docs/mongodb.md`` names what the code has: indexes, collections, limits."""

from pathlib import Path

from fhir_server.storage.mongodb import shard_plan
from fhir_server.storage.mongodb.door import MINIMUM_VERSION
from fhir_server.storage.mongodb.indexes import BY_COLLECTION
from fhir_server.storage.mongodb.sharding import SHARD_KEYS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/mongodb.md").read_text(encoding="utf-8")


def test_every_index_is_described_with_its_keys() -> None:
    for name, keys in BY_COLLECTION["resources"].items():
        shown = ", ".join(field + ("↓" if direction < 0 else "") for field, direction in keys)
        assert f"| `{name}` | `{shown}` |" in PAGE
    assert len(BY_COLLECTION["resources"]) + 1 <= 9


def test_every_collection_is_described_and_sharded() -> None:
    for name in SHARD_KEYS:
        assert f"| `{name}` |" in PAGE
        assert f"fhir.{name}" in shard_plan("fhir")


def test_the_oldest_supported_version_is_named() -> None:
    assert f"**{'.'.join(map(str, MINIMUM_VERSION))} or newer**" in PAGE
