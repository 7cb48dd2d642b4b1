"""Whether a posted resource may be stored: the shape the server itself needs, then validation.

Spec: https://hl7.org/fhir/R4/http.html#create and https://hl7.org/fhir/R4/http.html#update
"""

from dataclasses import replace

from fhir_server.definitions import Registry
from fhir_server.interaction.knowledge import DEFINITION_TYPES, Knowledge
from fhir_server.interaction.message import Request
from fhir_server.interaction.services import Services
from fhir_server.interaction.stored_target import judged
from fhir_server.model import (
    InvalidRequest,
    Issue,
    JsonObject,
    LogicalId,
    ResourceType,
    ValidationFailed,
)
from fhir_server.validation import ReferenceResolver

_ANY_EXTENSION = "http://hl7.org/fhir/StructureDefinition/Extension|"


def posted(request: Request) -> JsonObject:
    """Return the resource that came with the request.

    Raises:
        InvalidRequest: There is none.
    """
    if request.resource is None:
        raise InvalidRequest.of("body-missing")
    return request.resource


def check_shape(resource: JsonObject, resource_type: ResourceType) -> None:
    """Check what the server itself relies on, whatever the validation mode.

    Raises:
        InvalidRequest: Another type than the URL names, or ``meta`` is no object.
    """
    found = resource.get("resourceType")
    if found is None:
        raise InvalidRequest.of("resource-type-missing", expected=resource_type)
    if found != resource_type:
        raise InvalidRequest.of("resource-type-other", found=found, expected=resource_type)
    if not isinstance(resource.get("meta", {}), dict):
        raise InvalidRequest.of("meta-not-object", expression=f"{resource_type}.meta")


def check_id(resource: JsonObject, logical_id: LogicalId) -> None:
    """Check that the body carries the id of the URL, as an update must.

    Raises:
        InvalidRequest: It has none or another one.
    """
    found = resource.get("id")
    if found is None:
        raise InvalidRequest.of("id-missing", expected=logical_id)
    if found != logical_id:
        raise InvalidRequest.of("id-other", found=found, expected=logical_id)


def tells_remarks(request: Request) -> bool:
    """Say whether the client sees what validation remarks on content that it lets pass."""
    return request.preferences.returns == "OperationOutcome"


async def validated(
    services: Services,
    knowledge: Knowledge,
    resource: JsonObject,
    request: Request,
    *,
    logical_id: LogicalId | None = None,
    tells_remarks: bool = True,
) -> tuple[Issue, ...]:
    """Validate a resource before it is stored, with the stored resources its profiles ask about.

    Args:
        services: For the validation mode, and the store.
        knowledge: The validator in force.
        resource: With or without id; what the server sets is not looked at.
        request: It came in; what came in a large body is validated on a worker thread.
        logical_id: Under which it will be stored, where that is known: it may refer to itself.
        tells_remarks: See there.

    Returns:
        What was found; in mode ``warn`` errors are among it.

    Raises:
        ValidationFailed: There are errors and the mode is ``strict``.
    """
    if services.options.validation_mode == "off":
        return ()

    def judge(targets: ReferenceResolver) -> tuple[Issue, ...]:
        return findings(services, knowledge, resource, tells_remarks, targets)

    (issues,) = await judged(
        services.store,
        [judge],
        base_url=request.base_url,
        targets={f"{resource['resourceType']}/{logical_id}": resource} if logical_id else {},
        is_large=len(request.body or b"") > services.options.offload_from_bytes,
    )
    refuse_errors(services, issues)
    return issues


def findings(
    services: Services,
    knowledge: Knowledge,
    resource: JsonObject,
    tells_remarks: bool,
    targets: ReferenceResolver,
) -> tuple[Issue, ...]:
    """Return what is wrong with a resource: by R4, its claimed profiles and the demanded ones."""
    profiles = (
        national_profiles(knowledge.registry, resource["resourceType"])
        if services.options.requires_national
        else ()
    )
    found = knowledge.validator.validate(
        resource, profiles=profiles, resolver=targets, tells_remarks=tells_remarks
    )
    if services.options.accepts_draft_definitions and resource["resourceType"] in DEFINITION_TYPES:
        return tuple(_of_draft(one) for one in found)
    return tuple(found)


def _of_draft(found: Issue) -> Issue:
    """Tell a breach of rules in a definition as a warning; what cannot be read stays an error.

    Decision: docs/decisions/0003-draft-definitions-are-stored.md
    """
    if found.is_error and (found.code != "structure" or _is_of_extension(found)):
        return replace(found, severity="warning")
    return found


def _is_of_extension(found: Issue) -> bool:
    """Whether it is the definition of one extension that is breached, and not R4's own shape.

    Extensions are published apart from R4 and change: ``valueset-deprecated`` has been a Boolean
    and a code. R4 itself can read either.
    """
    canonical, _, element_id = (found.source or "").partition("#")
    return element_id.startswith("Extension.") and not canonical.startswith(_ANY_EXTENSION)


def national_profiles(registry: Registry, resource_type: str) -> tuple[str, ...]:
    """Return the national profiles that a resource must meet, whatever it claims.

    They are those that the package demands of the type, else the only one it has for the type.
    Where it has several, the resource chooses by ``meta.profile``.
    """
    demanded = registry.demanded_profiles(resource_type)
    offered = registry.profiles_for(resource_type)
    return demanded or (offered if len(offered) == 1 else ())


def refuse_errors(services: Services, issues: tuple[Issue, ...]) -> None:
    """Refuse content with errors where the mode is strict.

    Raises:
        ValidationFailed: With every issue, warnings included.
    """
    if services.options.validation_mode == "strict" and any(found.is_error for found in issues):
        raise ValidationFailed(issues)
