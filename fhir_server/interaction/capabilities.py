"""CapabilityStatement: told from what is registered, so that it cannot promise what is not there.

Spec: https://hl7.org/fhir/R4/http.html#capabilities and https://hl7.org/fhir/R4/capabilitystatement.html
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from fhir_server import __version__
from fhir_server.definitions import Registry
from fhir_server.interaction.json_patch import JSON_PATCH
from fhir_server.interaction.knowledge import Knowledge
from fhir_server.interaction.message import Request, Response
from fhir_server.interaction.operation import Operation
from fhir_server.interaction.patch import XML_PATCH
from fhir_server.interaction.search_index import Parameter
from fhir_server.interaction.services import Services
from fhir_server.interaction.subset import requested_subset
from fhir_server.interaction.target import Target
from fhir_server.interaction.write import instant
from fhir_server.model import InvalidRequest, JsonObject, encode

_TYPE_INTERACTIONS = (
    "read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create",
    "search-type",
)  # fmt: skip
_SYSTEM_INTERACTIONS = ("transaction", "batch", "search-system", "history-system")
_MODES = frozenset({"full", "normative", "terminology"})


class Capabilities:
    """Answers ``metadata``; the statement is made once for each state of the definitions.

    Args:
        operations: The operations on offer.
        formats: Media types of resources on the wire.
    """

    def __init__(self, operations: Sequence[Operation], formats: Sequence[str]) -> None:
        self._operations = operations
        self._formats = formats
        self._made: tuple[object, bytes] | None = None

    async def __call__(self, services: Services, _target: Target, request: Request) -> Response:
        """Return the statement.

        Raises:
            InvalidRequest: ``mode`` has a value that is not one.
        """
        mode = next((value for name, value in request.parameters if name == "mode"), "full")
        if mode not in _MODES:
            raise InvalidRequest.of("capabilities-mode", found=mode)
        knowledge = services.knowledge.current
        if mode == "terminology":
            body = _terminology_capabilities(knowledge.registry, services.clock())
            return Response(status=200, body=body)
        unfinished = await services.index.incomplete()
        key = (knowledge, request.base_url, unfinished)
        if self._made is None or self._made[0] != key:
            statement = _statement(
                knowledge, self._operations, request.base_url, services.clock(), unfinished
            )
            if services.options.max_conditional_deletes > 1:
                for resource in statement["rest"][0]["resource"]:
                    resource["conditionalDelete"] = "multiple"
            statement["format"] = list(self._formats)
            statement["patchFormat"] = [
                JSON_PATCH,
                XML_PATCH,
                *(name for name in self._formats if not name.endswith("ndjson")),
            ]
            self._made = (key, encode(statement))
        subset = requested_subset(request.parameters)
        body_bytes = self._made[1]
        if subset is not None:
            body_bytes = subset.of_bytes(body_bytes, knowledge.registry.types)
        return Response(status=200, body=body_bytes)


def _statement(
    knowledge: Knowledge,
    operations: Sequence[Operation],
    base_url: str,
    now: datetime,
    unfinished: Collection[Parameter],
) -> JsonObject:
    registry = knowledge.registry
    types = sorted(registry.types.resource_types)
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": instant(now),
        "kind": "instance",
        "software": {"name": "fhir-server", "version": __version__},
        "implementation": {
            "description": "HL7 FHIR R4 server for the records of Ukraine's e-health system (ЕСОЗ)",
            "url": base_url,
        },
        "fhirVersion": registry.fhir_version,
        "rest": [
            {
                "mode": "server",
                "security": {"cors": True},
                "resource": [_resource(knowledge, name, operations, unfinished) for name in types],
                "interaction": [{"code": code} for code in _SYSTEM_INTERACTIONS],
                "searchParam": _search_parameters(
                    knowledge, "Resource", {("Resource", c) for _, c in unfinished}
                ),
                "operation": [_operation(o) for o in operations if o.on_system],
                "compartment": _compartments(registry),
            }
        ],
    }


def _resource(
    knowledge: Knowledge,
    resource_type: str,
    operations: Sequence[Operation],
    unfinished: Collection[Parameter],
) -> JsonObject:
    registry = knowledge.registry
    made: JsonObject = {
        "type": resource_type,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{resource_type}",
        "interaction": [{"code": code} for code in _TYPE_INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "referencePolicy": ["literal", "logical", "local"],
        "searchInclude": ["*", *_includes(registry, resource_type)],
        "searchParam": _search_parameters(knowledge, resource_type, unfinished),
    }
    profiles = registry.profiles_for(resource_type)
    if profiles:
        made["supportedProfile"] = list(profiles)
    offered = [
        _operation(operation, resource_type)
        for operation in operations
        if operation.is_offered("type-operation", resource_type)
        or operation.is_offered("instance-operation", resource_type)
    ]
    if offered:
        made["operation"] = offered
    return made


def _search_parameters(
    knowledge: Knowledge, resource_type: str, unfinished: Collection[Parameter]
) -> list[JsonObject]:
    return [
        {"name": parameter.code, "definition": parameter.url, "type": parameter.type}
        for parameter in knowledge.parser.offered(resource_type)
        if (resource_type, parameter.code) not in unfinished
    ]


def _includes(registry: Registry, resource_type: str) -> list[str]:
    return [
        f"{resource_type}:{code}"
        for code, parameter in sorted(registry.search_parameters(resource_type).items())
        if parameter.type == "reference"
    ]


def _operation(operation: Operation, resource_type: str = "Resource") -> JsonObject:
    return {"name": operation.name, "definition": operation.definition_on(resource_type)}


def _compartments(registry: Registry) -> list[str]:
    return [
        f"http://hl7.org/fhir/CompartmentDefinition/{code.lower()}"
        for code in ("Device", "Encounter", "Patient", "Practitioner", "RelatedPerson")
        if registry.compartment(code) is not None
    ]


def _terminology_capabilities(registry: Registry, now: datetime) -> JsonObject:
    """Return the code systems that are here.

    Spec: https://hl7.org/fhir/R4/terminologycapabilities.html
    """
    systems: dict[str, set[str]] = {}
    for entry in registry.listing("CodeSystem"):
        systems.setdefault(entry.url, set()).update(filter(None, (entry.version,)))
    return {
        "resourceType": "TerminologyCapabilities",
        "status": "active",
        "date": instant(now),
        "kind": "instance",
        "software": {"name": "fhir-server", "version": __version__},
        "implementation": {"description": "Code systems of this server"},
        "codeSystem": [
            {
                "uri": uri,
                **({"version": [{"code": v} for v in sorted(versions)]} if versions else {}),
            }
            for uri, versions in sorted(systems.items())
        ],
    }
