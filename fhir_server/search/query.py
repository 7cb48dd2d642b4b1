"""Clauses of a query to nodes of the tree: plain parameters, chains and reverse chains.

Spec: https://hl7.org/fhir/R4/search.html#chaining and https://hl7.org/fhir/R4/search.html#has
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from fhir_server.definitions import SearchParameter
from fhir_server.model import InvalidRequest, LogicalId, ResourceType, TooCostly
from fhir_server.search import composite, full_text
from fhir_server.search import filter as filter_language
from fhir_server.search.clause import Question, Scope, nearest, one_of, refusal, split, unescape
from fhir_server.search.filter import Both, Filter, Negation, Test
from fhir_server.search.params import KINDS
from fhir_server.search.tree import (
    EVERYTHING,
    NOTHING,
    And,
    Chain,
    Has,
    IdMatch,
    Missing,
    Node,
    Not,
    Or,
)

Types = tuple[ResourceType, ...]
"""What a clause is about: one type, or all those a search over types names."""

_HAS = "_has:"
_ID = "_id"
_ID_NAMES = ("missing", "not")
_ID_MODIFIERS = frozenset({None, *_ID_NAMES})
_LIST = "_list"
_FILTER_ID = re.compile(r"(?<![^.:])id$")
"""The page on filters calls ``_id`` so (``subject.id eq 3425``)."""
_FUNCTIONAL_LISTS: Mapping[str, str] = {
    "$current-problems": "Condition?patient=[id]&clinical-status=active,recurrence,relapse",
    "$current-medications": "MedicationStatement?patient=[id]&status=active",
    "$current-allergies": "AllergyIntolerance?patient=[id]&clinical-status=active",
    "$current-drug-allergies": (
        "AllergyIntolerance?patient=[id]&clinical-status=active&category=medication"
    ),
}
"""Searches that come nearest to lists that no one curates here (lifecycle.html#lists)."""
_FULL_TEXT = frozenset({full_text.NARRATIVE, full_text.CONTENT})


class ClauseReader:
    """Reads the clauses of one query.

    Args:
        scope: What the query is read against.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def read(self, types: Types, name: str, value: str) -> Node | None:
        """Return what a clause asks; None: its value is empty, and empty values are ignored.

        Args:
            types: What the clause is about.
            name: With chain and modifiers, such as ``subject:Patient.name:exact``.
            value: Percent-decoded.

        Raises:
            InvalidRequest: The parameter, its modifier or its value is not understood.
            TooCostly: It asks more than the limits allow.
        """
        if name == filter_language.NAME:
            return self._filter(types, filter_language.parse_filter(value)) if value else None
        return _Clause(self._scope, name, value).node(types)

    def _filter(self, types: Types, tested: Filter) -> Node:
        if isinstance(tested, Test):
            return _Clause(self._scope, filter_language.NAME, tested.value).tested(types, tested)
        if isinstance(tested, Negation):
            return Not(part=self._filter(types, tested.part))
        parts = (self._filter(types, tested.left), self._filter(types, tested.right))
        return And(parts=parts) if isinstance(tested, Both) else Or(parts=parts)

    def definition(self, types: Types, name: str, code: str) -> SearchParameter:
        """Return the parameter ``code`` of all ``types``; ``name`` is what messages call it.

        Raises:
            InvalidRequest: One of the types has no such parameter, or they differ in type.
        """
        return definition_of(self._scope, types, name, code)


def definition_of(scope: Scope, types: Types, name: str, code: str) -> SearchParameter:
    """See `ClauseReader.definition`."""
    first: SearchParameter | None = None
    targets: dict[str, None] = {}
    for resource_type in types:
        found = scope.registry.search_parameters(resource_type).get(code)
        if found is None:
            known = known_codes(scope, resource_type)
            close = nearest(code, known)
            raise refusal(
                "search-parameter-unknown",
                name,
                (close,),
                found=code,
                resource_type=resource_type,
                nearest=close,
            )
        if first is not None and first.type != found.type:
            raise refusal("search-parameter-differs", name, found=code, expected=one_of(types))
        first = first or found
        targets.update(dict.fromkeys(found.targets))
    if first is None:
        raise refusal("search-parameter-unknown", name, found=code, resource_type="-", nearest="-")
    return replace(first, targets=tuple(targets))


def known_codes(scope: Scope, resource_type: str) -> list[str]:
    """Return the codes that a query on a type can use."""
    return usable_codes(scope.registry.search_parameters(resource_type), scope.full_text)


def usable_codes(parameters: Mapping[str, SearchParameter], full_text: frozenset[str]) -> list[str]:
    """Return the codes of those parameters that this server can answer."""
    known = full_text | {_ID, filter_language.NAME}
    return [
        code
        for code, found in sorted(parameters.items())
        if found.expression is not None or code in known
    ]


class _Clause:
    """One clause while it is read; counts what its chains cost."""

    def __init__(self, scope: Scope, name: str, value: str) -> None:
        self._scope = scope
        self._name = name
        self._alternatives = tuple(piece for piece in split(value, ",") if piece)
        self._tried = 0
        self._test: Test | None = None

    def node(self, types: Types) -> Node | None:
        if not self._alternatives:
            return None
        if len(self._alternatives) > self._scope.limits.max_alternatives:
            raise self._too_costly(
                "search-too-many-alternatives", self._scope.limits.max_alternatives
            )
        return self._read(types, self._name, 0)

    def tested(self, types: Types, test: Test) -> Node:
        """Return what one test of a filter asks."""
        self._test = test
        self._alternatives = (test.value,)
        return self._read(types, _FILTER_ID.sub(_ID, test.path), 0)

    def _read(self, types: Types, name: str, hops: int) -> Node:
        if name.startswith(_HAS):
            return self._has(types, name, hops)
        head, dot, rest = name.partition(".")
        if dot:
            return self._chain(types, head, rest, hops)
        code, colon, modifier = name.partition(":")
        if self._test is None:
            return self._plain(types, code, modifier if colon else None)
        if colon:
            raise self._refuse("search-filter-modifier", found=name)
        return self._compared(types, code, self._test.operator)

    # -- chains

    def _chain(self, types: Types, head: str, rest: str, hops: int) -> Node:
        self._count_hop(hops)
        code, colon, wanted = head.partition(":")
        definition = self._reference(types, code)
        if colon:
            self._known_type(wanted)
            targets: Iterable[str] = (wanted,)
        else:
            targets = self._targets(definition)
        parts = [
            Chain(
                parameter=code,
                target_type=ResourceType(target),
                where=self._read((ResourceType(target),), rest, hops + 1),
            )
            for target in targets
            if colon or self._has_parameter(target, rest)
        ]
        if not parts:
            raise self._refuse("search-chain-leads-nowhere", found=rest, expected=code)
        return parts[0] if len(parts) == 1 else Or(parts=tuple(parts))

    def _targets(self, definition: SearchParameter) -> Iterable[str]:
        concrete = self._scope.registry.types.resource_types
        found = [target for target in definition.targets if target in concrete]
        return found or sorted(concrete)

    def _has_parameter(self, target: str, rest: str) -> bool:
        """Whether a target type can be asked what follows in the chain."""
        self._tried += 1
        if self._tried > self._scope.limits.max_chain_types:
            raise self._too_costly("search-chain-too-wide", self._scope.limits.max_chain_types)
        if rest.startswith(_HAS):
            pieces = rest.split(":", 3)
            definition = (
                self._scope.registry.search_parameters(pieces[1]).get(pieces[2])
                if len(pieces) == 4  # noqa: PLR2004 # the pieces of _has
                else None
            )
            return definition is None or not definition.targets or target in definition.targets
        code = rest.partition(".")[0].partition(":")[0]
        if code in {_ID, _LIST}:
            return True
        return code in self._scope.registry.search_parameters(target)

    def _has(self, types: Types, name: str, hops: int) -> Node:
        self._count_hop(hops)
        pieces = name.split(":", 3)
        if len(pieces) != 4 or not all(pieces):  # noqa: PLR2004 # _has, type, reference, parameter
            raise self._refuse("search-has-invalid", found=name)
        _, source, code, rest = pieces
        self._known_type(source)
        source_type = ResourceType(source)
        definition = self._reference((source_type,), code)
        targets = frozenset(self._targets(definition))
        if targets.isdisjoint(types):
            raise self._refuse(
                "search-has-other-target", found=f"{source}.{code}", expected=one_of(types)
            )
        where = self._read((source_type,), rest, hops + 1)
        return Has(source_type=source_type, parameter=code, where=where)

    def _reference(self, types: Types, code: str) -> SearchParameter:
        definition = definition_of(self._scope, types, self._name, code)
        if definition.type != "reference":
            raise self._refuse("search-chain-not-reference", found=code, expected=definition.type)
        return definition

    def _count_hop(self, hops: int) -> None:
        if hops >= self._scope.limits.max_chain_hops:
            raise self._too_costly("search-chain-too-deep", self._scope.limits.max_chain_hops)

    # -- tests of a filter

    def _compared(self, types: Types, code: str, operator: str) -> Node:
        """Read a test as the plain parameter that means the same."""
        kind = definition_of(self._scope, types, self._name, code).type
        if operator == "pr":
            return self._missing_or_not(code)
        denied = filter_language.opposite(kind, operator)
        if denied is not None and filter_language.comparison(kind, operator) is None:
            found = self._compared(types, code, denied)
            if code == _ID:
                return Not(part=found)
            return And(parts=(Missing(parameter=code, is_missing=False), Not(part=found)))
        meant = filter_language.comparison(kind, operator)
        if meant is None:
            expected = one_of(filter_language.operators(kind))
            raise self._refuse(
                "search-filter-operator", found=operator, kind=kind, expected=expected
            )
        value = "" if self._test is None else self._test.value
        self._alternatives = (meant.prefix + filter_language.plain_value(kind, value),)
        return self._plain(types, code, meant.modifier)

    def _missing_or_not(self, code: str) -> Node:
        """``pr true``: there is a value; ``pr false``: there is none."""
        opposites = {"true": "false", "false": "true"}
        (value,) = self._alternatives
        self._alternatives = (opposites.get(value, value),)
        return self._missing(code)

    # -- plain parameters

    def _plain(self, types: Types, code: str, modifier: str | None) -> Node:
        if code == _ID and modifier in _ID_MODIFIERS:
            return self._id(modifier)
        if code == _LIST:
            return self._list(modifier)
        definition = definition_of(self._scope, types, self._name, code)
        self._check_offered(definition)
        if modifier == "missing":
            return self._missing(code)
        if self._test is None:
            self._check_modifier(definition, modifier)
        question = Question(
            name=self._name,
            parameter=code,
            modifier=modifier,
            alternatives=self._alternatives,
            definition=definition,
            scope=self._scope,
        )
        if definition.expression is None:
            return full_text.match(question)
        if definition.type == "composite":
            return composite.match(question)
        return KINDS[definition.type].match(question)

    def _check_offered(self, definition: SearchParameter) -> None:
        """Refuse what has no index, but for the key and, where it is on, search by words."""
        code = definition.code
        if definition.expression is not None or code in {_ID, *self._scope.full_text}:
            return
        rule = "search-words-off" if code in _FULL_TEXT else "search-parameter-not-supported"
        raise self._refuse(rule, found=code)

    def _id(self, modifier: str | None) -> Node:
        """The key: as a token, but for the modifiers that need more than a code."""
        if modifier == "missing":
            return self._missing(_ID)
        found = IdMatch(values=tuple(LogicalId(unescape(v)) for v in self._alternatives))
        return Not(part=found) if modifier == "not" else found

    def _list(self, modifier: str | None) -> Node:
        """Members of a List; the functional ones (``$current-problems``) are not offered."""
        if modifier is not None:
            raise self._refuse("search-modifier-unknown", found=modifier, kind=_LIST, expected="-")
        for value in self._alternatives:
            if value.startswith("$"):
                instead = _FUNCTIONAL_LISTS.get(value, "[type]?patient=[id]&status=active")
                raise self._refuse("search-functional-list", found=value, expected=instead)
        ids = tuple(LogicalId(unescape(value)) for value in self._alternatives)
        return Has(source_type=ResourceType("List"), parameter="item", where=IdMatch(values=ids))

    def _missing(self, code: str) -> Node:
        if self._alternatives not in {("true",), ("false",)}:
            raise self._refuse("search-missing-invalid", found=",".join(self._alternatives))
        if code == _ID:  # there is no resource without one
            return NOTHING if self._alternatives == ("true",) else EVERYTHING
        return Missing(parameter=code, is_missing=self._alternatives == ("true",))

    def _check_modifier(self, definition: SearchParameter, modifier: str | None) -> None:
        if modifier is None:
            return
        kind = None if definition.code in {_ID, *_FULL_TEXT} else KINDS.get(definition.type)
        allowed = () if kind is None else kind.modifiers
        if modifier in allowed:
            return
        types = self._scope.registry.types.resource_types
        if definition.type == "reference" and modifier in types:
            return
        raise self._refuse(
            "search-modifier-unknown",
            found=modifier,
            kind=definition.type,
            expected=one_of(_ID_NAMES if definition.code == _ID else ("missing", *allowed)),
        )

    def _known_type(self, name: str) -> None:
        known = self._scope.registry.types.resource_types
        if name not in known:
            close = nearest(name, known)
            raise refusal("search-type-unknown", self._name, (close,), found=name, nearest=close)

    def _refuse(self, rule: str, **values: object) -> InvalidRequest:
        return refusal(rule, self._name, **values)

    def _too_costly(self, rule: str, limit: int) -> TooCostly:
        return TooCostly.of(
            rule, expression=f"http.{self._name}", clause=self._name, expected=limit
        )
