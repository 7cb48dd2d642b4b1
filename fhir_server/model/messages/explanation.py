"""What a message alone cannot say: why the rule is, how to mend, an example. For people who ask.

Each ``.toml`` file in ``explanations`` explains rules of the catalogue's area of that name::

    [cardinality-min]
    spec = "conformance-rules.html#cardinality"
    why = { en = "…", uk = "…" }
    mend = { en = "…", uk = "…" }
    wrong = '{"resourceType": "Observation", "status": "final"}'
    right = '{"resourceType": "Observation", "status": "final", "code": {"text": "Weight"}}'

``wrong`` breaks the rule and ``right`` does not: a test validates both. Nothing of it is read
before somebody asks.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from fhir_server.model.messages import Text

SPECIFICATION = "https://hl7.org/fhir/R4/"

_AREAS: Mapping[str, str] = MappingProxyType(
    {
        "definitions": "profiling.html",
        "fhirpath": "fhirpath.html",
        "http": "http.html",
        "interaction": "http.html",
        "job": "async.html",
        "json": "json.html",
        "profile": "profiling.html",
        "questionnaire": "questionnaireresponse.html",
        "search": "search.html",
        "terminology": "terminology-service.html",
        "validation": "validation.html",
        "xml": "xml.html",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """More about one rule.

    Attributes:
        spec: Address of the section of the specification, or of another source.
        mend: How to mend what breaks it.
        why: Why the rule is.
        wrong: JSON of a resource that breaks it.
        right: The same one mended.
    """

    mend: Text
    spec: str | None = None
    why: Text | None = None
    wrong: str | None = None
    right: str | None = None


def explanation(rule: str) -> Explanation | None:
    """Return more about a rule of the catalogue; None: the message is all there is."""
    return explanations().get(rule)


@cache
def explanations() -> Mapping[str, Explanation]:
    """Return every explanation by rule id."""
    found: dict[str, Explanation] = {}
    folder = resources.files(__package__) / "explanations"
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            for rule, fields in tomllib.loads(file.read_text(encoding="utf-8")).items():
                found[rule] = _explanation(fields)
    return MappingProxyType(found)


def specification_of(rule: str, area: str) -> str | None:
    """Return the address of what a rule is from: its own section, or the page of its area."""
    more = explanation(rule)
    if more is not None and more.spec is not None:
        return more.spec
    return SPECIFICATION + _AREAS[area] if area in _AREAS else None


def _explanation(fields: dict[str, Any]) -> Explanation:
    spec = fields.get("spec")
    if spec is not None and "://" not in spec:
        spec = SPECIFICATION + spec
    return Explanation(
        mend=Text(**fields["mend"]),
        why=Text(**fields["why"]) if "why" in fields else None,
        spec=spec,
        wrong=fields.get("wrong"),
        right=fields.get("right"),
    )
