"""Writes docs/errors from the catalogue of messages: ``python -m tools.error_pages``.

A page a rule, in both languages; what the examples produce is what the validator really says of
them. Rules without an example of their own borrow one from the cases of the validator's tests.
"""

import json
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from fhir_server.definitions import load_registry
from fhir_server.model import (
    FhirError,
    Issue,
    JsonText,
    Message,
    catalogue,
    decode_object,
    explanation,
    specification_of,
    with_positions,
)
from fhir_server.terminology import Terminology
from fhir_server.validation import Validator

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "errors"
CASES = ROOT / "tests" / "unit" / "validation" / "cases"
HEAD = """# Rules

One page a rule that the server may report. The id stands in square brackets of a finding at the
terminal and in `details.coding` of an issue; `fhir-server explain RULE` shows the same page.
Made by `python -m tools.error_pages` from `fhir_server/model/messages/`.

Сторінка для кожного правила, про яке може повідомити сервер. Ідентифікатор стоїть у квадратних
дужках зауваження та в `details.coding`; ту саму сторінку показує `fhir-server explain ПРАВИЛО`.
"""


def pages() -> dict[str, str]:
    """Return every page by the name of its file."""
    entries = sorted(catalogue().values(), key=lambda entry: (entry.area, entry.rule))
    made = {f"{entry.rule}.md": "\n".join(_page(entry)) + "\n" for entry in entries}
    made["README.md"] = "\n".join(_index(entries)) + "\n"
    return made


def _index(entries: list[Message]) -> Iterator[str]:
    yield HEAD.rstrip()
    for area, group in groupby(entries, key=lambda entry: entry.area):
        yield f"\n## {area}\n"
        for entry in group:
            yield f"- [{entry.rule}]({entry.rule}.md): {_plain(entry.uk)}"


def _page(entry: Message) -> Iterator[str]:
    more = explanation(entry.rule)
    yield f"# {entry.rule}\n"
    yield f"`{entry.severity}`, issue code `{entry.code}`, area `{entry.area}`.\n"
    yield f"- {_plain(entry.en)}"
    yield f"- {_plain(entry.uk)}"
    if more is not None and more.why is not None:
        yield f"\n## Why · Навіщо це правило\n\n- {more.why.en}\n- {more.why.uk}"
    if more is not None:
        yield f"\n## How to mend it · Як виправити\n\n- {more.mend.en}\n- {more.mend.uk}"
    wrong = (more.wrong if more is not None else None) or _borrowed().get(entry.rule)
    if wrong is not None:
        yield from _wrong(entry.rule, wrong)
    if more is not None and more.right is not None:
        yield f"\n## Right · Правильно\n\n```json\n{_pretty(more.right)}\n```"
    spec = specification_of(entry.rule, entry.area)
    if spec is not None:
        yield f"\nSpecification · Специфікація: <{spec}>"


def _wrong(rule: str, text: str) -> Iterator[str]:
    shown = _pretty(text)
    found = next(issue for issue in _told(shown) if issue.rule == rule)
    place = "" if found.line is None else f"{found.line}:{found.column} "
    yield f"\n## Wrong · Неправильно\n\n```json\n{shown}\n```\n"
    yield f"- `{place}{found.expression or ''}` {found.text.en}".replace("`` ", "")
    yield f"- {found.text.uk}"


def _told(text: str) -> list[Issue]:
    try:
        found = _validator().validate(decode_object(text.encode()))
    except FhirError as refusal:
        return list(refusal.issues)
    return list(with_positions(found, JsonText(text)))


@cache
def _validator() -> Validator:
    registry = load_registry()
    return Validator(registry, Terminology(registry))


@cache
def _borrowed() -> dict[str, str]:
    """Resources of the validator's cases that break one rule and need no definitions, by rule."""
    found: dict[str, str] = {}
    for file in sorted(CASES.glob("*.yaml")):
        for case in yaml.safe_load(file.read_text("utf-8"))["cases"]:
            rules = {told.partition(" ")[0] for told in case.get("issues", ())}
            if len(rules) != 1 or case.keys() & {"profiles", "options"}:
                continue
            rule, text = rules.pop(), json.dumps(case["resource"], ensure_ascii=False)
            if rule not in found and any(issue.rule == rule for issue in _told(text)):
                found[rule] = text
    return found


def _pretty(text: str) -> str:
    """Write JSON over several lines; what is none, or has a key twice, as it is."""
    pairs: list[list[str]] = []

    def note(members: list[tuple[str, Any]]) -> dict[str, Any]:
        pairs.append([key for key, _ in members])
        return dict(members)

    try:
        value = json.loads(text, object_pairs_hook=note)
    except ValueError:
        return text
    has_twice = any(len(keys) != len(set(keys)) for keys in pairs)
    return text if has_twice else json.dumps(value, indent=2, ensure_ascii=False)


def _plain(template: str) -> str:
    return template.replace("{{", "{").replace("}}", "}")


def write() -> None:
    """Write every page, remove those of rules that are no more."""
    FOLDER.mkdir(exist_ok=True)
    made = pages()
    for old in FOLDER.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
