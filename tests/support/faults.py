"""Faults seeded into valid resources: where which fault may be put, and what it makes of a value.

A place is the steps from the resource to a value. Kinds of faults are data
(``faults.yaml`` beside this module): the change, where it applies, and the rule that finds it.
"""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fhir_server.definitions import TypeTable
from fhir_server.model import escape

Json = dict[str, Any]
Steps = tuple[str | int, ...]
MARK = "seeded-fault-mark"
KINDS: list[Json] = yaml.safe_load(Path(__file__).with_name("faults.yaml").read_text("utf-8"))[
    "kinds"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A value in a resource: its place, its type, and whether it stands in an array."""

    steps: Steps
    value: Any
    fhir_type: str
    is_collection: bool
    is_item: bool
    is_mandatory: bool

    @property
    def pointer(self) -> str:
        return "".join(f"/{escape(str(step))}" for step in self.steps)

    @property
    def kind(self) -> str:
        """Its path without indexes, by which places are alike."""
        return "/".join(str(step) for step in self.steps if not isinstance(step, int))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A resource with one fault.

    Attributes:
        resource: The broken resource.
        steps: Where the finding must be.
    """

    resource: Json
    steps: Steps


def places(resource: Json, types: TypeTable) -> Iterator[Place]:
    """Yield every value below a resource whose type is known."""
    yield from _below(resource, str(resource["resourceType"]), (), types)


def _below(holder: Json, fhir_type: str, around: Steps, types: TypeTable) -> Iterator[Place]:
    for key, value in holder.items():
        known = types.property(fhir_type, key)
        if known is None:
            continue
        steps = (*around, key)
        mandatory = known.is_mandatory
        yield Place(
            steps=steps,
            value=value,
            fhir_type=known.fhir_type,
            is_collection=known.is_collection,
            is_item=False,
            is_mandatory=mandatory,
        )
        items = (
            [((*steps, at), item) for at, item in enumerate(value)]
            if isinstance(value, list)
            else []
        )
        for at, item in items:
            yield Place(
                steps=at,
                value=item,
                fhir_type=known.fhir_type,
                is_collection=True,
                is_item=True,
                is_mandatory=mandatory,
            )
        for at, item in items or [(steps, value)]:
            if isinstance(item, dict):
                inner = item.get("resourceType", known.fhir_type)
                yield from _below(item, inner, at, types)


def applies(kind: Json, place: Place) -> bool:
    """Say whether a kind of fault makes sense at a place."""
    fhir_type = (
        "path" if "." in place.fhir_type[1:] and isinstance(place.value, dict) else place.fhir_type
    )
    types = kind["types"]
    is_list = isinstance(place.value, list)
    only = kind.get("only")
    fits = {
        None: not is_list,
        "property": not place.is_item,
        "single": not place.is_collection,
        "collection": is_list,
    }[only]
    return (
        fits
        and (types == ["*"] or fhir_type in types)
        and ("named" not in kind or place.kind.rpartition("/")[2] in kind["named"])
        and not (kind.get("optional") and place.is_mandatory)
        and not (kind.get("mandatory") and not place.is_mandatory)
        and place.kind not in kind.get("except", ())
        and (len(str(place.steps[-1])) > 4 or kind.get("only") != "property")
    )


def holder_of(resource: Any, steps: Steps) -> Any:
    for step in steps[:-1]:
        resource = resource[step]
    return resource


def with_value(resource: Json, steps: Steps, value: Any) -> Json:
    """A copy with another value at a place; no steps: the value itself."""
    if not steps:
        whole: Json = value
        return whole
    made = copy.deepcopy(resource)
    holder_of(made, steps)[steps[-1]] = value
    return made


def renamed(resource: Json, steps: Steps, name: str) -> Json:
    """A copy where a property has another name, in its old place."""
    made = copy.deepcopy(resource)
    holder = holder_of(made, steps)
    items = list(holder.items())
    holder.clear()
    holder.update((name if key == steps[-1] else key, value) for key, value in items)
    return made


def _swap(text: str) -> str:
    return text[:1] + text[2] + text[1] + text[3:]


def _look_alike(text: str) -> str | None:
    for latin, cyrillic in (("a", "а"), ("e", "е"), ("o", "о"), ("A", "А"), ("E", "Е"), ("O", "О")):
        if latin in text:
            return text.replace(latin, cyrillic, 1)
    return None


def _replace(change: Callable[[Any], Any]) -> Callable[[Json, Place], Fault | None]:
    def seed(resource: Json, place: Place) -> Fault | None:
        value = change(place.value)
        if value is None and change is not _null:
            return None
        return Fault(resource=with_value(resource, place.steps, value), steps=place.steps)

    return seed


def _rename(change: Callable[[str], str | None]) -> Callable[[Json, Place], Fault | None]:
    def seed(resource: Json, place: Place) -> Fault | None:
        old = str(place.steps[-1])
        name = change(old)
        if name is None or name == old or f"_{old}" in holder_of(resource, place.steps):
            return None
        steps = (*place.steps[:-1], name)
        return Fault(resource=renamed(resource, place.steps, name), steps=steps)

    return seed


def _remove(resource: Json, place: Place) -> Fault | None:
    made = copy.deepcopy(resource)
    del holder_of(made, place.steps)[place.steps[-1]]
    return Fault(resource=made, steps=place.steps[:-1])


def _insert(name: str, value: Any) -> Callable[[Json, Place], Fault | None]:
    """Put a further property into an object."""

    def seed(resource: Json, place: Place) -> Fault | None:
        if name in place.value:
            return None
        steps = (*place.steps, name)
        return Fault(resource=with_value(resource, steps, value), steps=steps)

    return seed


def _null(_value: Any) -> None:
    return None


def _unpadded(value: str) -> str | None:
    """The same day without its zeros."""
    year, *rest = value.split("-")
    short = "-".join((year, *(part.lstrip("0") for part in rest)))
    return short if short != value and len(value) == len("2024-01-05") else None


def _everyday(value: str) -> str | None:
    """The same day, day first."""
    turned = ".".join(reversed(value.split("-")))
    return turned if len(value) == len("2024-01-05") else None


def _other_digit(text: str) -> str:
    return text[:-1] + str((int(text[-1]) + 1) % 10)


def _retype(name: str) -> Callable[[Any], Any]:
    def change(value: str) -> str | None:
        word, slash, rest = value.partition("/")
        return f"{name}/{rest}" if slash and word.isalpha() else None

    return change


def _misspelt_reference(value: str) -> str | None:
    word, slash, rest = value.partition("/")
    return f"{_swap(word)}/{rest}" if slash and word.isalpha() else None


CHANGES: dict[str, Callable[[Json, Place], Fault | None]] = {
    "swap letters of the name": _rename(_swap),
    "write a look-alike in the name": _rename(_look_alike),
    "capitalise the name": _rename(lambda name: name[0].upper() + name[1:]),
    "wrap": _replace(lambda value: [value]),
    "unwrap": _replace(lambda value: value[0] if len(value) == 1 else None),
    "null": _replace(_null),
    "empty string": _replace(lambda _: ""),
    "empty object": _replace(lambda _: {}),
    "quote": _replace(lambda value: json.dumps(value, default=str).strip('"')),
    "number": _replace(lambda _: 12),
    "object": _replace(lambda _: {"value": "a"}),
    "word": _replace(lambda _: "word"),
    "no day": _replace(lambda _: "2024-02-30"),
    "unpadded": _replace(_unpadded),
    "everyday date": _replace(_everyday),
    "no zone": _replace(lambda value: value[:19] if "T" in value else None),
    "time without seconds": _replace(lambda value: value[:16] + "Z" if "T" in value else None),
    "upper case": _replace(lambda v: v.upper() if v.upper() != v else None),
    "look-alike": _replace(_look_alike),
    "no such code": _replace(lambda _: "zzqx"),
    "space behind": _replace(lambda value: f"{value} "),
    "space inside": _replace(lambda value: f"{value[:4]} {value[4:]}"),
    "underscore": _replace(lambda value: f"{value}_1"),
    "misspelt reference": _replace(_misspelt_reference),
    "reference to a Binary": _replace(_retype("Binary")),
    "reference without type": _replace(lambda value: value.partition("/")[2] or None),
    "minus five": _replace(lambda _: -5),
    "other digit": _replace(_other_digit),
    "letters": _replace(lambda value: value[:-1] + "X"),
    "no system": _replace(lambda _: "national"),
    "remove": _remove,
    "add an unknown property": _insert("colour", "red"),
    "add an empty array": _insert("extension", []),
    "add a comment": _insert("fhir_comments", ["a"]),
    "add an empty extension": _insert("extension", [{}]),
    "add a relative extension": _insert("extension", [{"url": "a", "valueString": "b"}]),
    "script in the narrative": _replace(
        lambda _: '<div xmlns="http://www.w3.org/1999/xhtml"><script>a</script></div>'
    ),
}
"""What can be done to a value, by the name that the data file uses."""
