"""Search by the book: filter every resource by the FHIRPath of the search parameters.

It knows nothing of how the server indexes, parses or stores: values are what the FHIRPath engine
finds, a query is read from its text, and each parameter type compares as its paragraph of the
specification says. Slow and plain on purpose.

Spec: https://hl7.org/fhir/R4/search.html
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from fhir_server.definitions import Registry, SearchParameter
from fhir_server.fhirpath import Env, Node, compile_expression, node, root_node

Resource = dict[str, Any]
Span = tuple[datetime, datetime]
Range = tuple[Decimal, Decimal]

UCUM = "http://unitsofmeasure.org"
MASSES = {"mg": Decimal("0.001"), "g": Decimal(1), "kg": Decimal(1000)}
"""The only units that are converted here; the corpora use no other convertible ones."""
LEAST_DATE, LAST_DATE = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
LEAST, MOST = Decimal("-1E+50"), Decimal("1E+50")
CODE_SYSTEMS = {
    ("Patient", "gender"): "http://hl7.org/fhir/administrative-gender",
    ("Observation", "status"): "http://hl7.org/fhir/observation-status",
    ("Encounter", "status"): "http://hl7.org/fhir/encounter-status",
}
"""Systems of codes that name none."""
_COMPUTED = {"System.Boolean": "boolean", "System.String": "string"}
_NAME = ("text", "family", "given", "prefix", "suffix")
_ADDRESS = ("text", "line", "city", "district", "state", "postalCode", "country")


@dataclass(frozen=True)
class Test:
    """A test of ``_filter``: ``path operator value``."""

    path: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f'{self.path} {self.operator} "{self.value}"'


@dataclass(frozen=True)
class Joined:
    """``(left) and (right)``, ``(left) or (right)``, ``not (left)``."""

    word: str
    left: "Filter"
    right: "Filter | None" = None

    def __str__(self) -> str:
        if self.right is None:
            return f"not ({self.left})"
        return f"({self.left}) {self.word} ({self.right})"


Filter = Test | Joined


def pieces(text: str, separator: str) -> list[str]:
    """Split where no backslash stands before the separator; escapes stay."""
    return re.split(rf"(?<!\\){re.escape(separator)}", text)


def plain(text: str) -> str:
    """Take the escapes away."""
    return re.sub(r"\\([,|$\\])", r"\1", text)


class ByFhirPath:
    """Answers searches by looking at every resource.

    Args:
        registry: The definitions, of which only expressions and types are used.
        resources: All there are.
        base_url: Links below it are local.
        now: For ``ap``.
        concepts: Code to the codes that it subsumes, itself included; of ``system``.
        system: The code system of ``concepts``.
    """

    def __init__(
        self,
        registry: Registry,
        resources: Iterable[Resource],
        *,
        base_url: str,
        now: datetime,
        concepts: Mapping[str, set[str]] | None = None,
        system: str = "urn:cs",
    ) -> None:
        self._registry = registry
        self._types = registry.types
        self.resources = {(r["resourceType"], r["id"]): r for r in resources}
        self._base_url = base_url
        self._now = now
        self._concepts = concepts or {}
        self._system = system
        self._known: dict[tuple[int, str], list[Node]] = {}

    def search(self, resource_type: str, pairs: Sequence[tuple[str, Any]]) -> set[str]:
        """Return the ids of what satisfies all of ``name=value``."""
        return {
            logical_id
            for (kind, logical_id), resource in self.resources.items()
            if kind == resource_type
            and all(self.holds(resource, name, value) for name, value in pairs)
        }

    def parameter(self, resource: Resource, code: str) -> SearchParameter | None:
        """Return the parameter of a resource's type."""
        return self._registry.search_parameters(resource["resourceType"]).get(code)

    def values(self, resource: Resource, code: str) -> list[Node]:
        """Return what the expression of a parameter finds in a resource."""
        key = (id(resource), code)
        if key not in self._known:
            definition = self.parameter(resource, code)
            expression = "" if definition is None else definition.expression or ""
            self._known[key] = self._evaluate(expression, resource) if expression else []
        return self._known[key]

    def holds(self, resource: Resource, name: str, value: Any) -> bool:
        """Say whether a resource satisfies ``name=value``."""
        if name == "_filter":
            return self._filtered(resource, value)
        if name.startswith("_has:"):
            return self._referred(resource, name, value)
        head, dot, rest = name.partition(".")
        if dot:
            return self._chained(resource, head, rest, value)
        code, _, modifier = name.partition(":")
        if code == "_id":
            return resource["id"] in set(value.split(","))
        if modifier == "missing":
            return bool(value == "true") != self._has_value(resource, code)
        alternatives = pieces(value, ",")
        if modifier in {"not", "not-in"}:
            asked = {"not": "", "not-in": "in"}[modifier]
            return not any(self._one(resource, code, asked, text) for text in alternatives)
        return any(self._one(resource, code, modifier, text) for text in alternatives)

    # -- links

    def _referred(self, resource: Resource, name: str, value: Any) -> bool:
        _, source, code, rest = name.split(":", 3)
        return any(
            self._links_to(other, code, resource) and self.holds(other, rest, value)
            for (kind, _), other in self.resources.items()
            if kind == source
        )

    def _links_to(self, resource: Resource, code: str, target: Resource) -> bool:
        wanted = f"{target['resourceType']}/{target['id']}"
        return any(self._local(found) == wanted for found in self.values(resource, code))

    def _local(self, found: Node) -> str | None:
        """``Type/id`` of a reference to this server."""
        text = found.value.get("reference") if isinstance(found.value, dict) else found.value
        if isinstance(found.value, dict) and "resourceType" in found.value:
            text = f"{found.value['resourceType']}/{found.value.get('id')}"
        text = (text or "").removeprefix(self._base_url + "/").partition("/_history/")[0]
        return text if re.fullmatch(r"[A-Z]\w+/[A-Za-z0-9.-]+", text) else None

    def _chained(self, resource: Resource, head: str, rest: str, value: Any) -> bool:
        code, _, wanted = head.partition(":")
        definition = self.parameter(resource, code)
        targets = set() if definition is None else set(definition.targets)
        for found in self.values(resource, code):
            target = self._target(resource, found, rest)
            if target is None:
                continue
            kind = target["resourceType"]
            if wanted not in {"", kind} or (targets and kind not in targets):
                continue
            if self._knows(kind, rest) and self.holds(target, rest, value):
                return True
        return False

    def _target(self, resource: Resource, found: Node, rest: str) -> Resource | None:
        local = self._local(found)
        if local is not None:
            kind, _, logical_id = local.partition("/")
            return self.resources.get((kind, logical_id))
        link = found.value.get("reference") if isinstance(found.value, dict) else None
        is_leaf = "." not in rest and not rest.startswith("_has:")
        if link is None or link[:1] != "#" or not is_leaf or self._is_denial(rest):
            return None  # only what asks for a value looks into contained resources
        inside = [r for r in resource.get("contained", ()) if r.get("id") == link[1:]]
        return inside[0] if inside else None

    def _is_denial(self, rest: str) -> bool:
        return rest.partition(":")[2] in {"not", "not-in", "missing"} or rest == "_id"

    def _knows(self, kind: str, rest: str) -> bool:
        if rest.startswith("_has:"):
            return True
        code = rest.partition(".")[0].partition(":")[0]
        return code == "_id" or code in self._registry.search_parameters(kind)

    # -- values

    def _evaluate(
        self, expression: str, resource: Resource, focus: Node | None = None
    ) -> list[Node]:
        root = root_node(resource, self._types)
        env = Env(resource=root, host=_Targets(self, resource))
        expression = expression.replace("as(DateTime)", "as(dateTime)")  # a slip of R4's
        found = compile_expression(expression, self._types).evaluate(focus or root, env)
        return [one for one in found if one.value is not None]

    def target_type(self, resource: Resource, found: Node) -> str | None:
        """Return the type that a reference says it goes to."""
        link = found.value if isinstance(found.value, dict) else {}
        text = link.get("reference", "")
        if text.startswith("#"):
            inside = [r for r in resource.get("contained", ()) if r.get("id") == text[1:]]
            return inside[0]["resourceType"] if inside else None
        local = self._local(found)
        return link.get("type") if local is None else local.partition("/")[0]

    def _has_value(self, resource: Resource, code: str) -> bool:
        definition = self.parameter(resource, code)
        if definition is not None and definition.type == "composite":
            return any(True for _ in self.groups(resource, definition))
        kind = "" if definition is None else definition.type
        return any(_counts(kind, found) for found in self.values(resource, code))

    def _one(self, resource: Resource, code: str, modifier: str, text: str) -> bool:
        """Whether a value of the resource satisfies one alternative."""
        definition = self.parameter(resource, code)
        if definition is None:
            return False
        if definition.type == "composite":
            return self._together(resource, definition, text)
        found = self.values(resource, code)
        return any(self._compare(definition, modifier, text, resource, one) for one in found)

    def _compare(
        self,
        definition: SearchParameter,
        modifier: str,
        text: str,
        resource: Resource,
        found: Node,
    ) -> bool:
        key = (resource["resourceType"], definition.code)
        if definition.type == "token":
            return self._token(found, modifier, text, CODE_SYSTEMS.get(key))
        if definition.type == "reference":
            return self._reference(found, modifier, text, definition.targets)
        compare = _COMPARE[definition.type]
        return compare(found, modifier, text, self._now)

    def groups(
        self, resource: Resource, definition: SearchParameter
    ) -> Iterable[list[list[tuple[SearchParameter, Node]]]]:
        for focus in self.values(resource, definition.code):
            group = []
            for component in definition.components:
                kind = self._component(component.definition)
                at = node(focus.value, focus.fhir_type)
                values = self._evaluate(component.expression, resource, at)
                group.append([(kind, one) for one in values if _can_be_asked(kind.type, one)])
            if all(group):
                yield group

    def _component(self, url: str) -> SearchParameter:
        definition = self._registry.resource("SearchParameter", url) or {}
        of_base = self._registry.search_parameters(definition["base"][0])
        return next(found for found in of_base.values() if found.url == url)

    def _together(self, resource: Resource, definition: SearchParameter, text: str) -> bool:
        wanted = pieces(text, "$")
        return any(
            all(
                any(self._compare(kind, "", piece, resource, found) for kind, found in part)
                for piece, part in zip(wanted, group, strict=True)
            )
            for group in self.groups(resource, definition)
        )

    # -- tokens and references

    def _token(self, found: Node, modifier: str, text: str, system: str | None) -> bool:
        if modifier == "text":
            return any(_begins(said, text) for said in _said(found))
        if modifier == "of-type":
            return _is_of_type(found, *map(plain, pieces(text, "|")))
        if modifier in {"in", "below", "above"}:
            return any(
                of == self._system and code in self._meant(modifier, plain(text))
                for of, code in _tokens(found)
            )
        wanted = [plain(piece) for piece in re.split(r"(?<!\\)\|", text, maxsplit=1)]
        return any(_is_token(wanted, of, code, system, found) for of, code in _tokens(found))

    def _meant(self, modifier: str, text: str) -> set[str]:
        code = text.rpartition("|")[2] if modifier != "in" else text.rpartition(":")[2]
        if modifier == "above":
            return {above for above, below in self._concepts.items() if code in below}
        return self._concepts.get(code, set())

    def _reference(self, found: Node, modifier: str, text: str, targets: Sequence[str]) -> bool:
        """An id without type is one of a type that the parameter goes to."""
        if modifier == "identifier":
            inner = found.value.get("identifier") if isinstance(found.value, dict) else None
            return inner is not None and self._token(node(inner, "Identifier"), "", text, None)
        wanted = plain(text).removeprefix(self._base_url + "/").partition("/_history/")[0]
        local = self._local(found)
        if ":" in wanted:
            return local is None and wanted in _links(found)
        if local is None:
            return False
        kind, _, logical_id = local.partition("/")
        if modifier and kind != modifier:
            return False
        is_target = bool(modifier) or not targets or kind in targets
        return wanted == local or (wanted == logical_id and is_target)

    # -- filters

    def _filtered(self, resource: Resource, asked: Filter) -> bool:
        if isinstance(asked, Test):
            return self._tested(resource, asked)
        if asked.right is None:
            return not self._filtered(resource, asked.left)
        left, right = (self._filtered(resource, part) for part in (asked.left, asked.right))
        return (left and right) if asked.word == "and" else (left or right)

    def _tested(self, resource: Resource, test: Test) -> bool:
        head, dot, rest = test.path.partition(".")
        if dot:
            return self._chained(resource, head, "_filter", Test(rest, test.operator, test.value))
        definition = self.parameter(resource, test.path)
        if definition is None:
            return False
        if test.operator == "pr":
            return (test.value == "true") == self._has_value(resource, test.path)
        value = re.sub(r"([,$\\])", r"\\\1", test.value)
        if definition.type in {"date", "number", "quantity"}:
            modifier, value = (
                ("po", value) if test.operator == "po" else ("", test.operator + value)
            )
            return self._one(resource, test.path, modifier, value)
        if test.operator == "ne":
            is_equal = self._one(resource, test.path, _FILTERED.get(definition.type, ""), value)
            return self._has_value(resource, test.path) and not is_equal
        modifier = test.operator if definition.type == "string" else ""
        return self._one(resource, test.path, modifier, value)


