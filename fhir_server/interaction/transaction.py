"""Transaction: all entries in one commit, or none of them.

Spec: https://hl7.org/fhir/R4/http.html#transaction and https://hl7.org/fhir/R4/http.html#trules

The order of the specification (deletes, creates, updates, reads) is kept by construction: no two
entries write the same resource, links are resolved before anything is written, reads follow the
commit.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from fhir_server.interaction.accept import findings, refuse_errors, tells_remarks
from fhir_server.interaction.answer import of_result, of_version
from fhir_server.interaction.batch import answer_entry
from fhir_server.interaction.bundle import bundle, response_entry
from fhir_server.interaction.conditional import (
    criteria_parameters,
    criteria_query,
    single_match,
)
from fhir_server.interaction.entry import Entry, of_entry, posted_entries, read_entry
from fhir_server.interaction.knowledge import Knowledge
from fhir_server.interaction.links import (
    NO_LINKS,
    LinkFinder,
    LinkRewriter,
    Links,
    conditional_references,
)
from fhir_server.interaction.message import Request, Response
from fhir_server.interaction.plan import Planned, Planner
from fhir_server.interaction.search import parsed_search
from fhir_server.interaction.services import Services
from fhir_server.interaction.stored_target import judged
from fhir_server.interaction.target import Target, parse_path
from fhir_server.interaction.write import MAX_ATTEMPTS, Change, Raced, Result, commit_changes
from fhir_server.model import (
    Conflict,
    Deleted,
    FhirError,
    InvalidRequest,
    Issue,
    JsonObject,
    LogicalId,
    NotFound,
    ResourceType,
    TooLarge,
    VersionMismatch,
    operation_outcome,
)
from fhir_server.storage import AlreadyExists
from fhir_server.validation import Absent

_OF_TARGET = "reference-target-profile"

Dispatch = Callable[[Request], Awaitable[Response]]


async def transaction(
    services: Services, dispatch: Dispatch, request: Request, posted: JsonObject
) -> Response:
    """Store all entries in one commit; answer them in their own order.

    Raises:
        InvalidRequest: An entry is malformed, or two of them write the same resource.
        TooLarge: There are more entries than ``max_transaction_entries``.
        ValidationFailed: Content has errors; the issues of every entry are told at once.
        MultipleMatches: Criteria or a conditional reference match several resources.
        VersionMismatch: A condition does not hold, or a conditional reference matches nothing.
        NotFound: A resource to be read or patched is not there.
        Conflict: Others kept being faster.
    """
    knowledge = services.knowledge.current
    entries = _entries(services, knowledge, request, posted)
    ids: dict[int, LogicalId] = {}
    for _ in range(MAX_ATTEMPTS):
        planned = await Planner(services, knowledge, ids).plan(entries)
        planned = await _linked(services, knowledge, planned)
        planned = await _validated(services, knowledge, planned, request)
        await _check_reads(services, knowledge, planned)
        changes = [plan.change for plan in planned if plan.change is not None]
        try:
            results = await commit_changes(services, knowledge, changes) if changes else []
        except (AlreadyExists, Raced):
            continue
        answers = await _answers(dispatch, planned, results, request)
        return Response(status=200, body=bundle("transaction-response", answers))
    raise Conflict.of("write-contended", found=MAX_ATTEMPTS)


def _entries(
    services: Services, knowledge: Knowledge, request: Request, posted: JsonObject
) -> list[tuple[Entry, Target]]:
    found = posted_entries(posted)
    limit = services.options.max_transaction_entries
    if len(found) > limit:
        raise TooLarge.of("bundle-too-many", found=len(found), expected=limit)
    types = knowledge.registry.types.resource_types
    entries: list[tuple[Entry, Target]] = []
    full_urls: dict[str, int] = {}
    for index, item in enumerate(found):
        entry = read_entry(index, item, request)
        with of_entry(index):
            entries.append((entry, parse_path(entry.request.path, types)))
        if entry.full_url is not None and entry.request.method != "GET":
            if entry.full_url in full_urls:
                raise InvalidRequest.of(
                    "bundle-same-full-url",
                    expression=f"{entry.place}.fullUrl",
                    found=entry.full_url,
                    other=f"Bundle.entry[{full_urls[entry.full_url]}]",
                )
            full_urls[entry.full_url] = index
    return entries


async def _linked(
    services: Services, knowledge: Knowledge, planned: Sequence[Planned]
) -> list[Planned]:
    """Rewrite the links between entries, and conditional references, to ids."""
    targets = {
        plan.entry.full_url: plan.identity
        for plan in planned
        if plan.entry.full_url is not None and plan.identity is not None
    }
    finder = LinkFinder(targets)
    links = [_links(plan, finder) for plan in planned]
    targets |= await _referenced(services, knowledge, planned, links)
    rewriter = LinkRewriter(targets, knowledge.registry.types)
    linked: list[Planned] = []
    for plan, found in zip(planned, links, strict=True):
        change = plan.change
        if change is not None and change.resource is not None:
            resource = rewriter.rewrite(change.resource, plan.entry.full_url, found)
            if resource is not change.resource:
                plan = replace(plan, change=replace(change, resource=resource))  # noqa: PLW2901 # the same entry, further on
        linked.append(plan)
    return linked


def _links(plan: Planned, finder: LinkFinder) -> Links:
    resource = None if plan.change is None else plan.change.resource
    return NO_LINKS if resource is None else finder.links_of(resource)


async def _referenced(
    services: Services,
    knowledge: Knowledge,
    planned: Sequence[Planned],
    links: Sequence[Links],
) -> dict[str, str]:
    """Resolve conditional references: by what is stored, else by what the Bundle makes."""
    made = {
        f"{plan.target.resource_type}?{plan.change_criteria}": plan.identity
        for plan in planned
        if plan.change_criteria is not None and plan.identity is not None
    }
    targets: dict[str, str] = {}
    for plan, found in zip(planned, links, strict=True):
        if plan.change is None or not found.is_conditional:
            continue
        for reference in conditional_references(plan.change.resource):
            if reference not in targets:
                with of_entry(plan.entry.index):
                    match = await _match(services, knowledge, reference, plan)
                    targets[reference] = match or made.get(reference, "")
                    if not targets[reference]:
                        raise VersionMismatch.of("reference-no-match", found=reference)
    return targets


async def _match(
    services: Services, knowledge: Knowledge, reference: str, plan: Planned
) -> str | None:
    resource_type, _, criteria = reference.partition("?")
    target = parse_path(resource_type, knowledge.registry.types.resource_types)
    query = criteria_query(
        knowledge,
        ResourceType(target.resource_type),
        criteria_parameters(criteria),
        plan.entry.request.base_url,
    )
    found = await single_match(services, query)
    return None if found is None else f"{found.resource_type}/{found.logical_id}"


async def _validated(
    services: Services, knowledge: Knowledge, planned: Sequence[Planned], request: Request
) -> list[Planned]:
    """Validate all content; errors of every entry are told in one refusal."""
    if services.options.validation_mode == "off":
        return list(planned)
    wants_all = tells_remarks(request)
    found = await _findings(services, knowledge, planned, request, wants_all)
    if not wants_all and any(one.is_error for issues in found.values() for one in issues):
        found = await _findings(services, knowledge, planned, request, True)
    refuse_errors(services, tuple(one for issues in found.values() for one in issues))
    return [
        plan
        if plan.change is None or not found.get(plan.entry.index)
        else replace(plan, change=replace(plan.change, warnings=found[plan.entry.index]))
        for plan in planned
    ]


async def _findings(
    services: Services,
    knowledge: Knowledge,
    planned: Sequence[Planned],
    request: Request,
    wants_all: bool,
) -> Mapping[int, tuple[Issue, ...]]:
    """Return what is wrong with each entry; what they refer to is as it will be afterwards."""
    changes = {plan.entry.index: plan.change for plan in planned if plan.change is not None}
    contents = [(at, c.resource) for at, c in changes.items() if c.resource is not None]
    found = await judged(
        services.store,
        [partial(findings, services, knowledge, content, wants_all) for _, content in contents],
        base_url=request.base_url,
        targets={
            f"{change.resource_type}/{change.logical_id}": (
                Absent.DELETED if change.resource is None else change.resource
            )
            for change in changes.values()
        },
        is_large=len(request.body or b"") > services.options.offload_from_bytes,
    )
    broken = {
        f"{changes[at].resource_type}/{changes[at].logical_id}"
        for (at, _), issues in zip(contents, found, strict=True)
        if any(one.is_error and one.rule != _OF_TARGET for one in issues)
    }
    return {
        at: tuple(one.at_entry(at) for one in issues if not _is_consequence(one, broken))
        for (at, _), issues in zip(contents, found, strict=True)
    }


def _is_consequence(found: Issue, broken: Collection[str]) -> bool:
    """Say whether it only repeats of the referring entry that the one referred to has errors."""
    return found.rule == _OF_TARGET and found.found in broken


async def _check_reads(
    services: Services, knowledge: Knowledge, planned: Sequence[Planned]
) -> None:
    """Refuse the whole while nothing is written yet, where a read of it could not be answered."""
    written = {plan.identity: plan.change for plan in planned if plan.change is not None}
    for plan in planned:
        if plan.entry.request.method != "GET":
            continue
        target, request = plan.target, plan.entry.request
        with of_entry(plan.entry.index):
            if target.shape == "instance":
                await _check_instance(services, target, written)
            elif target.shape == "type":
                parsed_search(knowledge, target, request)


async def _check_instance(
    services: Services, target: Target, written: Mapping[str | None, Change]
) -> None:
    name = f"{target.resource_type}/{target.logical_id}"
    if name in written:
        if written[name].resource is None:
            raise Deleted.of("deleted", found=name)
        return
    version = await services.store.read(target.resource_type, target.logical_id)
    if version is None:
        raise NotFound.of("not-found", found=name)
    if version.is_deleted:
        raise Deleted.of("deleted", found=name)


async def _answers(
    dispatch: Dispatch, planned: Sequence[Planned], results: Sequence[Result], outer: Request
) -> list[JsonObject]:
    by_place = {result.change.place: result for result in results}
    answers: list[JsonObject] = []
    for plan in planned:
        request = plan.entry.request
        if plan.change is not None:
            response = of_result(by_place[plan.entry.place], request)
        elif plan.found is not None:
            response = of_version(plan.found)
        elif request.method == "GET":
            try:
                response = await dispatch(request)
            except FhirError as refusal:  # it raced with others after the commit
                outcome = operation_outcome(refusal.issues, outer.language)
                answers.append(response_entry(status=refusal.status, outcome=outcome))
                continue
        else:
            response = Response(status=204)
        answers.append(answer_entry(response, request))
    return answers
