"""Every invariant that validation evaluates has a Ukrainian text."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from fhir_server.definitions import Element
from fhir_server.validation.rules import invariant

TEXTS = tomllib.loads(
    Path(invariant.__file__).with_name("invariants.uk.toml").read_text(encoding="utf-8")
)


def invariants(element: Element) -> Iterator[str]:
    """Yield the English texts of the invariants of an element and of all below it."""
    yield from (c.human for c in element.constraints if c.key not in invariant.ANSWERED_BY_SHAPE)
    for part in (*element.children, *element.slices):
        yield from invariants(part)


def test_every_invariant_of_r4_has_a_ukrainian_text_and_none_is_left_over(registry) -> None:
    texts: set[str] = set()
    for definition in registry.resources("StructureDefinition"):
        structure = registry.structure(definition["url"])
        if structure is not None and structure.url.startswith("http://hl7.org/fhir/"):
            texts.update(invariants(structure.root))
    assert texts == set(TEXTS)


def test_ukrainian_texts_are_ukrainian_and_stand_without_a_full_stop() -> None:
    wrong = [
        text
        for text in TEXTS.values()
        if not re.search("[а-яіїєґ]", text) or re.search("[ёъыэЁЪЫЭ]", text) or text.endswith(".")
    ]
    assert wrong == []


def test_an_invariant_of_r4_is_told_in_ukrainian(validate) -> None:
    contact = {"resourceType": "Patient", "contact": [{"gender": "female"}]}
    found = next(issue for issue in validate(contact) if issue.source.endswith("pat-1"))
    assert found.text.uk == (
        "Контакт повинен мати власні дані або посилання на організацію."
        " Patient.contact не відповідає цьому правилу (pat-1)."
    )
