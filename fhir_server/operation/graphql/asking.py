"""Searches that a query asks for, as the parameters of FHIR's search.

Spec: https://hl7.org/fhir/R4/graphql.html#searching
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fhir_server.operation.graphql.document import Field
from fhir_server.operation.graphql.fault import Place
from fhir_server.operation.graphql.value import Value, text_of

BACKWARDS = "_reference"
CURSORS = frozenset({"_cursor", "cursor"})
"""The page on GraphQL writes it both ways."""
NOT_CRITERIA = frozenset({BACKWARDS, "fhirpath", *CURSORS})
EXCLUDED = frozenset(
    {"_include", "_revinclude", "_contained", "_containedType", "_summary", "_elements", "_page"}
)
"""The first four are excluded by the page; the others shape an answer that is none of FHIR's."""
_AS_WRITTEN = frozenset({"_sort", "_filter", "_count", "_total"})
_COMPARED_TO_LISTS = {ord(","): "\\,"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One search; two that ask the same are one.

    Attributes:
        resource_type: What is searched.
        parameters: Of FHIR's search.
        is_page: Whether a page is asked for, not a whole list.
        counts: Whether the number of all matches is wanted.
        cursor: The page that is wanted.
        place: Of the field in the query.
    """

    resource_type: str
    parameters: tuple[tuple[str, str], ...]
    is_page: bool
    counts: bool = False
    cursor: str | None = None
    place: Place = field(compare=False)


def search_name(name: str) -> str:
    """Return the name of a search parameter: GraphQL has no ``-`` in names."""
    return name[:1] + name[1:].replace("_", "-")


def asked(resource_type: str, asked_by: Field, owner: str | None) -> Ask:
    """Return the search that a field asks for.

    Args:
        resource_type: What is searched.
        asked_by: A list or a connection.
        owner: ``Type/id`` of the resource that the matches must refer to.
    """
    arguments = asked_by.arguments
    cursor = next((arguments[name] for name in arguments if name in CURSORS), None)
    parameters = tuple(_parameters(arguments))
    if owner is not None:
        parameters = ((search_name(str(arguments[BACKWARDS])), owner), *parameters)
    return Ask(
        resource_type=resource_type,
        parameters=parameters,
        is_page=asked_by.name.endswith("Connection"),
        counts=any(one.name == "count" for one in asked_by.selection),
        cursor=None if cursor is None else str(cursor),
        place=asked_by.place,
    )


def _parameters(arguments: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    for name, value in arguments.items():
        if name in NOT_CRITERIA:
            continue
        values = value if isinstance(value, list) else [value]
        texts = [text_of(one) for one in values]
        if name not in _AS_WRITTEN:
            texts = [text.translate(_COMPARED_TO_LISTS) for text in texts]
        yield search_name(name), ",".join(texts)