_FILTERED = {"string": "eq"}


class _Targets:
    """``resolve()`` of ``where(resolve() is Patient)``: by what the reference says."""

    def __init__(self, search: ByFhirPath, resource: Resource) -> None:
        self._search = search
        self._resource = resource

    def resolve(self, reference: str, node: Node) -> Node | None:
        link = node if isinstance(node.value, dict) else node.parent
        kind = None if link is None else self._search.target_type(self._resource, link)
        return None if kind is None else Node({"resourceType": kind}, kind)

    def member_of(self, node: Node, value_set: str) -> bool | None:
        return None

    def conforms_to(self, node: Node, profile: str) -> bool | None:
        return None


# -- what there is to compare


def _counts(kind: str, found: Node) -> bool:
    """Whether a value is one for ``:missing``: it has what its type compares."""
    if kind == "date":
        return _span(found) is not None
    if kind in {"number", "quantity"}:
        return _range(found) is not None
    if kind == "string":
        return bool(_texts(found))
    if kind == "token":
        return bool(_tokens(found))
    return True


def _can_be_asked(kind: str, found: Node) -> bool:
    """Whether a part of a composite has what its type compares; a mere text has not."""
    return any(map(any, _tokens(found))) if kind == "token" else _counts(kind, found)


def _tokens(found: Node) -> list[tuple[str, str]]:
    """(system, code) of a value; both "" where there is nothing but a text."""
    value = found.value
    if isinstance(value, bool):
        return [("", "true" if value else "false")]
    if isinstance(value, str):
        return [("", value)]
    if not isinstance(value, dict):
        return []
    if found.fhir_type == "CodeableConcept":
        codings = value.get("coding") or [{}]
        return [(c.get("system", ""), c.get("code", "")) for c in codings]
    if found.fhir_type in {"Identifier", "ContactPoint"}:
        return [(value.get("system", ""), value.get("value", ""))]
    if found.fhir_type == "Coding":
        return [(value.get("system", ""), value.get("code", ""))]
    return []


