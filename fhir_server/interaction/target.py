"""What a URL below the base names: the shapes of FHIR's RESTful API, and nothing else.

Spec: https://hl7.org/fhir/R4/http.html#summary
"""

from collections.abc import Collection
from difflib import get_close_matches
from typing import Literal, NamedTuple

from fhir_server.model import (
    InvalidRequest,
    LogicalId,
    NotFound,
    ResourceType,
    is_logical_id,
    issue,
)

Shape = Literal[
    "system", "metadata", "system-search", "system-history", "system-operation",
    "type", "type-search", "type-history", "type-operation",
    "instance", "instance-history", "version", "instance-operation",
    "compartment", "compartment-search", "job", "job-file", "openapi",
]  # fmt: skip


class Target(NamedTuple):
    """A URL taken apart (a tuple: one is made for every request).

    Attributes:
        shape: Which kind of URL it is.
        resource_type: Of type and instance URLs.
        logical_id: Of instance URLs; the id of a job.
        version_id: Of ``[type]/[id]/_history/[vid]``, as written; the name of a job's file.
        operation: Name without ``$``.
        member_type: Of ``[compartment]/[id]/[type]``; ``*`` is every type.
    """

    shape: Shape
    resource_type: ResourceType = ResourceType("")
    logical_id: LogicalId = LogicalId("")
    version_id: str = ""
    operation: str = ""
    member_type: str = ""


_FIXED: dict[str, Target] = {
    "": Target("system"),
    "metadata": Target("metadata"),
    "openapi.json": Target("openapi"),
    "_search": Target("system-search"),
    "_history": Target("system-history"),
}
JOB_PATH = "_job"
"""Jobs lie beside the types: no type's name begins with a low line."""


def parse_path(path: str, resource_types: Collection[str]) -> Target:
    """Take a path below the base apart.

    Args:
        path: Decoded, without slashes at its ends.
        resource_types: Types that this server knows.

    Raises:
        NotFound: No URL of FHIR looks like this, or the resource type is unknown.
        InvalidRequest: The logical id is not one.
    """
    fixed = _FIXED.get(path)
    if fixed is not None:
        return fixed
    parts = path.split("/")
    head = parts[0]
    if head.startswith("$") and len(parts) == 1:
        return Target("system-operation", operation=head[1:])
    if head == JOB_PATH:
        return _job(parts)
    if head not in resource_types:
        raise _unknown_type(head, resource_types)
    resource_type = ResourceType(head)
    match parts[1:]:
        case []:
            return Target("type", resource_type)
        case ["_search"]:
            return Target("type-search", resource_type)
        case ["_history"]:
            return Target("type-history", resource_type)
        case [name] if name.startswith("$"):
            return Target("type-operation", resource_type, operation=name[1:])
    return _instance(resource_type, parts, resource_types)


def _instance(
    resource_type: ResourceType, parts: list[str], resource_types: Collection[str]
) -> Target:
    if not is_logical_id(parts[1]):
        raise InvalidRequest.of("id-syntax", found=parts[1][:80])
    logical_id = LogicalId(parts[1])
    match parts[2:]:
        case []:
            return Target("instance", resource_type, logical_id)
        case ["_history"]:
            return Target("instance-history", resource_type, logical_id)
        case ["_history", version_id]:
            return Target("version", resource_type, logical_id, version_id)
        case [name] if name.startswith("$"):
            return Target("instance-operation", resource_type, logical_id, operation=name[1:])
        case [name] if name == "*" or name in resource_types:
            return Target("compartment", resource_type, logical_id, member_type=name)
        case [name, "_search"] if name == "*" or name in resource_types:
            return Target("compartment-search", resource_type, logical_id, member_type=name)
    raise NotFound.of("unknown-path", found="/".join(parts))


def _job(parts: list[str]) -> Target:
    match parts[1:]:
        case [job_id]:
            return Target("job", logical_id=LogicalId(job_id))
        case [job_id, name]:
            return Target("job-file", logical_id=LogicalId(job_id), version_id=name)
    raise NotFound.of("unknown-path", found="/".join(parts))


def _unknown_type(name: str, resource_types: Collection[str]) -> NotFound:
    near = tuple(get_close_matches(name, resource_types, n=3, cutoff=0.7))
    if not near:
        by_lower_case = {known.lower(): known for known in resource_types}
        near = tuple(filter(None, (by_lower_case.get(name.lower()),)))
    if near:
        found = issue(
            "unknown-type-near", code="not-found", found=name, nearest=near[0], suggestions=near
        )
        return NotFound((found,))
    return NotFound.of("unknown-type", found=name)
