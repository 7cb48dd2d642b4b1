"""Entries of a posted batch or transaction as requests of their own.

Spec: https://hl7.org/fhir/R4/bundle.html#Bundle and https://hl7.org/fhir/R4/http.html#transaction
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, unquote

from fhir_server.interaction.entity_tag import entity_tags, single_tag
from fhir_server.interaction.message import Preconditions, Request
from fhir_server.interaction.moment import parse_interval
from fhir_server.model import FhirError, InvalidRequest, JsonObject

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_NO_CONDITIONS = Preconditions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry.

    Attributes:
        index: Its place in the Bundle, from 0.
        full_url: ``fullUrl``, where it has one.
        request: What it asks, as if it had come alone.
    """

    index: int
    full_url: str | None
    request: Request

    @property
    def place(self) -> str:
        """Where it stands, as FHIRPath."""
        return f"Bundle.entry[{self.index}]"


def posted_entries(bundle: JsonObject) -> list[Any]:
    """Return the entries as they were posted.

    Raises:
        InvalidRequest: ``entry`` is no array.
    """
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise InvalidRequest.of("bundle-entry-shape", expression="Bundle.entry")
    return entries


def read_entry(index: int, entry: Any, outer: Request) -> Entry:
    """Read one entry.

    Args:
        index: Its place in the Bundle, from 0.
        entry: As posted.
        outer: The request that carries the Bundle: language, preferences and base URL are its.

    Raises:
        InvalidRequest: It lacks ``request.method`` or ``request.url``, or something is malformed.
    """
    place = f"Bundle.entry[{index}]"
    asked = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(asked, dict):
        raise InvalidRequest.of("bundle-request-missing", expression=place)
    method, url = asked.get("method"), asked.get("url")
    if method not in METHODS:
        raise InvalidRequest.of("bundle-method", expression=f"{place}.request.method", found=method)
    if not isinstance(url, str):
        raise InvalidRequest.of("bundle-url-missing", expression=f"{place}.request.url")
    resource, full_url = entry.get("resource"), entry.get("fullUrl")
    if resource is not None and not isinstance(resource, dict):
        raise InvalidRequest.of("bundle-resource-shape", expression=f"{place}.resource")
    path, _, query = url.removeprefix(f"{outer.base_url}/").partition("?")
    with of_entry(index):
        conditions = _conditions(asked)
    return Entry(
        index=index,
        full_url=full_url if isinstance(full_url, str) else None,
        request=replace(
            outer,
            method="GET" if method == "HEAD" else method,
            path=unquote(path).strip("/"),
            parameters=tuple(parse_qsl(query, keep_blank_values=True)),
            resource=resource,
            body=None,
            text=None,
            content_type=None,
            preconditions=conditions,
        ),
    )


def _conditions(asked: JsonObject) -> Preconditions:
    given = {name: asked[name] for name in _CONDITIONS if isinstance(asked.get(name), str)}
    if not given:
        return _NO_CONDITIONS
    since = given.get("ifModifiedSince")
    return Preconditions(
        if_match=single_tag("ifMatch", given.get("ifMatch")),
        if_none_match=entity_tags("ifNoneMatch", given.get("ifNoneMatch", "")),
        if_modified_since=None if since is None else parse_interval("ifModifiedSince", since)[0],
        if_none_exist=given.get("ifNoneExist"),
    )


_CONDITIONS = ("ifMatch", "ifNoneMatch", "ifModifiedSince", "ifNoneExist")


@contextmanager
def of_entry(index: int) -> Iterator[None]:
    """Let refusals inside name the entry they are about."""
    try:
        yield
    except FhirError as refusal:
        raise type(refusal)(
            (
                found
                if (found.expression or "").startswith("Bundle.entry[")
                else found.at_entry(index)
                for found in refusal.issues
            ),
            refusal.headers,
        ) from refusal
