"""What has been fetched for a query, and what it turned out to need.

Spec: https://hl7.org/fhir/R4/graphql.html
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from fhir_server.model import JsonObject, LogicalId, ResourceType, VersionId
from fhir_server.operation.graphql.asking import Ask


class Key(NamedTuple):
    """What a reference names; without a version: what is current."""

    resource_type: ResourceType
    logical_id: LogicalId
    version_id: VersionId | None = None


@dataclass(slots=True)
class Known:
    """Resources and pages; ``wanted`` grows while the answer is made, and is then fetched.

    Attributes:
        resources: By what names them; None: it is not here, or deleted.
        deleted: Those that are deleted.
        searches: Lists are arrays of resources, connections are objects.
        wanted: Resources to read.
        asked: Searches to run.
    """

    resources: dict[Key, JsonObject | None] = field(default_factory=dict)
    deleted: set[Key] = field(default_factory=set)
    searches: dict[Ask, list[JsonObject] | JsonObject] = field(default_factory=dict)
    wanted: dict[Key, None] = field(default_factory=dict)
    asked: dict[Ask, None] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to be fetched."""
        return not self.wanted and not self.asked

    def resource(self, key: Key) -> JsonObject | None:
        """Return a resource; None: it is not here, or not yet."""
        if key not in self.resources:
            self.wanted[key] = None
        return self.resources.get(key)

    def found(self, ask: Ask) -> list[JsonObject] | JsonObject | None:
        """Return what a search found; None: it was not run yet."""
        if ask not in self.searches:
            self.asked[ask] = None
        return self.searches.get(ask)
