"""What the database says of a query: which indexes it reads, how many entries and documents.

Reference: https://www.mongodb.com/docs/manual/reference/explain-results/
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from fhir_server.storage.store import ExplainedStep

_STAGES = {"COLLSCAN": "reads everything", "SORT": "sorts in memory", "SORT_MERGE": "merges"}


async def explain(
    database: AsyncDatabase[dict[str, Any]], name: str, command: Mapping[str, Any]
) -> ExplainedStep:
    """Run a command's query and tell what it read."""
    told = await database.command("explain", command, verbosity="executionStats")
    if "stages" in told:
        told = told["stages"][0]["$cursor"]
    stats = told["executionStats"]
    stages = list(_stages(told["queryPlanner"]["winningPlan"]))
    indexes = {stage["indexName"] for stage in stages if "indexName" in stage}
    if any(stage["stage"] == "IDHACK" for stage in stages):
        indexes.add("_id_")
    remarks = [_STAGES[stage["stage"]] for stage in stages if stage["stage"] in _STAGES]
    return ExplainedStep(
        action=", ".join([name, *dict.fromkeys(remarks)]),
        indexes=tuple(sorted(indexes)),
        keys_examined=int(stats["totalKeysExamined"]),
        documents_examined=int(stats["totalDocsExamined"]),
        returned=int(stats["nReturned"]),
    )


def _stages(plan: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every stage of a plan, however deep."""
    if isinstance(plan, list):
        for part in plan:
            yield from _stages(part)
    elif isinstance(plan, dict):
        if "stage" in plan:
            yield plan
        for name, part in plan.items():
            if name != "slotBasedPlan":
                yield from _stages(part)
