"""A query string to a search: tree, includes, and what the answer should look like.

Spec: https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from fhir_server.definitions import Registry, SearchParameter
from fhir_server.fhirpath import ucum
from fhir_server.model import (
    InvalidRequest,
    Issue,
    LogicalId,
    ResourceType,
    Text,
    TooCostly,
    message,
)
from fhir_server.search.clause import CodeExpander, Scope, nearest, refusal, split
from fhir_server.search.compartment import CompartmentKey, compartment_types, membership
from fhir_server.search.containers import ContainedSearch, contained_search
from fhir_server.search.full_text import FullText, offered
from fhir_server.search.gathered import CanonicalUnit
from fhir_server.search.implicit import ImplicitSystems
from fhir_server.search.limits import SearchLimits
from fhir_server.search.options import OptionReader, ResultOptions
from fhir_server.search.query import ClauseReader, Types, usable_codes
from fhir_server.search.rewrites import Around, rewrite
from fhir_server.search.tree import And, Node, SearchQuery, TypeMatch

Parameters = tuple[tuple[str, str], ...]

_TYPE = "_type"
_ELSEWHERE = frozenset({"_format", "_pretty"})
"""Parameters about the wire; whoever writes the answer has read them."""
_RESOURCE = ResourceType("Resource")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedSearch:
    """A search as it will be run.

    Attributes:
        query: What the store is asked.
        options: What the answer should look like.
        used: The parameters that count, for the self link, in order.
        ignored: Those that were left out, in order.
        issues: Why (lenient handling); empty values are left out without a word.
        contained: The search for contained resources, where it is asked for.
    """

    query: SearchQuery
    options: ResultOptions
    used: Parameters
    ignored: Parameters = ()
    issues: tuple[Issue, ...] = field(default=())
    contained: ContainedSearch | None = None

    @property
    def queries(self) -> tuple[SearchQuery, ...]:
        """All that a store is asked."""
        if self.contained is None:
            return (self.query,)
        found = self.contained.query
        return (found,) if self.contained.is_alone else (self.query, found)


def utc_now() -> datetime:
    """Return the time; the default clock."""
    return datetime.now(UTC)


class QueryParser:
    """Reads queries; holds nothing of any of them.

    Args:
        registry: The definitions.
        limits: How much a query may ask.
        expander: For the token modifiers that need terminology; None: those are refused.
        canonical_unit: The same that the index is made with.
        now: The clock, for the tolerance of ``ap``.
        full_text: The same that the index is made with.

    Attributes:
        words: Parameters that search by words, where that is on.
    """

    def __init__(
        self,
        registry: Registry,
        limits: SearchLimits | None = None,
        *,
        expander: CodeExpander | None = None,
        canonical_unit: CanonicalUnit | None = ucum.canonical,
        now: Callable[[], datetime] = utc_now,
        full_text: FullText = "off",
    ) -> None:
        self._registry = registry
        self._limits = limits or SearchLimits()
        self._expander = expander
        self._canonical_unit = canonical_unit
        self._now = now
        self.words = offered(full_text)
        self._implicit = ImplicitSystems(registry)

    def offered(self, resource_type: str) -> list[SearchParameter]:
        """Return the parameters that a query on a type can use, by code."""
        known = self._registry.search_parameters(resource_type)
        return [known[code] for code in usable_codes(known, self.words)]

    def parse(
        self,
        resource_types: Sequence[str] | None,
        parameters: Sequence[tuple[str, str]],
        *,
        lenient: bool = False,
        compartment: Sequence[str] | None = None,
        base_url: str = "",
        finds_contained: bool = False,
    ) -> ParsedSearch:
        """Read a query.

        Args:
            resource_types: The types searched; None: all, or those of ``_type``.
            parameters: Percent-decoded names and values, in order.
            lenient: Leave out what is not understood, and say so, instead of refusing it.
            compartment: Only what is in the compartment of (type, id), or of one of more ids.
            base_url: Own base URL: absolute links below it are local.
            finds_contained: Whether whoever asks answers searches for contained resources.

        Returns:
            The search, rewritten.

        Raises:
            InvalidRequest: Something is not understood (strict), or ``_type`` names no type.
            TooCostly: It asks more than the limits allow; also when lenient.
            NotFound: There is no such compartment.
        """
        if len(parameters) > self._limits.max_parameters:
            limit = self._limits.max_parameters
            raise TooCostly.of("search-too-many-parameters", found=len(parameters), expected=limit)
        scope = Scope(
            registry=self._registry,
            limits=self._limits,
            base_urls=(base_url.rstrip("/"),) if base_url else (),
            now=self._now(),
            expander=self._expander,
            canonical_unit=self._canonical_unit,
            full_text=self.words,
        )
        key: CompartmentKey | None = None
        if compartment is not None:
            key = CompartmentKey(compartment[0], tuple(map(LogicalId, compartment[1:])))
        types = self._types(scope, resource_types, parameters, key)
        reading = _Reading(
            scope,
            types,
            about=self._about(types),
            lenient=lenient,
            finds_contained=finds_contained and key is None and len(types) == 1,
        )
        for name, value in parameters:
            reading.take(name, value, is_over_types=resource_types is None)
        if key is not None:
            reading.clauses.append(membership(self._registry, key, types))
        return reading.result(Around(self._registry, reading.about, self._implicit))

    def _types(
        self,
        scope: Scope,
        resource_types: Sequence[str] | None,
        parameters: Sequence[tuple[str, str]],
        key: CompartmentKey | None,
    ) -> Types:
        """The types that are searched; a wrong ``_type`` is refused even when lenient."""
        named = [v for name, value in parameters if name == _TYPE for v in split(value, ",") if v]
        known = self._registry.types.resource_types
        for name in named:
            if name not in known:
                close = nearest(name, known)
                raise refusal("search-type-unknown", _TYPE, (close,), found=name, nearest=close)
        if resource_types is not None:
            return tuple(ResourceType(name) for name in resource_types)
        if named:
            return tuple(ResourceType(name) for name in dict.fromkeys(named))
        if key is not None:
            return compartment_types(self._registry, key.code)
        return tuple(ResourceType(name) for name in sorted(known))

    def _about(self, types: Types) -> Types:
        """What clauses are read against: all types together have what ``Resource`` has."""
        is_all = len(types) == len(self._registry.types.resource_types)
        return (_RESOURCE,) if is_all else types


class _Reading:
    """One query while it is read."""

    def __init__(
        self,
        scope: Scope,
        types: Types,
        *,
        about: Types,
        lenient: bool,
        finds_contained: bool,
    ) -> None:
        self._scope = scope
        self._types = types
        self.about = about
        self._lenient = lenient
        self._clause_reader = ClauseReader(scope)
        self._option_reader = OptionReader(scope, about, finds_contained=finds_contained)
        self._options = ResultOptions()
        self.clauses: list[Node] = []
        self._used: list[tuple[str, str]] = []
        self._ignored: list[tuple[str, str]] = []
        self._issues: list[Issue] = []

    def take(self, name: str, value: str, *, is_over_types: bool) -> None:
        """Read one parameter."""
        if name in _ELSEWHERE:
            return
        try:
            counts = self._read(name, value, is_over_types)
        except InvalidRequest as error:
            if not self._lenient:
                raise
            self._issues.extend(_ignored(found, name) for found in error.issues)
            counts = False
        (self._used if counts else self._ignored).append((name, value))

    def _read(self, name: str, value: str, is_over_types: bool) -> bool:
        """Whether the parameter counts: an empty one does not."""
        if not value:
            return False
        if OptionReader.knows(name):
            self._options = self._option_reader.read(self._options, name, value)
            return True
        if name == _TYPE:
            if not is_over_types:
                wanted = tuple(ResourceType(piece) for piece in split(value, ",") if piece)
                self.clauses.append(TypeMatch(values=wanted))
            return True
        clause = self._clause_reader.read(self.about, name, value)
        if clause is None:
            return False
        self.clauses.append(clause)
        return True

    def result(self, around: Around) -> ParsedSearch:
        """Put together what was read.

        Raises:
            InvalidRequest: Two parameters cannot be used together.
        """
        options = self._options
        if options.summary == "text" and options.includes:
            raise refusal("search-summary-include", "_summary")
        counts_only = options.count == 0 or options.summary == "count"
        count = self._scope.limits.default_count if options.count is None else options.count
        total = options.total or ("accurate" if counts_only else "none")
        query = SearchQuery(
            resource_types=self._types,
            where=rewrite(And(parts=tuple(self.clauses)), around),
            sort=options.sort,
            page_count=0 if counts_only else count,
            total=total,
        )
        return ParsedSearch(
            query=query,
            options=options,
            contained=contained_search(query, options, around),
            used=self._self_link(),
            ignored=tuple(self._ignored),
            issues=tuple(self._issues),
        )

    def _self_link(self) -> Parameters:
        """What counts, with ``_count`` as it is applied."""
        return tuple(
            (name, str(self._options.count)) if name == "_count" else (name, value)
            for name, value in self._used
        )


def _ignored(found: Issue, name: str) -> Issue:
    """The finding as a warning that says the parameter was left out."""
    template = message("search-ignored")
    text = Text(
        en=template.en.format(clause=name, reason=found.text.en),
        uk=template.uk.format(clause=name, reason=found.text.uk),
    )
    return replace(found, severity="warning", rule=template.rule, text=text)