def _is_token(wanted: list[str], of: str, code: str, system: str | None, found: Node) -> bool:
    if len(wanted) == 1:
        return wanted[0] == code
    if isinstance(found.value, bool):
        system = None
    systems = {of} if of or system is None or found.fhir_type != "code" else {"", system}
    return wanted[0] in systems and wanted[1] in {"", code}


def _said(found: Node) -> list[str]:
    """Texts and displays of a token."""
    value = found.value
    if not isinstance(value, dict):
        return []
    if found.fhir_type == "Identifier":
        said = [value.get("type", {}).get("text")]
    else:
        said = [value.get("text"), value.get("display")]
        said += [coding.get("display") for coding in value.get("coding", ())]
    return [text for text in said if text is not None]


def _is_of_type(found: Node, system: str, code: str, value: str) -> bool:
    if found.fhir_type != "Identifier" or found.value.get("value") != value:
        return False
    codings = found.value.get("type", {}).get("coding", ())
    return any((c.get("system"), c.get("code")) == (system, code) for c in codings)


def _links(found: Node) -> set[str]:
    """What an absolute or canonical link may be asked by."""
    if isinstance(found.value, dict):
        return {re.sub(r"/_history/.*", "", found.value.get("reference", ""))}
    whole = found.value.partition("#")[0] if found.fhir_type == "canonical" else found.value
    return {whole, whole.partition("|")[0]} if found.fhir_type == "canonical" else {whole}


