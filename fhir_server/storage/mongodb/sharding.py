"""The shard keys: what a database administrator runs once on a sharded cluster.

Reasons: docs/mongodb.md and docs/decisions/0094-shard-by-hashed-id.md
"""

from collections.abc import Mapping

SHARD_KEYS: Mapping[str, str] = {
    "resources": '{ _id: "hashed" }',
    "history": '{ r: "hashed" }',
    "dict": '{ _id: "hashed" }',
    "claims": '{ _id: "hashed" }',
    "pieces": '{ _id: "hashed" }',
    "meta": '{ _id: "hashed" }',
}
"""Collection -> shard key. Reads and writes by id, vread and instance history ask one shard."""


def shard_plan(database: str, zone: str | None = None) -> str:
    """Return the commands for mongosh.

    Args:
        database: Name of the database.
        zone: Zone (a tenant or region) that all of the database is to lie in.
    """
    lines = [f'sh.enableSharding("{database}")']
    for collection, keys in SHARD_KEYS.items():
        lines.append(f'sh.shardCollection("{database}.{collection}", {keys})')
    if zone is not None:
        for collection, keys in SHARD_KEYS.items():
            field = keys.split(":")[0].removeprefix("{ ")
            ends = f"{{ {field}: MinKey }}, {{ {field}: MaxKey }}"
            lines.append(f'sh.updateZoneKeyRange("{database}.{collection}", {ends}, "{zone}")')
    return "\n".join(lines)
