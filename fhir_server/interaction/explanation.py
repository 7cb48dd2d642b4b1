"""How a search is understood and found: the answer to ``_explain=true``.

The parameter is this server's own; the answer is a Parameters resource.
"""

from fhir_server.interaction.message import Response
from fhir_server.interaction.services import Services
from fhir_server.model import JsonObject
from fhir_server.search import ParsedSearch, outline
from fhir_server.storage import ExplainedStep


async def explanation(services: Services, parsed: ParsedSearch) -> Response:
    """Tell how the first page of a search is found; it is read, but not given.

    Raises:
        TooCostly: The search would read more, or take longer, than the limits allow.
    """
    parameters: list[JsonObject] = []
    for query in parsed.queries:
        parameters += (
            {"name": "types", "valueString": ", ".join(query.resource_types)},
            {"name": "where", "valueString": outline(query.where)},
            *(
                {
                    "name": "sort",
                    "valueString": f"{'-' if key.is_descending else ''}{key.parameter}",
                }
                for key in query.sort
            ),
            *(_step(step) for step in await services.store.explain(query)),
        )
    return Response(status=200, body={"resourceType": "Parameters", "parameter": parameters})


def _step(step: ExplainedStep) -> JsonObject:
    counts = {
        "keysExamined": step.keys_examined,
        "documentsExamined": step.documents_examined,
        "returned": step.returned,
    }
    return {
        "name": "step",
        "part": [
            {"name": "action", "valueString": step.action},
            *({"name": "index", "valueString": name} for name in step.indexes),
            *(
                {"name": name, "valueInteger": count}
                for name, count in counts.items()
                if count is not None
            ),
        ],
    }
