"""``fhir-server profile diff A B``: what changed, for whom it breaks, which version to count up."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fhir_server.cli.workspace import (
    FOLDER,
    JSON,
    LANGUAGE,
    core_registry,
    documents_of,
    refusals_told,
    workspace_at,
)
from fhir_server.model import InvalidRequest, Language, decode_object, encode_pretty

if TYPE_CHECKING:
    from fhir_server.authoring import Change, Difference, Workspace
    from fhir_server.definitions import Registry
    from fhir_server.model import JsonObject

_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "tightened": "tightened",
        "loosened": "loosened",
        "changed": "changed",
        "senders": "breaks senders",
        "receivers": "breaks receivers",
        "none": "no difference",
        "patch": "patch: only texts differ",
        "minor": "minor: nobody has to act",
        "major": "major: breaking",
        "version": "next version",
    },
    "uk": {
        "tightened": "звужено",
        "loosened": "розширено",
        "changed": "змінено",
        "senders": "несумісно для відправників",
        "receivers": "несумісно для отримувачів",
        "none": "відмінностей немає",
        "patch": "patch: відрізняються лише тексти",
        "minor": "minor: нікому нічого не треба змінювати",
        "major": "major: зміна несумісна",
        "version": "наступна версія",
    },
}


@click.command("diff")
@click.argument("before")
@click.argument("after")
@FOLDER
@LANGUAGE
@JSON
@click.option("--exit-code", is_flag=True, help="End with 1 where the difference is breaking.")
@refusals_told
def command(
    *, before: str, after: str, folder: Path, language: Language, as_json: bool, exit_code: bool
) -> None:
    """Compare two versions of a profile.

    BEFORE and AFTER are files, canonical URLs, or files in git such as
    HEAD:profiles/structure-definitions/UaPatient.json.
    """
    from fhir_server.authoring import difference
    from fhir_server.terminology import Terminology

    workspace = workspace_at(folder)
    core = core_registry()
    known = [one.resource for one in documents_of(workspace.files())]
    sides = []
    for name in (before, after):
        given = _definition(name, workspace, known)
        rest = [r for r in known if given is None or r.get("url") != given.get("url")]
        registry = core.with_resources([*rest, *([given] if given else [])])
        sides.append((registry, str(given.get("url")) if given else name))
    old, new = (_structure(registry, url) for registry, url in sides)
    terms = [Terminology(registry) for registry, _ in sides]
    found = difference(
        old,  # type: ignore[arg-type] # checked by _structure
        new,  # type: ignore[arg-type] # checked by _structure
        sides[0][0],
        sides[1][0],
        lambda is_before, value_set: terms[0 if is_before else 1].codes_of(value_set),
    )
    click.echo(encode_pretty(found.as_json()) if as_json else _told(found, language))
    sys.exit(1 if exit_code and found.is_breaking else 0)


def _structure(registry: "Registry", url: str) -> object:
    found = registry.structure(url)
    if found is None:
        raise click.UsageError(f"there is no profile {url}")
    return found


def _definition(
    name: str, workspace: "Workspace", known: "list[JsonObject]"
) -> "JsonObject | None":
    """Return the definition that a file, a revision or an id stands for; None: a canonical URL."""
    if Path(name).is_file():
        return documents_of((Path(name),))[0].resource
    by_name = next((r for r in known if name in {r.get("id"), r.get("url")}), None)
    if by_name is not None:
        return by_name
    return _revision(name, workspace.root) if ":" in name and "://" not in name else None


def _revision(name: str, root: Path) -> "JsonObject":
    """Read a file of another revision: ``REVISION:PATH``, the path as git has it."""
    revision, _, path = name.partition(":")
    if revision.startswith("-"):
        raise click.UsageError(f"{name} is no revision")
    command_line = ["git", "-C", str(root), "show", f"{revision}:{path}"]
    shown = subprocess.run(command_line, capture_output=True, check=False)  # noqa: S603 # no shell; the name is one argument
    if shown.returncode:
        raise click.UsageError(shown.stderr.decode(errors="replace").strip())
    try:
        return decode_object(shown.stdout)
    except InvalidRequest as refusal:
        raise click.UsageError(f"{name} is no JSON: {refusal}") from refusal


def _told(found: "Difference", language: Language) -> str:
    words = _WORDS[language]
    lines = [told(change, language) for change in found.changes]
    return "\n".join([*lines, f"{words['version']}: {words[found.advice]}"])


def told(change: "Change", language: Language) -> str:
    """Tell one change in one line."""
    words, aspect = _WORDS[language], change.aspect
    broken = ", ".join(words[party] for party in aspect.breaks)
    place = f"{change.element}: " if change.element else ""
    tail = f" [{broken}]" if broken else ""
    way = f"{aspect.before} → {aspect.after}"
    return f"{place}{words[aspect.direction]} {aspect.name}: {way}{tail}"
