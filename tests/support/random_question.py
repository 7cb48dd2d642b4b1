"""Random searches that have a chance to find something: made from values that resources have."""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Any, TypeVar

from fhir_server.definitions import Registry
from fhir_server.fhirpath import Node
from tests.support.fhirpath_search import (
    UCUM,
    ByFhirPath,
    Filter,
    Joined,
    Resource,
    Test,
    plain,
)

T = TypeVar("T")
Question = tuple[str, Any]
"""Name and value of a parameter; the value of ``_filter`` is its tree."""

PREFIXES = ("", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_UNASKED = frozenset({"_id", "_query", "_filter", "_text", "_content", "phonetic", "near"})
MAX_HOPS = 3
MOST_TRIES = 1000


class NoQuestion(Exception):
    """Nothing can be made of what chance picked."""


class Asker:
    """Makes questions about a corpus.

    Args:
        random: Chance.
        truth: The resources, and what parameters find in them.
        registry: The definitions.
    """

    def __init__(self, random: Random, truth: ByFhirPath, registry: Registry) -> None:
        self._random = random
        self._truth = truth
        self._registry = registry

    def search(self, *, with_links: bool = True) -> tuple[str, list[Question]]:
        """Return a type and one to three parameters."""
        for _ in range(MOST_TRIES):
            resource = self._one(list(self._truth.resources.values()))
            kind = resource["resourceType"]
            try:
                count = self._one((1, 1, 2, 3))
                return kind, [
                    self.question(kind, 0 if with_links else MAX_HOPS) for _ in range(count)
                ]
            except NoQuestion:
                continue
        raise NoQuestion

    def question(self, kind: str, hops: int = 0) -> Question:
        """Return one parameter for a type, chained or not."""
        if hops < MAX_HOPS:
            way = self._random.random()
            if way < 0.15:
                return self._chain(kind, hops)
            if way < 0.3:
                return self._has(kind, hops)
            if way < 0.4 and hops == 0:
                return "_filter", self._filter(kind)
        return self._plain(kind)

    def _chain(self, kind: str, hops: int) -> Question:
        code, found = self._link(kind)
        target = self._target(found)
        if target not in self._registry.search_parameters(kind)[code].targets:
            raise NoQuestion
        name, value = self.question(target, hops + 1)
        if name == "_filter":
            raise NoQuestion
        typed = f":{target}" if self._random.random() < 0.5 else ""
        return f"{code}{typed}.{name}", value

    def _link(self, kind: str) -> tuple[str, Node]:
        links = [
            (code, found)
            for resource in self._all(kind)
            for code, definition in self._registry.search_parameters(kind).items()
            if definition.type == "reference"
            for found in self._truth.values(resource, code)
        ]
        if not links:
            raise NoQuestion
        return self._one(links)

    def _target(self, found: Node) -> str:
        text = found.value.get("reference", "") if isinstance(found.value, dict) else found.value
        if text == "#in":
            return "Patient"
        kinds = {kind for kind, _ in self._truth.resources}
        named = [kind for kind in kinds if re.search(rf"\b{kind}/", text)]
        if not named:
            raise NoQuestion
        return str(named[0])

    def _has(self, kind: str, hops: int) -> Question:
        source = self._one(sorted({kind for kind, _ in self._truth.resources}))
        codes = [
            code
            for code, definition in self._registry.search_parameters(source).items()
            if definition.type == "reference" and kind in definition.targets
        ]
        if not codes:
            raise NoQuestion
        name, value = self.question(source, hops + 1)
        return f"_has:{source}:{self._one(codes)}:{name}", value

    def _filter(self, kind: str, depth: int = 0) -> Filter:
        way = self._random.random()
        if depth < 2 and way < 0.4:
            right = None if way < 0.1 else self._filter(kind, depth + 1)
            word = "not" if right is None else self._one(("and", "or"))
            return Joined(word, self._filter(kind, depth + 1), right)
        code, found = self._value(kind)
        of = self._registry.search_parameters(kind)[code].type
        if self._random.random() < 0.1:
            return Test(code, "pr", self._one(("true", "false")))
        operators = _OPERATORS.get(of)
        if operators is None:
            raise NoQuestion
        text = plain(_TEXTS[of](self, found, ""))
        if of in {"date", "number", "quantity"}:
            text = re.sub("^[a-z]{2}", "", text)
        return Test(code, self._one(operators), text)

    def _plain(self, kind: str) -> Question:
        code, _ = self._value(kind)
        definition = self._registry.search_parameters(kind)[code]
        of = definition.type
        way = self._random.random()
        if way < 0.08:
            return f"{code}:missing", self._one(("true", "false"))
        if of == "composite":
            return code, self._composite(kind, code)
        modifier = self._one(_MODIFIERS[of])
        if modifier in {"in", "not-in"}:
            return f"{code}:{modifier}", "urn:vs:diabetes"
        values = [found for c, found in self._values(kind) if c == code]
        count = self._one((1, 1, 1, 2))
        texts = [_TEXTS[of](self, self._one(values), modifier) for _ in range(count)]
        if not all(texts):
            raise NoQuestion
        if modifier == "Patient":
            texts = [text for text in texts if text.startswith("Patient/") or "/" not in text]
            if not texts or any(":" in text for text in texts):
                raise NoQuestion
        name = f"{code}:{modifier}" if modifier else code
        return name, ",".join(texts)

    def _composite(self, kind: str, code: str) -> str:
        for resource in self._shuffled(self._all(kind)):
            definition = self._registry.search_parameters(kind)[code]
            groups = list(self._truth.groups(resource, definition))
            if groups:
                pieces = [self._one(part) for part in self._one(groups)]
                other = [self._one(part) for part in self._one(groups)]
                mixed = [self._one(pair) for pair in zip(pieces, other, strict=True)]
                texts = [_TEXTS[of.type](self, found, "") for of, found in mixed]
                if not all(texts):
                    raise NoQuestion
                return "$".join(texts)
        raise NoQuestion

    # -- texts of values

    def token(self, found: Node, modifier: str) -> str:
        """``code``, ``system|code``, ``|code``, ``system|``."""
        value = found.value
        if modifier in {"above", "below"}:
            return "urn:cs|" + self._one(("disease", "diabetes", "type-1"))
        if modifier == "text":
            return escape(self._begin(self._one(("Шевченко", "muller", "Тарас", "Марія", "a"))))
        if modifier == "of-type":
            return self._of_type(value)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return escape(value)
        if "coding" in value:
            value = self._one(value["coding"])
        system, code = value.get("system", ""), value.get("code", value.get("value", ""))
        spellings = [escape(code), f"{escape(system)}|{escape(code)}"]
        spellings += [f"{escape(system)}|"] if system else []
        spellings += [f"|{escape(code)}"] if code else []
        return self._one([text for text in spellings if text != "|"])

    def _of_type(self, value: Any) -> str:
        codings = value.get("type", {}).get("coding", ()) if isinstance(value, dict) else ()
        if not codings or "value" not in value or "system" not in codings[0]:
            raise NoQuestion
        parts = (codings[0]["system"], codings[0].get("code", ""), value["value"])
        if not all(parts):
            raise NoQuestion
        return "|".join(map(escape, parts))

    def string(self, found: Node, modifier: str) -> str:
        """The text, its beginning, or a part of it."""
        value = found.value
        texts = [value] if isinstance(value, str) else list(_inner_texts(value))
        if not texts:
            raise NoQuestion
        text = self._one(texts)
        if modifier == "exact":
            return escape(self._one((text, text, text.lower())))
        start = self._random.randrange(3) if modifier == "contains" else 0
        cut = text[start : start + self._one((3, 5, 30))].strip()
        if not cut.strip("'’ "):
            raise NoQuestion
        return escape(self._one((cut, cut.upper(), cut.lower())))

    def date(self, found: Node, _: str) -> str:
        """A date that occurs, at any precision."""
        texts = re.findall(
            r"\d{4}(?:-\d\d(?:-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?)?)?", str(found.value)
        )
        if not texts:
            raise NoQuestion
        text: str = self._one(texts)
        lengths = [n for n in (4, 7, 10, 99) if n <= len(text) or n == 99]
        return self._one(PREFIXES) + text[: self._one(lengths)]

    def number(self, found: Node, _: str) -> str:
        """The number, rounded or not, or one nearby."""
        value = found.value
        if isinstance(value, dict):
            ends = [value.get(key) for key in ("value", "low", "high")]
            known = [e.get("value") if isinstance(e, dict) else e for e in ends if e is not None]
            if not known or known[0] is None:
                raise NoQuestion
            value = known[0]
        value = Decimal(value)
        digits = self._one(("1", "0.1", "0.01"))
        near = self._one((value, value, value.quantize(Decimal(digits)), value + 1))
        return self._one(PREFIXES) + f"{near:f}"

    def quantity(self, found: Node, modifier: str) -> str:
        """With or without unit; masses also in another unit."""
        number = self.number(found, modifier)
        value = found.value
        if found.fhir_type == "Range":
            value = value.get("low") or value.get("high")
        system, code = value.get("system", ""), value.get("code", "")
        unit = value.get("unit", "")
        if found.fhir_type == "Money":
            system, code = "urn:iso:std:iso:4217", value.get("currency", "")
        ways = [number, f"{number}|{escape(system)}|{escape(code)}"]
        ways += [f"{number}||{escape(code or unit)}"] if code or unit else []
        if system == UCUM and code in {"mg", "g", "kg"}:
            exact = Decimal(re.sub("^[a-z]+", "", number))
            ways += [f"{exact * 1000:f}|{UCUM}|mg", f"{exact / 1000:f}|{UCUM}|kg"]
        return self._one(ways)

    def reference(self, found: Node, modifier: str) -> str:
        """``Type/id``, the id alone, or the link as it is written."""
        value = found.value
        if modifier == "identifier":
            inner = value.get("identifier") if isinstance(value, dict) else None
            return self.token(Node(inner, "Identifier"), "") if inner else "urn:a|1"
        if isinstance(value, dict) and "resourceType" in value:
            text = f"{value['resourceType']}/{value.get('id', 'x')}"
        else:
            text = value.get("reference", "") if isinstance(value, dict) else value
        if not text or text.startswith("#"):
            raise NoQuestion
        local = text.partition("/_history/")[0]
        if ":" in text:
            return escape(local)
        return escape(self._one((text, local, local.partition("/")[2])))

    def uri(self, found: Node, modifier: str) -> str:
        """The uri; shorter for ``:below``, longer for ``:above``."""
        text = found.value
        if modifier == "below":
            text = self._one((text, text.rpartition("/")[0])) or text
        if modifier == "above":
            text += self._one(("", "/z"))
        return escape(text)

    # -- chance

    def _values(self, kind: str) -> list[tuple[str, Node]]:
        return [
            (code, found)
            for resource in self._all(kind)
            for code, definition in self._registry.search_parameters(kind).items()
            if definition.expression is not None and code not in _UNASKED
            for found in self._truth.values(resource, code)
        ]

    def _value(self, kind: str) -> tuple[str, Node]:
        values = self._values(kind)
        if not values:
            raise NoQuestion
        code = self._one(sorted({code for code, _ in values}))
        return code, self._one([found for c, found in values if c == code])

    def _all(self, kind: str) -> list[Resource]:
        return [r for (of, _), r in self._truth.resources.items() if of == kind]

    def _begin(self, text: str) -> str:
        return text[: self._one((3, 30))]

    def _one(self, values: Sequence[T]) -> T:
        return self._random.choice(values)

    def _shuffled(self, values: list[T]) -> list[T]:
        return self._random.sample(values, len(values))


def escape(text: str) -> str:
    """Write a text as part of a value."""
    return re.sub(r"([,|$\\])", r"\\\1", text)


def _inner_texts(value: Any) -> list[str]:
    parts = [part for key, part in value.items() if key not in {"use", "type", "period"}]
    flat = [inner for part in parts for inner in (part if isinstance(part, list) else [part])]
    return [text for text in flat if isinstance(text, str)]


_MODIFIERS: Mapping[str, tuple[str, ...]] = {
    "token": ("", "", "", "not", "text", "of-type", "in", "not-in", "above", "below"),
    "string": ("", "", "exact", "contains"),
    "date": ("",),
    "number": ("",),
    "quantity": ("",),
    "reference": ("", "", "identifier", "Patient"),
    "uri": ("", "below", "above"),
}
_OPERATORS: Mapping[str, tuple[str, ...]] = {
    "token": ("eq", "ne"),
    "string": ("eq", "ne", "co", "sw", "ew"),
    "date": ("eq", "ne", "gt", "lt", "ge", "le", "ap", "sa", "eb", "po"),
    "number": ("eq", "ne", "gt", "lt", "ge", "le", "ap", "sa", "eb"),
    "quantity": ("eq", "ne", "gt", "lt", "ge", "le", "ap", "sa", "eb"),
    "reference": ("eq", "ne"),
    "uri": ("eq", "ne"),
}
_TEXTS: Mapping[str, Callable[[Asker, Node, str], str]] = {
    "token": Asker.token,
    "string": Asker.string,
    "date": Asker.date,
    "number": Asker.number,
    "quantity": Asker.quantity,
    "reference": Asker.reference,
    "uri": Asker.uri,
}
