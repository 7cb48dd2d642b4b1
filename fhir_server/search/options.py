"""Parameters about the answer, not about what matches: order, paging, includes, what is shown.

Spec: https://hl7.org/fhir/R4/search.html#return
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar, cast, get_args

from fhir_server.model import ResourceType, TooCostly
from fhir_server.search.clause import Scope, nearest, one_of, refusal, split
from fhir_server.search.query import Types, definition_of, known_codes
from fhir_server.search.tree import SortKey

Summary = Literal["true", "false", "text", "data", "count"]
Total = Literal["none", "estimate", "accurate"]
Contained = Literal["false", "true", "both"]

_SORTABLE = frozenset({"string", "date", "token", "number", "quantity", "reference", "uri"})
_EVERY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Include:
    """One ``_include`` or ``_revinclude``.

    Attributes:
        source_type: Type whose references are followed; None (``*``): any of the searched ones, or,
            where ``is_reverse``, any type at all.
        parameter: Code of the reference parameter; None: every one of the type.
        target_type: Only references to this type; None: to any.
        is_iterate: Whether included resources are followed too.
        is_reverse: ``_revinclude``: resources of ``source_type`` that refer to the found ones.
    """

    source_type: ResourceType | None
    parameter: str | None
    target_type: ResourceType | None = None
    is_iterate: bool = False
    is_reverse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultOptions:
    """What the answer should look like.

    Attributes:
        count: Matches a page; None: the client did not say; 0: the total alone.
        sort: Order.
        total: Whether the number of all matches is wanted; None: the client did not say.
        summary: ``_summary``; None: whole resources.
        elements: ``_elements``: names of elements at the top of a resource, plain or behind their
            type (``Patient.name``); empty: all.
        includes: ``_include`` and ``_revinclude``.
        explain: Whether the plan is wanted instead of the matches.
        contained: ``_contained``.
        is_container_wanted: ``_containedType``: whether what contains a match stands for it.
    """

    count: int | None = None
    sort: tuple[SortKey, ...] = ()
    total: Total | None = None
    summary: Summary | None = None
    elements: tuple[str, ...] = ()
    includes: tuple[Include, ...] = field(default=())
    explain: bool = False
    contained: Contained = "false"
    is_container_wanted: bool = True


class OptionReader:
    """Reads the result parameters of one query.

    Args:
        scope: What the query is read against.
        types: The types that are searched.
        finds_contained: Whether ``_contained`` can be answered here.
    """

    def __init__(self, scope: Scope, types: Types, *, finds_contained: bool) -> None:
        self._scope = scope
        self._types = types
        self._finds_contained = finds_contained

    @staticmethod
    def knows(name: str) -> bool:
        """Say whether a parameter, modifiers included, is about the answer."""
        return name.partition(":")[0] in _READERS

    def read(self, options: ResultOptions, name: str, value: str) -> ResultOptions:
        """Return the options with one more parameter.

        Raises:
            InvalidRequest: Its value is not understood, or it repeats with another value.
            TooCostly: More sort keys or includes than the limits allow.
        """
        code, colon, modifier = name.partition(":")
        if colon and not (code in _INCLUDES and modifier == "iterate"):
            expected = "iterate" if code in _INCLUDES else "-"
            raise refusal(
                "search-modifier-unknown", name, found=modifier, kind=code, expected=expected
            )
        return _READERS[code](self, options, name, value)

    # -- one method each

    def count(self, options: ResultOptions, name: str, value: str) -> ResultOptions:
        """Cut down to the limit."""
        if not (value.isascii() and value.isdigit()):
            raise refusal("search-count-invalid", name, found=value)
        count = min(int(value[:10]), self._scope.limits.max_count)
        return replace(options, count=_once(name, options.count, count))

    def total(self, options: ResultOptions, name: str, value: str) -> ResultOptions:
        """``none``, ``estimate`` or ``accurate``."""
        total = cast(Total, _choice(name, value, get_args(Total)))
        return replace(options, total=_once(name, options.total, total))

    def summary(self, options: ResultOptions, name: str, value: str) -> ResultOptions:
        """One of the five modes."""
        summary = cast(Summary, _choice(name, value, get_args(Summary)))
        return replace(options, summary=_once(name, options.summary, summary))

    def explain(self, options: ResultOptions, name: str, value: str) -> ResultOptions:
        """Our own: the plan instead of the matches."""
        return replace(options, explain=_choice(name, value, ("true", "false")) == "true")

    def contained(self, options: ResultOptions, name: str, value: str) -> ResultOptions:
        """``true``, ``false`` or ``both``; for one type alone."""
        contained = cast(Contained, _choice(name, value, get_args(Contained)))
        if contained != "false" and not self._finds_contained:
            raise refusal("search-contained-not-here", name, found=value)
        return replace(options, contained=contained)

    def contained_type(self, options: ResultOptions, name: str, value: str) -> ResultOptions:
        """What stands for a contained match: itself, or what contains it."""
        chosen = _choice(name, value, ("container", "contained"))
        return replace(options, is_container_wanted=chosen == "container")

    def elements(self, options: ResultOptions, name: str, value: str) -> ResultOptions:
        """Names of elements, which may be given with their type (``Patient.name``)."""
        names = [piece.strip() for piece in split(value, ",") if piece.strip()]
        for element in names:
            self._known_element(name, element)
        return replace(options, elements=tuple(dict.fromkeys((*options.elements, *names))))

    def _known_element(self, name: str, element: str) -> None:
        table = self._scope.registry.types
        prefix, _, plain = element.rpartition(".")
        is_typed = prefix in table.resource_types
        types = (prefix,) if is_typed else self._types
        known = {code for resource_type in types for code in table.element_names(resource_type)}
        if (plain if is_typed else element).removesuffix("[x]") not in known:
            close = nearest(plain, known)
            raise refusal("search-element-unknown", name, (close,), found=element, nearest=close)

    def sort(self, options: ResultOptions, name: str, value: str) -> ResultOptions:
        """Codes, each with ``-`` for descending; where it repeats, the further keys come after."""
        more = (self._sort_key(name, piece.strip()) for piece in split(value, ",") if piece)
        keys = (*options.sort, *more)
        if len(keys) > self._scope.limits.max_sort_keys:
            raise _too_costly("search-sort-too-long", name, self._scope.limits.max_sort_keys)
        return replace(options, sort=keys)

    def _sort_key(self, name: str, text: str) -> SortKey:
        code = text.removeprefix("-")
        is_descending = code != text
        if code == "_id":
            return SortKey(parameter=code, kind="_id", is_descending=is_descending)
        definition = definition_of(self._scope, self._types, name, code)
        if definition.type not in _SORTABLE or definition.expression is None:
            raise refusal("search-sort-impossible", name, found=code, expected=definition.type)
        return SortKey(
            parameter=code,
            kind=definition.type,  # type: ignore[arg-type] # one of the sortable ones
            is_descending=is_descending,
        )

    def include(self, options: ResultOptions, name: str, value: str) -> ResultOptions:
        """One directive more."""
        if len(options.includes) >= self._scope.limits.max_includes:
            raise _too_costly("search-too-many-includes", name, self._scope.limits.max_includes)
        include = self._include(name, value)
        return replace(options, includes=(*options.includes, include))

    def _include(self, name: str, value: str) -> Include:
        code, _, modifier = name.partition(":")
        is_reverse, is_iterate = code == "_revinclude", bool(modifier)
        if value == _EVERY:
            return Include(
                source_type=None, parameter=None, is_iterate=is_iterate, is_reverse=is_reverse
            )
        pieces = value.split(":")
        if len(pieces) not in {2, 3} or not all(pieces):
            raise refusal("search-include-invalid", name, found=value)
        source, parameter = pieces[:2]
        target = pieces[2] if len(pieces) > 2 else None  # noqa: PLR2004 # the optional third
        self._known_type(name, source)
        if target is not None:
            self._known_type(name, target)
        if parameter != _EVERY:
            self._reference_parameter(name, source, parameter)
        return Include(
            source_type=ResourceType(source),
            parameter=None if parameter == _EVERY else parameter,
            target_type=None if target is None else ResourceType(target),
            is_iterate=is_iterate,
            is_reverse=is_reverse,
        )

    def _reference_parameter(self, name: str, source: str, code: str) -> None:
        definition = definition_of(self._scope, (ResourceType(source),), name, code)
        if definition.type != "reference":
            parameters = self._scope.registry.search_parameters(source)
            known = [
                c for c in known_codes(self._scope, source) if parameters[c].type == "reference"
            ]
            close = nearest(code, known)
            raise refusal("search-include-not-reference", name, (close,), found=code, nearest=close)

    def _known_type(self, name: str, resource_type: str) -> None:
        known = self._scope.registry.types.resource_types
        if resource_type not in known:
            close = nearest(resource_type, known)
            raise refusal("search-type-unknown", name, (close,), found=resource_type, nearest=close)


def _choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise refusal("search-option-invalid", name, found=value, expected=one_of(choices))
    return value


T = TypeVar("T")


def _once(name: str, before: T | None, value: T) -> T:
    if before is not None and before != value:
        raise refusal("search-option-repeated", name, found=value)
    return value


def _too_costly(rule: str, name: str, limit: int) -> TooCostly:
    return TooCostly.of(rule, expression=f"http.{name}", clause=name, expected=limit)


_INCLUDES = frozenset({"_include", "_revinclude"})
_READERS: Mapping[str, Callable[[OptionReader, ResultOptions, str, str], ResultOptions]] = {
    "_count": OptionReader.count,
    "_total": OptionReader.total,
    "_summary": OptionReader.summary,
    "_elements": OptionReader.elements,
    "_sort": OptionReader.sort,
    "_include": OptionReader.include,
    "_revinclude": OptionReader.include,
    "_contained": OptionReader.contained,
    "_containedType": OptionReader.contained_type,
    "_explain": OptionReader.explain,
}
