"""``fhir-server explain RULE``: what a rule means, why it is, and how to mend what breaks it."""

import json
import sys
from collections.abc import Iterator
from difflib import get_close_matches

import click

from fhir_server.cli.paint import show_page
from fhir_server.model import (
    Language,
    Message,
    catalogue,
    encode,
    explanation,
    specification_of,
)

_HEADS: dict[Language, dict[str, str]] = {
    "en": {
        "why": "Why",
        "mend": "How to mend it",
        "wrong": "Wrong",
        "right": "Right",
        "spec": "Specification",
        "severity": "severity",
        "code": "issue code",
    },
    "uk": {
        "why": "Навіщо це правило",
        "mend": "Як виправити",
        "wrong": "Неправильно",
        "right": "Правильно",
        "spec": "Специфікація",
        "severity": "серйозність",
        "code": "код зауваження",
    },
}


@click.command("explain")
@click.argument("rule", required=False)
@click.option("--list", "is_list", is_flag=True, help="Every rule id with its message.")
@click.option(
    "--lang",
    "language",
    type=click.Choice(["uk", "en"]),
    default="uk",
    show_default=True,
    help="Language of the page.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def command(rule: str | None, is_list: bool, language: Language, as_json: bool) -> None:
    """Explain RULE, the id in square brackets of a finding.

    Exit code 0: explained; 2: there is no such rule, the nearest ones are named.
    """
    if is_list:
        _list(language, as_json=as_json)
        return
    if rule is None:
        raise click.UsageError("which RULE? --list shows all of them")
    entry = catalogue().get(rule.strip("[]"))
    if entry is None:
        near = get_close_matches(rule, catalogue(), n=3)
        hint = f", perhaps {', '.join(near)}" if near else ""
        raise click.UsageError(f"there is no rule {rule}{hint}")
    if as_json:
        click.echo(encode(_as_json(entry)).decode())
        return
    show_page("\n".join(page(entry, language)) + "\n")


def page(entry: Message, language: Language) -> Iterator[str]:
    """Yield the lines of a rule's page."""
    heads = _HEADS[language]
    more = explanation(entry.rule)
    yield f"# {entry.rule}"
    yield ""
    yield _plain(entry.uk if language == "uk" else entry.en)
    yield ""
    yield f"{heads['severity']}: {entry.severity}, {heads['code']}: {entry.code}"
    if more is not None and more.why is not None:
        yield from ("", f"## {heads['why']}", "", more.why.in_language(language))
    if more is not None:
        yield from ("", f"## {heads['mend']}", "", more.mend.in_language(language))
        for name, example in (("wrong", more.wrong), ("right", more.right)):
            if example is not None:
                yield from ("", f"## {heads[name]}", "", pretty(example))
    spec = specification_of(entry.rule, entry.area)
    if spec is not None:
        yield from ("", f"{heads['spec']}: {spec}")


def pretty(example: str) -> str:
    """Write an example over several lines; what is no JSON, which may be the point, as it is."""
    try:
        return json.dumps(json.loads(example), indent=2, ensure_ascii=False)
    except ValueError:
        return example


def _as_json(entry: Message) -> dict[str, object]:
    more = explanation(entry.rule)
    made: dict[str, object] = {
        "rule": entry.rule,
        "area": entry.area,
        "severity": entry.severity,
        "code": entry.code,
        "message": {"en": _plain(entry.en), "uk": _plain(entry.uk)},
        "specification": specification_of(entry.rule, entry.area),
    }
    if more is not None:
        made["mend"] = {"en": more.mend.en, "uk": more.mend.uk}
        if more.why is not None:
            made["why"] = {"en": more.why.en, "uk": more.why.uk}
        made |= {
            key: value for key, value in (("wrong", more.wrong), ("right", more.right)) if value
        }
    return made


def _list(language: Language, *, as_json: bool) -> None:
    entries = sorted(catalogue().values(), key=lambda entry: (entry.area, entry.rule))
    for entry in entries:
        if as_json:
            click.echo(encode(_as_json(entry)).decode())
        else:
            text = _plain(entry.uk if language == "uk" else entry.en)
            sys.stdout.write(f"{entry.rule:<32} {text}\n")


def _plain(template: str) -> str:
    return template.replace("{{", "{").replace("}}", "}")
