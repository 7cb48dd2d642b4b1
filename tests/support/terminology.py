"""Code systems and value sets for tests, on top of the real registry."""

from functools import cache
from typing import Any

from fhir_server.definitions import Registry, load_registry
from fhir_server.terminology import Terminology

Json = dict[str, Any]

COLOURS = "https://example.org/CodeSystem/colours"
"""A system with a hierarchy, an abstract root, an inactive code, properties and Ukrainian names."""


@cache
def registry() -> Registry:
    return load_registry()


def terminology(*resources: Json) -> Terminology:
    return Terminology(registry().with_resources([colours(), *resources]))


def code_system(url: str, *concepts: Json | str, **more: Any) -> Json:
    return {
        "resourceType": "CodeSystem",
        "url": url,
        "status": "active",
        "content": "complete",
        "caseSensitive": True,
        "concept": [{"code": c} if isinstance(c, str) else c for c in concepts],
        **more,
    }


def value_set(url: str, *include: Json, exclude: list[Json] | None = None, **more: Any) -> Json:
    compose: Json = {"include": list(include), **({"exclude": exclude} if exclude else {})}
    compose |= more.pop("compose", {})
    return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": compose, **more}


def filtered(prop: str, operator: str, value: str, system: str = COLOURS) -> Json:
    return {"system": system, "filter": [{"property": prop, "op": operator, "value": value}]}


def parameters(**values: Any) -> Json:
    """Name each parameter ``name__Type``: ``url__Uri``; ``valueSet`` alone is a resource."""
    entries: list[Json] = []
    for key, value in values.items():
        name, _, kind = key.partition("__")
        name = name.replace("_", "-")
        for one in value if isinstance(value, list) else [value]:
            entries.append({"name": name, ("value" + kind if kind else "resource"): one})
    return {"resourceType": "Parameters", "parameter": entries}


def value(answer: Json, name: str) -> Any:
    """Return the value of the first parameter of that name."""
    for entry in answer["parameter"]:
        if entry["name"] == name:
            return next(v for k, v in entry.items() if k != "name")
    return None


def colours() -> Json:
    def concept(code: str, display: str, uk: str, *below: Json, **properties: Any) -> Json:
        return {
            "code": code,
            "display": display,
            "definition": f"The colour {display.lower()}",
            "designation": [{"language": "uk", "value": uk}],
            "property": [
                {"code": name, ("valueBoolean" if isinstance(v, bool) else "valueCode"): v}
                for name, v in properties.items()
            ],
            "concept": list(below),
        }

    return code_system(
        COLOURS,
        concept(
            "any",
            "Any colour",
            "Будь-який колір",
            concept(
                "warm",
                "Warm colour",
                "Теплий колір",
                concept("red", "Red", "Червоний", wave="long"),
                concept("orange", "Orange", "Помаранчевий", wave="long"),
            ),
            concept("blue", "Blue", "Синій", wave="short"),
            concept("sepia", "Sepia", "Сепія", status="retired"),
            notSelectable=True,
        ),
        concept("none", "No colour", "Без кольору"),
        language="en",
        version="1.0.0",
        title="Colours",
        hierarchyMeaning="is-a",
        property=[
            {"code": "wave", "type": "code", "description": "Length of the wave"},
            {
                "code": "notSelectable",
                "type": "boolean",
                "uri": "http://hl7.org/fhir/concept-properties#notSelectable",
            },
            {
                "code": "status",
                "type": "code",
                "uri": "http://hl7.org/fhir/concept-properties#status",
            },
        ],
    )
