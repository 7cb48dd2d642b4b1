"""Parameters of an operation: from a query string by the OperationDefinition, and how to read them.

Spec: https://hl7.org/fhir/R4/operations.html#request and https://hl7.org/fhir/R4/parameters.html
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any, TypeVar

from fhir_server.model import InvalidRequest, JsonObject, issue

_T = TypeVar("_T")

_STRINGS = frozenset(
    {
        "base64Binary", "canonical", "code", "date", "dateTime", "id", "instant", "markdown", "oid",
        "string", "time", "uri", "url", "uuid",
    }
)  # fmt: skip
_INTEGERS = frozenset({"integer", "positiveInt", "unsignedInt"})
_INTEGER = re.compile(r"[+-]?\d{1,10}")
_TOKENS = frozenset({"Coding", "Identifier"})


def parameters_from_query(
    definition: JsonObject,
    query: Iterable[tuple[str, str]],
    further: Mapping[str, str] | None = None,
) -> JsonObject:
    """Make a Parameters resource of a query string.

    Spec: https://hl7.org/fhir/R4/operations.html#request

    Args:
        definition: The OperationDefinition, for the types.
        query: Names and values, decoded; names that start with ``_`` are the caller's.
        further: Types of parameters that the server knows beyond the definition.

    Raises:
        InvalidRequest: An unknown name, or a value of the wrong type or for a body only.
    """
    types = dict(further or {}) | {
        parameter["name"]: parameter.get("type", "string")
        for parameter in definition.get("parameter", ())
        if parameter.get("use") == "in"
    }
    made: list[JsonObject] = []
    problems = []
    for name, text in query:
        if name.startswith("_"):
            continue
        if name not in types:
            near = tuple(get_close_matches(name, types, n=3))
            problems.append(issue("operation-parameter-unknown", found=name, suggestions=near))
            continue
        value = _typed(types[name], text)
        if value is None:
            problems.append(
                issue("operation-parameter-type", name=name, found=text, expected=types[name])
            )
        else:
            made.append({"name": name, **value})
    if problems:
        raise InvalidRequest(problems)
    return {"resourceType": "Parameters", "parameter": made}


def _typed(fhir_type: str, text: str) -> JsonObject | None:
    """Read a value; None: it is not of the type, or no value of the type fits in a query string."""
    key = "value" + fhir_type[0].upper() + fhir_type[1:]
    if fhir_type in _STRINGS:
        return {key: text} if text else None
    if fhir_type == "boolean":
        return {key: text == "true"} if text in {"true", "false"} else None
    if fhir_type in _INTEGERS:
        return {key: int(text)} if _INTEGER.fullmatch(text) else None
    if fhir_type == "decimal":
        try:
            return {key: Decimal(text)}
        except InvalidOperation:
            return None
    if fhir_type in _TOKENS:
        system, bar, code = text.rpartition("|")
        own = {"system": system} if bar and system else {}
        return {key: {**own, ("code" if fhir_type == "Coding" else "value"): code}}
    return None


class OperationParameters:
    """Reads a Parameters resource by name.

    Args:
        parameters: The resource.
    """

    def __init__(self, parameters: JsonObject) -> None:
        entries = parameters.get("parameter", ())
        self._entries = [e for e in entries if isinstance(e, dict)] if entries else []

    def entries(self, name: str) -> Iterator[JsonObject]:
        """Yield the entries of a name, in order."""
        return (entry for entry in self._entries if entry.get("name") == name)

    def values(self, name: str) -> Iterator[Any]:
        """Yield the values of a name, whatever their type."""
        for entry in self.entries(name):
            yield from (value for key, value in entry.items() if key.startswith("value"))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the values of a parameter that holds strings, codes or uris.

        Raises:
            InvalidRequest: One of them is something else.
        """
        return tuple(self._checked(name, value, str, "string") for value in self.values(name))

    def text(self, name: str) -> str | None:
        """Return the first of `texts`."""
        return next(iter(self.texts(name)), None)

    def boolean(self, name: str) -> bool | None:
        """Return a boolean; None: it is not given.

        Raises:
            InvalidRequest: It is something else.
        """
        value = next(self.values(name), None)
        return None if value is None else self._checked(name, value, bool, "boolean")

    def integer(self, name: str) -> int | None:
        """Return a whole number, not negative; None: it is not given.

        Raises:
            InvalidRequest: It is something else.
        """
        value = next(self.values(name), None)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise _wrong_type(name, value, "unsignedInt")
        return value

    def json(self, name: str, fhir_type: str) -> JsonObject | None:
        """Return a value of a complex type such as ``Coding``; None: it is not given.

        Raises:
            InvalidRequest: It is something else.
        """
        value = next(self.values(name), None)
        return None if value is None else self._checked(name, value, dict, fhir_type)

    def resources(self, name: str, resource_type: str) -> Iterator[JsonObject]:
        """Yield the resources of a name.

        Raises:
            InvalidRequest: One is of another type.
        """
        for entry in self.entries(name):
            resource = entry.get("resource")
            if not isinstance(resource, dict) or resource.get("resourceType") != resource_type:
                raise _wrong_type(name, (resource or {}).get("resourceType", ""), resource_type)
            yield resource

    def resource(self, name: str, resource_type: str) -> JsonObject | None:
        """Return the first of `resources`."""
        return next(self.resources(name, resource_type), None)

    def require(self, *names: str) -> None:
        """Insist that one of the parameters is given.

        Raises:
            InvalidRequest: None is.
        """
        if not any(True for name in names for _ in self.entries(name)):
            raise InvalidRequest.of("operation-parameter-missing", expected=", ".join(names))

    def _checked(self, name: str, value: object, kind: type[_T], shown: str) -> _T:
        if not isinstance(value, kind):
            raise _wrong_type(name, value, shown)
        return value


def _wrong_type(name: str, found: object, expected: str) -> InvalidRequest:
    shown = str(found)[:60]
    return InvalidRequest.of("operation-parameter-type", name=name, found=shown, expected=expected)


def answer(entries: Iterable[JsonObject]) -> JsonObject:
    """Make the Parameters resource of an answer; entries without value are left out."""
    kept = [entry for entry in entries if any(value is not None for value in _content(entry))]
    return {"resourceType": "Parameters", "parameter": kept}


def _content(entry: JsonObject) -> Iterator[object]:
    return (value for key, value in entry.items() if key != "name")