def fold(text: str) -> str:
    """Forget case, the accents of the corpora, apostrophes and spacing."""
    for accented, letter in {"ü": "u", "ö": "o", "ë": "e", "'": "", "’": ""}.items():
        text = text.casefold().replace(accented, letter)
    return " ".join(text.split())


def _begins(said: str, text: str) -> bool:
    return fold(said).startswith(fold(plain(text)))


def _texts(found: Node) -> list[str]:
    value = found.value
    if isinstance(value, str):
        return [value]
    names = {"HumanName": _NAME, "Address": _ADDRESS}.get(found.fhir_type, ())
    texts: list[str] = []
    for name in names:
        part = value.get(name)
        texts += part if isinstance(part, list) else [] if part is None else [part]
    return [text for text in texts if isinstance(text, str)]


def _string(found: Node, modifier: str, text: str, _: datetime) -> bool:
    wanted = plain(text)
    compare: Mapping[str, Callable[[str], bool]] = {
        "": lambda said: fold(said).startswith(fold(wanted)),
        "sw": lambda said: fold(said).startswith(fold(wanted)),
        "contains": lambda said: fold(wanted) in fold(said),
        "co": lambda said: fold(wanted) in fold(said),
        "ew": lambda said: fold(said).endswith(fold(wanted)),
        "eq": lambda said: fold(said) == fold(wanted),
        "exact": lambda said: said == wanted,
    }
    return any(compare[modifier](said) for said in _texts(found))


