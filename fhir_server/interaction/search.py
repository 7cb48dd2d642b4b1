"""Search over a type, a compartment or everything.

Spec: https://hl7.org/fhir/R4/http.html#search and https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from fhir_server.interaction.bundle import bundle, embedded, full_url, link
from fhir_server.interaction.contained import ContainedMatch, contained_page
from fhir_server.interaction.explanation import explanation
from fhir_server.interaction.include import Included, included
from fhir_server.interaction.knowledge import Knowledge
from fhir_server.interaction.message import Parameters, Request, Response
from fhir_server.interaction.services import Services
from fhir_server.interaction.subset import Subset, make_subset
from fhir_server.interaction.target import Target
from fhir_server.model import (
    Issue,
    JsonObject,
    issue,
    operation_outcome,
)
from fhir_server.search import (
    PAGE_PARAMETER,
    Include,
    PageState,
    ParsedSearch,
    SearchQuery,
    compartment_types,
)
from fhir_server.storage import SearchPage, StoredVersion

_WIRE = frozenset({"_format", "_pretty"})
_START = PageState(parameters=())
"""Of the first page."""


async def search(services: Services, target: Target, request: Request) -> Response:
    """Return one page of matches with what was asked to come along.

    Raises:
        InvalidRequest: A parameter is not understood (and handling is not lenient), or a page link
            was tampered with.
        TooCostly: It asks for more than the limits allow.
        NotFound: There is no such compartment.
    """
    knowledge = services.knowledge.current
    request, start = _opened(services, request)
    parsed = parsed_search(knowledge, target, request)
    if parsed.options.explain:
        return await explanation(services, parsed)
    if parsed.contained is not None:
        return await _contained_answer(services, request, parsed, start)
    return await _answer(services, request, parsed, start)


async def compartment_page(
    services: Services,
    request: Request,
    owners: Sequence[str],
    understood: Callable[[Parameters, Callable[[Parameters], ParsedSearch]], ParsedSearch],
) -> Response:
    """Return one page of a compartment, or of several together, with all that they refer to.

    Args:
        services: Store and knowledge.
        request: The call, with all its parameters; the links of the answer lead to its path.
        owners: Type of the compartment, and the ids of its owners.
        understood: Reads the parameters of the call, or of the page link it is, with the help of
            what reads search parameters; ``used`` of what it returns is for the links.

    Raises:
        InvalidRequest: A parameter is malformed, or a page link was tampered with.
    """
    request, start = _opened(services, request)
    knowledge = services.knowledge.current

    def parse(criteria: Parameters) -> ParsedSearch:
        return _parsed(knowledge, replace(request, parameters=criteria), None, owners)

    parsed = understood(request.parameters, parse)
    options = replace(parsed.options, includes=(Include(source_type=None, parameter=None),))
    inside = frozenset(compartment_types(knowledge.registry, owners[0]))
    wanted = {v for name, value in request.parameters if name == "_type" for v in value.split(",")}

    def admits(version: StoredVersion) -> bool:
        """Leave out what is a match of this or another page, and types that were not asked for."""
        return version.resource_type not in inside and (
            not wanted or version.resource_type in wanted
        )

    return await _answer(services, request, replace(parsed, options=options), start, admits)


async def _answer(
    services: Services,
    request: Request,
    parsed: ParsedSearch,
    start: PageState,
    admits: Callable[[StoredVersion], bool] | None = None,
) -> Response:
    knowledge = services.knowledge.current
    query = replace(parsed.query, after=start.after)
    page = await services.store.search(query)
    found = Included()
    if parsed.options.includes and page.matches:
        found = await included(services, knowledge, page.matches, parsed.options.includes)
    subset = make_subset(parsed.options.summary, parsed.options.elements)
    entries = [
        *_entries(knowledge, request, page.matches, "match", subset),
        *_entries(knowledge, request, filter(admits, found.versions), "include", subset),
        *await _remarks(services, request, parsed, found),
    ]
    following = None
    if page.next is not None:
        following = PageState(parameters=parsed.used, after=page.next)
    return Response(
        status=200,
        body=bundle(
            "searchset",
            entries,
            links=_links(services, request, parsed, following),
            total=_total(query, page),
        ),
    )


async def _contained_answer(
    services: Services, request: Request, parsed: ParsedSearch, start: PageState
) -> Response:
    knowledge = services.knowledge.current
    page = await contained_page(services, knowledge, parsed, start)
    wholes = [*page.own, *(match.container for match in page.contained)]
    found = Included()
    if parsed.options.includes and wholes:
        found = await included(services, knowledge, wholes, parsed.options.includes)
    subset = make_subset(parsed.options.summary, parsed.options.elements)
    entries = [
        *_entries(knowledge, request, page.own, "match", subset),
        *(_contained_entry(knowledge, request, match, subset) for match in page.contained),
        *_entries(knowledge, request, found.versions, "include", subset),
        *await _remarks(services, request, parsed, found),
    ]
    total = page.total
    if total is None and start == _START and page.next is None:
        total = len(page.own) + len(page.contained)
    links = _links(services, request, parsed, page.next)
    return Response(status=200, body=bundle("searchset", entries, links=links, total=total))


def _contained_entry(
    knowledge: Knowledge, request: Request, match: ContainedMatch, subset: Subset | None
) -> JsonObject:
    if match.inner is None:
        (entry,) = _entries(knowledge, request, (match.container,), "match", subset)
        return entry
    types = knowledge.registry.types
    return {
        "fullUrl": f"{request.base_url}/{match.path}",
        "resource": match.inner if subset is None else subset.of(match.inner, types),
        "search": {"mode": "match"},
    }


def parsed_search(
    knowledge: Knowledge, target: Target, request: Request, *, finds_contained: bool = True
) -> ParsedSearch:
    """Read the query of a search by the URL it came to.

    Args:
        knowledge: In force.
        target: Where it came to.
        request: The call.
        finds_contained: Whether whoever asks answers searches for contained resources.

    Raises:
        InvalidRequest: As for `search`.
    """
    types: tuple[str, ...] | None = (target.resource_type,) if target.resource_type else None
    compartment: tuple[str, str] | None = None
    if target.member_type:
        compartment = (target.resource_type, target.logical_id)
        types = None if target.member_type == "*" else (target.member_type,)
    return _parsed(knowledge, request, types, compartment, finds_contained=finds_contained)


def _parsed(
    knowledge: Knowledge,
    request: Request,
    types: Sequence[str] | None,
    compartment: Sequence[str] | None,
    *,
    finds_contained: bool = False,
) -> ParsedSearch:
    return knowledge.parser.parse(
        types,
        request.parameters,
        lenient=request.preferences.handling == "lenient",
        compartment=compartment,
        base_url=request.base_url,
        finds_contained=finds_contained,
    )


def _opened(services: Services, request: Request) -> tuple[Request, PageState]:
    """Open a page link: the search it stands for, and where its page starts.

    Raises:
        InvalidRequest: The link was not made by this server, was changed, or belongs elsewhere.
    """
    token = next((value for name, value in request.parameters if name == PAGE_PARAMETER), None)
    if token is None:
        return request, _START
    state = services.pages.open(token, bound_to=_page_path(request))
    wire = tuple(p for p in request.parameters if p[0] in _WIRE)
    return replace(request, parameters=(*state.parameters, *wire)), state


def _page_path(request: Request) -> str:
    """Return the path of links to pages: a search by POST goes on by GET."""
    return request.path.removesuffix("_search").rstrip("/")


def _total(query: SearchQuery, page: SearchPage) -> int | None:
    """Return the number of all matches: as asked for, or where the only page tells it."""
    if page.total is not None:
        return page.total
    is_all = query.after is None and page.next is None and query.page_count > 0
    return len(page.matches) if is_all else None


def _links(
    services: Services, request: Request, parsed: ParsedSearch, following: PageState | None
) -> list[tuple[str, str]]:
    path = _page_path(request)
    wire = tuple(p for p in request.parameters if p[0] in _WIRE)
    links = [("self", link(request.base_url, path, (*parsed.used, *wire)))]
    if following is not None:
        token = services.pages.seal(following, bound_to=path)
        links.append(("next", link(request.base_url, path, ((PAGE_PARAMETER, token), *wire))))
    return links


def _entries(
    knowledge: Knowledge,
    request: Request,
    versions: Iterable[StoredVersion],
    mode: str,
    subset: Subset | None,
) -> Iterable[JsonObject]:
    for version in versions:
        body = version.body or b""
        if subset is not None:
            body = subset.of_bytes(body, knowledge.registry.types)
        yield {
            "fullUrl": full_url(request.base_url, version),
            "resource": embedded(body),
            "search": {"mode": mode},
        }


async def _remarks(
    services: Services, request: Request, parsed: ParsedSearch, found: Included
) -> Iterable[JsonObject]:
    """Return the OperationOutcome that says what was left out, if anything was."""
    issues: list[Issue] = list(parsed.issues)
    for code in await services.index.missed_by(parsed.queries):
        issues.append(issue("search-index-incomplete", found=code, expression=f"http.{code}"))
    if found.is_cut_off:
        issues.append(issue("include-cut", expected=services.search_limits.max_included))
    if not issues:
        return ()
    outcome = operation_outcome(issues, request.language)
    return ({"resource": outcome, "search": {"mode": "outcome"}},)
