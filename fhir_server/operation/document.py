"""``Composition/$document``: a composition and all that it refers to, as a document Bundle.

Spec: https://hl7.org/fhir/R4/composition-operation-document.html and
https://hl7.org/fhir/R4/documents.html
"""

from dataclasses import replace

from fhir_server.interaction import (
    Operation,
    Request,
    Response,
    Services,
    Target,
    create,
    embedded,
    full_url,
    included,
    instant,
)
from fhir_server.model import (
    Deleted,
    InvalidRequest,
    JsonObject,
    LogicalId,
    NotFound,
    NotSupported,
    ResourceType,
    TooCostly,
    decode_object,
    encode,
)
from fhir_server.operation.call import operation_input
from fhir_server.operation.parameters import OperationParameters
from fhir_server.search import Include
from fhir_server.storage import StoredVersion

DEFINITION = "http://hl7.org/fhir/OperationDefinition/Composition-document"
_COMPOSITION = ResourceType("Composition")
_EVERYTHING = (Include(source_type=None, parameter=None, is_iterate=True),)


async def document(services: Services, target: Target, request: Request) -> Response:
    """Return the document; with ``persist=true`` it is stored as a Bundle too.

    The Bundle has the composition first, then what it refers to, and what that refers to in turn,
    as far as it is on this server.

    Raises:
        InvalidRequest: No composition is named.
        NotFound: There is no such composition.
        Deleted: It is deleted.
        NotSupported: ``graph`` is given.
        TooCostly: More hangs together than includes may bring along.
        ValidationFailed: The document was to be stored and breaks rules.
    """
    registry = services.knowledge.current.registry
    given = OperationParameters(operation_input(registry, DEFINITION, request))
    if given.text("graph") is not None:
        raise NotSupported.of("document-graph")
    logical_id = target.logical_id or given.text("id") or ""
    composition = await _composition(services, logical_id.rpartition("/")[2])
    found = await included(services, services.knowledge.current, [composition], _EVERYTHING)
    if found.is_cut_off:
        raise TooCostly.of("operation-too-many", expected=services.search_limits.max_included)
    made = _bundle(services, request, [composition, *found.versions])
    if given.boolean("persist"):
        if request.method != "POST":
            raise InvalidRequest.of("document-persist")
        return await _stored(services, request, made)
    return Response(status=200, body=made)


async def _composition(services: Services, logical_id: str) -> StoredVersion:
    if not logical_id:
        raise InvalidRequest.of("operation-parameter-missing", expected="id")
    version = await services.store.read(_COMPOSITION, LogicalId(logical_id))
    if version is None:
        raise NotFound.of("not-found", found=f"Composition/{logical_id}")
    if version.body is None:
        raise Deleted.of("deleted", found=f"Composition/{logical_id}")
    return version


def _bundle(services: Services, request: Request, versions: list[StoredVersion]) -> JsonObject:
    return {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{services.new_id()}"},
        "type": "document",
        "timestamp": instant(services.clock()),
        "entry": [
            {
                "fullUrl": full_url(request.base_url, version),
                "resource": embedded(version.body or b""),
            }
            for version in versions
        ],
    }


async def _stored(services: Services, request: Request, made: JsonObject) -> Response:
    """Store the document the way a client would, and answer with it."""
    body = encode(made)
    posting = replace(
        request,
        method="POST",
        path="Bundle",
        parameters=(),
        resource=decode_object(body),
        body=body,
        text=None,
        preferences=replace(request.preferences, returns="representation"),
    )
    return await create(services, Target("type", ResourceType("Bundle")), posting)


DOCUMENT = Operation(
    name="document",
    handler=document,
    definition=DEFINITION,
    resource_types=frozenset({_COMPOSITION}),
    on_type=True,
    on_instance=True,
)
