"""The catalogue of messages: complete in both languages, correct codes, every rule produced."""

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from fhir_server.model import IssueType, Severity, catalogue, message

ROOT = Path(__file__).parents[3]
ENTRIES = list(catalogue().values())
RUSSIAN_ONLY = re.compile("[ёъыэЁЪЫЭ]")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.rule)
def test_both_texts_have_the_same_placeholders(entry) -> None:
    def fields(template: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(template) if name is not None}

    assert fields(entry.en) == fields(entry.uk)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.rule)
def test_severity_and_code_are_those_of_r4(entry) -> None:
    assert entry.severity in get_args(Severity)
    assert entry.code in get_args(IssueType)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.rule)
def test_texts_are_sentences_of_their_language(entry) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entry.rule)
    assert entry.en.strip() == entry.en != ""
    assert re.search("[а-яіїєґ]", entry.uk)
    assert not RUSSIAN_ONLY.search(entry.uk)
    assert not re.search("[а-яіїєґА-ЯІЇЄҐ]", re.sub(r"«[^»]*»|'[^']*'", "", entry.en))


def test_an_unknown_rule_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        message("no-such-rule")


def test_every_rule_is_produced_by_some_test() -> None:
    """A rule that no test names may never be reached; data files of tests and examples count."""
    files = [
        *ROOT.glob("tests/**/*.py"),
        *ROOT.glob("tests/**/*.yaml"),
        *ROOT.glob("tests/**/*.json"),
    ]
    text = "\n".join(f.read_text(encoding="utf-8") for f in files)
    text += "\n".join(f.read_text(encoding="utf-8") for f in ROOT.glob("examples/**/*.yaml"))
    named = set(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", text))
    assert [entry.rule for entry in ENTRIES if entry.rule not in named] == []