def _uri(found: Node, modifier: str, text: str, _: datetime) -> bool:
    wanted, said = plain(text), found.value
    spellings = {said, said.partition("|")[0]} if found.fhir_type == "canonical" else {said}
    if modifier == "below":
        return any(_under(one, wanted) for one in spellings)
    if modifier == "above":
        return any(_under(wanted, one) for one in spellings)
    return wanted in spellings


def _under(uri: str, above: str) -> bool:
    return uri == above or uri.startswith(above.rstrip("/") + "/")


def span(text: str) -> Span:
    """Return the moments that a date or time of any precision covers, the end left out."""
    day, _, clock = text.partition("T")
    year, month, number = (*map(int, day.split("-")), 0, 0)[:3]
    if not clock:
        low = datetime(year, month or 1, number or 1, tzinfo=UTC)
        if number:
            return low, low + timedelta(days=1)
        if month:
            return low, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        return low, datetime(year + 1, 1, 1, tzinfo=UTC)
    low = datetime.fromisoformat(text)
    low = low.replace(tzinfo=low.tzinfo or UTC)
    if "." in clock:
        return low, low + timedelta(milliseconds=1)
    return low, low + timedelta(seconds=1 if clock[5:6] == ":" else 60)


def _span(found: Node) -> Span | None:
    value = found.value
    if found.fhir_type in {"date", "dateTime", "instant"}:
        return span(value)
    if found.fhir_type == "Timing":
        inside = [span(event) for event in value.get("event", ())]
        bounds = _period(value.get("repeat", {}).get("boundsPeriod", {}))
        inside += [] if bounds is None else [bounds]
        return (min(x for x, _ in inside), max(y for _, y in inside)) if inside else None
    return _period(value) if found.fhir_type == "Period" else None


def _period(value: Any) -> Span | None:
    start, end = value.get("start"), value.get("end")
    if start is None and end is None:
        return None
    return (
        LEAST_DATE if start is None else span(start)[0],
        LAST_DATE if end is None else span(end)[1],
    )


