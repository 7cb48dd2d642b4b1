"""Search parameters by resource type, inherited ones included.

Spec: https://hl7.org/fhir/R4/searchparameter.html and https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from fhir_server.model import Canonical, JsonObject

SearchParameterType = Literal[
    "token", "string", "date", "reference", "number", "quantity", "uri", "composite", "special"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One part of a composite parameter.

    Attributes:
        definition: Canonical of the parameter that says the part's type.
        expression: FHIRPath from the focus of the composite.
    """

    definition: Canonical
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchParameter:
    """A SearchParameter as search uses it.

    Attributes:
        code: Name in a URL.
        url: Canonical URL.
        type: What kind of values it searches.
        expression: FHIRPath of the values; None where the server knows by itself (``_text``).
        bases: Resource types it may be used with; ``Resource`` is all of them.
        targets: For references: resource types of the targets; empty: any.
        components: For composites: the parts, in order.
        modifiers: Modifiers that the definition lists; empty: those of the type.
        comparators: Prefixes that the definition lists; empty: those of the type.
        chains: For references: parameters of the target it may be chained with; empty: any.
        multiple_or: Whether one parameter may have several values; None: not said.
        multiple_and: Whether the parameter may repeat; None: not said.
        description: For people.
    """

    code: str
    url: Canonical
    type: SearchParameterType
    expression: str | None
    bases: tuple[str, ...]
    targets: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    modifiers: tuple[str, ...] = ()
    comparators: tuple[str, ...] = ()
    chains: tuple[str, ...] = ()
    multiple_or: bool | None = None
    multiple_and: bool | None = None
    description: str | None = None


def search_parameter(definition: JsonObject) -> SearchParameter:
    """Compile a SearchParameter."""
    return SearchParameter(
        code=definition["code"],
        url=definition["url"],
        type=definition["type"],
        expression=definition.get("expression"),
        bases=tuple(definition.get("base", ())),
        targets=tuple(definition.get("target", ())),
        components=tuple(
            Component(definition=c["definition"], expression=c["expression"])
            for c in definition.get("component", ())
        ),
        modifiers=tuple(definition.get("modifier", ())),
        comparators=tuple(definition.get("comparator", ())),
        chains=tuple(definition.get("chain", ())),
        multiple_or=definition.get("multipleOr"),
        multiple_and=definition.get("multipleAnd"),
        description=definition.get("description"),
    )


def by_code(definitions: Iterable[JsonObject]) -> Mapping[str, SearchParameter]:
    """Return the parameters by code.

    Of several with one code the later one counts, but an experimental one never displaces another:
    the R4 package has ``example`` (``Resource._id``) beside the real parameters. Retired ones are
    left out.
    """
    chosen: dict[str, JsonObject] = {}
    for definition in definitions:
        if definition.get("status") == "retired":
            continue
        before = chosen.get(definition["code"])
        if before is None or not (
            definition.get("experimental", False) and not before.get("experimental", False)
        ):
            chosen[definition["code"]] = definition
    return MappingProxyType({code: search_parameter(d) for code, d in sorted(chosen.items())})
