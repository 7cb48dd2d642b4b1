"""``$export``: everything, everything about patients, or about a group, as NDJSON files.

Spec: https://hl7.org/fhir/uv/bulkdata/STU2/export.html

Resources are read page by page in the store's own order and written at once, so that memory does
not grow with the export.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fhir_server.interaction import (
    JobRun,
    Knowledge,
    Operation,
    Request,
    Response,
    Services,
    Target,
    accepted,
    criteria_query,
)
from fhir_server.model import (
    FhirError,
    InvalidRequest,
    Issue,
    JsonObject,
    ResourceType,
    encode,
    issue,
    operation_outcome,
)
from fhir_server.operation.export_files import ExportFiles
from fhir_server.operation.export_request import ExportRequest, read_export
from fhir_server.operation.export_scope import Admits, ExportScope, export_scope
from fhir_server.search import And, Node, SearchQuery
from fhir_server.storage import HistoryQuery, StoredVersion

PAGE_COUNT = 200
_SETTLE_S = 0.2
"""Commits that took their time before the transaction time are done by then."""


async def export(services: Services, target: Target, request: Request) -> Response:
    """Start an export; its manifest is the job's result.

    Raises:
        InvalidRequest: ``Prefer: respond-async`` is missing, or a parameter is not understood.
        NotSupported: Associated data is asked for.
        NotFound: There is no such group or patient.
        Unavailable: There are too many jobs already.
    """
    if not request.preferences.is_async:
        raise InvalidRequest.of("export-needs-async")
    knowledge = services.knowledge.current
    asked = read_export(knowledge, target, request)
    until = services.clock()
    scope = await export_scope(services, knowledge, asked)

    async def work(run: JobRun) -> bytes:
        files = ExportFiles(await run.make_folder(), f"{request.base_url}/_job/{run.job_id}")
        return await _Export(
            services=services,
            knowledge=knowledge,
            asked=asked,
            scope=scope,
            files=files,
            run=run,
            request=request,
            until=until,
        ).write()

    return await accepted(services, request, "export", work)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Export:
    """One export under way; ``until`` is its transaction time."""

    services: Services
    knowledge: Knowledge
    asked: ExportRequest
    scope: ExportScope
    files: ExportFiles
    run: JobRun
    request: Request
    until: datetime

    async def write(self) -> bytes:
        """Write all files and return the manifest."""
        await asyncio.sleep(_SETTLE_S)
        for name in self.asked.ignored:
            await self._tell((issue("export-ignored", found=name),))
        for number, resource_type in enumerate(self.asked.resource_types):
            self.run.progress = (
                f"{number} of {len(self.asked.resource_types)} types, {self.files.count} resources"
            )
            try:
                for where, admits in self.scope.slices(resource_type):
                    await self._resources(resource_type, where, admits)
                await self._deletions(resource_type)
            except FhirError as refusal:  # the other types are worth having
                await self._tell(refusal.issues)
        return self.files.manifest(_instant(self.until), self.run.url)

    async def _resources(self, resource_type: ResourceType, where: Node, admits: Admits) -> None:
        query = SearchQuery(
            resource_types=(resource_type,),
            where=self._narrowed(resource_type, where),
            page_count=PAGE_COUNT,
        )
        while True:
            page = await self.services.store.search(query)
            versions = [await self._as_of(version) for version in page.matches]
            lines = await asyncio.to_thread(self._lines, versions, admits)
            await self.files.add("output", resource_type, lines)
            if page.next is None:
                return
            query = replace(query, after=page.next)

    def _narrowed(self, resource_type: ResourceType, where: Node) -> Node:
        parts = [where]
        if resource_type in self.asked.filters:
            parts.append(self.asked.filters[resource_type])
        if self.asked.since is not None:
            since = (("_lastUpdated", f"ge{_instant(self.asked.since)}"),)
            base_url = self.request.base_url
            parts.append(criteria_query(self.knowledge, resource_type, since, base_url).where)
        return And(parts=tuple(parts))

    async def _as_of(self, version: StoredVersion) -> StoredVersion | None:
        """Return the version of the transaction time; None: there was none yet."""
        if version.last_updated <= self.until:
            return version
        page = await self.services.store.history(
            HistoryQuery(
                resource_type=version.resource_type,
                logical_id=version.logical_id,
                at=(self.until, self.until + timedelta(milliseconds=1)),
                page_count=1,
                counts=False,
            )
        )
        return page.versions[0] if page.versions else None

    def _lines(self, versions: list[StoredVersion | None], admits: Admits) -> list[bytes]:
        subset, types = self.asked.subset, self.knowledge.registry.types
        return [
            version.body if subset is None else subset.of_bytes(version.body, types)
            for version in versions
            if version is not None and version.body is not None and admits(version.body)
        ]

    async def _deletions(self, resource_type: ResourceType) -> None:
        """Tell what was deleted since; of a group nobody knows who a deleted resource was about."""
        if self.asked.since is None or self.asked.level == "Group" or self.asked.patients:
            return
        query = HistoryQuery(
            resource_type=resource_type,
            since=self.asked.since,
            page_count=PAGE_COUNT,
            counts=False,
        )
        while True:
            page = await self.services.store.history(query)
            gone = [v for v in page.versions if v.is_deleted and v.last_updated <= self.until]
            current = await self.services.store.read_many(
                [(v.resource_type, v.logical_id) for v in gone]
            )
            lines = [
                encode(_deletion(version))
                for version in gone
                if current[version.resource_type, version.logical_id].version_id
                == version.version_id
            ]
            await self.files.add("deleted", "Bundle", lines)
            if page.next is None:
                return
            query = replace(query, after=page.next)

    async def _tell(self, issues: tuple[Issue, ...]) -> None:
        outcome = operation_outcome(issues, self.request.language)
        await self.files.add("error", "OperationOutcome", [encode(outcome)])


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _deletion(version: StoredVersion) -> JsonObject:
    url = f"{version.resource_type}/{version.logical_id}"
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"request": {"method": "DELETE", "url": url}}],
    }


_DEFINITION = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition"

EXPORT = Operation(
    name="export",
    handler=export,
    definition=f"{_DEFINITION}/export",
    definitions={
        "Patient": f"{_DEFINITION}/patient-export",
        "Group": f"{_DEFINITION}/group-export",
    },
    resource_types=frozenset({"Patient"}),
    instance_types=frozenset({"Group"}),
    on_system=True,
    on_type=True,
    on_instance=True,
    starts_job=True,
)