def _prefixed(text: str) -> tuple[str, str]:
    found = re.match(r"eq|ne|gt|lt|ge|le|sa|eb|ap", text)
    return (found[0], text[2:]) if found else ("eq", text)


def _date(found: Node, modifier: str, text: str, now: datetime) -> bool:
    of = _span(found)
    if of is None:
        return False
    prefix, text = _prefixed(text)
    low, high = span(plain(text))
    if modifier == "po":
        return of[0] < high and low < of[1]
    if prefix == "ap":
        slack = max(abs(now - low), abs(now - high)) / 10
        return of[0] < high + slack and low - slack < of[1]
    contains = low <= of[0] and of[1] <= high
    reaches_above, reaches_below = of[1] > high, of[0] < low
    return {
        "eq": contains,
        "ne": not contains,
        "gt": reaches_above,
        "lt": reaches_below,
        "ge": reaches_above or contains,
        "le": reaches_below or contains,
        "sa": of[0] >= high,
        "eb": of[1] <= low,
    }[prefix]


def _range(found: Node) -> Range | None:
    value = found.value
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return Decimal(value), Decimal(value)
    if not isinstance(value, dict):
        return None
    if found.fhir_type == "Range":
        ends = [value.get(end, {}).get("value") for end in ("low", "high")]
        if ends == [None, None]:
            return None
        low, high = ends
        return LEAST if low is None else Decimal(low), MOST if high is None else Decimal(high)
    number = value.get("value")
    if number is None or found.fhir_type == "SampledData":
        return None
    number = Decimal(number)
    comparator = value.get("comparator", "")
    if comparator:
        return (LEAST, number) if comparator[0] == "<" else (number, MOST)
    return number, number


def _compared(prefix: str, of: Range, value: Decimal, half: Decimal) -> bool:
    low, high = of
    if prefix == "ap":
        slack = abs(value) / 10
        return low < value + slack and high >= value - slack
    within = value - half <= low and high < value + half
    return {
        "eq": within,
        "ne": not within,
        "gt": high > value,
        "lt": low < value,
        "ge": high >= value,
        "le": low <= value,
        "sa": low > value,
        "eb": high < value,
    }[prefix]


def _half(text: str) -> Decimal:
    """Half a unit of the last digit that is written."""
    return Decimal(5).scaleb(-1 - len(text.partition(".")[2]))


def _number(found: Node, _: str, text: str, now: datetime) -> bool:
    prefix, text = _prefixed(text)
    of = _range(found)
    return of is not None and _compared(prefix, of, Decimal(text), _half(text))


def _quantity(found: Node, _: str, text: str, now: datetime) -> bool:
    number, system, code = (*map(plain, pieces(text, "|")), "", "")[:3]
    prefix, number = _prefixed(number)
    of = _range(found)
    if of is None:
        return False
    value, half = Decimal(number), _half(number)
    has = _unit(found)
    if system == UCUM and code in MASSES:
        if has["system"] != UCUM or has["code"] not in MASSES:
            return False
        ours, theirs = MASSES[has["code"]], MASSES[code]
        ends = [end if end in {LEAST, MOST} else end * ours for end in of]
        return _compared(prefix, (ends[0], ends[1]), value * theirs, half * theirs)
    spellings = {has["code"]} | ({has["unit"]} if not system else set())
    is_unit = (not system or system == has["system"]) and (not code or code in spellings)
    return is_unit and _compared(prefix, of, value, half)


def _unit(found: Node) -> dict[str, str]:
    value = found.value
    if found.fhir_type == "Money":
        system, code = "urn:iso:std:iso:4217", value.get("currency", "")
        return {"system": system, "code": code, "unit": ""}
    if found.fhir_type == "Range":
        value = value.get("low") or value.get("high") or {}
    return {key: value.get(key, "") for key in ("system", "code", "unit")}


_COMPARE: Mapping[str, Callable[[Node, str, str, datetime], bool]] = {
    "string": _string,
    "uri": _uri,
    "date": _date,
    "number": _number,
    "quantity": _quantity,
}
