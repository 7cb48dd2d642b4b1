"""Everything that is wrong with the definitions of a workspace and with their examples, at once.

Spec: https://hl7.org/fhir/R4/profiling.html and https://hl7.org/fhir/R4/structuredefinition.html
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fhir_server.authoring.workspace import (
    Document,
    Unreadable,
    Workspace,
    assembled,
    read_document,
    repeated,
)
from fhir_server.definitions import Registry
from fhir_server.model import (
    Issue,
    JsonObject,
    JsonText,
    is_logical_id,
    issue,
    with_positions,
)
from fhir_server.terminology import Terminology
from fhir_server.validation import ValidationOptions, Validator

_ERRORS_HERE = frozenset(
    {"guard-value-set-unknown", "guard-profile-unknown", "extension-url-not-fixed"}
)
"""Only warnings where definitions come one by one; here everything lies side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A file and what was found in it, with places.

    Attributes:
        path: The file.
        text: What it holds.
        issues: The findings.
    """

    path: Path
    text: str
    issues: tuple[Issue, ...]


def check_definitions(
    core: Registry, workspace: Workspace | None, paths: Sequence[Path]
) -> Iterator[Checked]:
    """Check definitions by the guard rails, and the examples of the profiles among them.

    Args:
        core: The R4 core package, with what else the profiles rest on.
        workspace: Whose other definitions and examples count too.
        paths: The files to check; none: all of the workspace.

    Yields:
        Every file that was looked at, sound ones too.
    """
    listed = () if workspace is None else workspace.files()
    chosen = tuple(paths) or listed
    read = [read_document(path) for path in dict.fromkeys((*_others(listed, chosen), *chosen))]
    documents = [one for one in read if isinstance(one, Document)]
    wanted = {path.resolve() for path in chosen}
    doubles: dict[Path, list[Issue]] = {}
    for document, found in repeated(documents):
        doubles.setdefault(document.path, []).append(found)
    registry, _ = assembled(core, documents)
    validator = Validator(registry, Terminology(registry), ValidationOptions(best_practice=None))
    for one in read:
        if one.path.resolve() not in wanted:
            continue
        if isinstance(one, Unreadable):
            yield Checked(path=one.path, text=one.text, issues=one.issues)
            continue
        issues = [*_definition(one.resource, validator), *doubles.get(one.path, ())]
        yield _checked(one, issues)
    if workspace is not None:
        urls = {d.resource.get("url") for d in documents if d.path.resolve() in wanted}
        yield from _examples(workspace.examples(), urls, validator)


def _others(listed: Sequence[Path], chosen: Sequence[Path]) -> Iterator[Path]:
    wanted = {path.resolve() for path in chosen}
    return (path for path in listed if path.resolve() not in wanted)


def _checked(document: Document, issues: Iterable[Issue]) -> Checked:
    placed = with_positions(issues, JsonText(document.text))
    return Checked(path=document.path, text=document.text, issues=placed)


def _definition(resource: JsonObject, validator: Validator) -> Iterator[Issue]:
    yield from _names(resource)
    for found in validator.validate(resource):
        yield replace(found, severity="error") if found.rule in _ERRORS_HERE else found


def _names(resource: JsonObject) -> Iterator[Issue]:
    """The id is one, and the canonical URL ends in it."""
    kind, logical_id, url = resource.get("resourceType"), resource.get("id"), resource.get("url")
    if not isinstance(logical_id, str) or not is_logical_id(logical_id):
        shown = "–" if logical_id is None else logical_id
        yield issue("definition-id", expression=f"{kind}.id", pointer="/id", found=shown)
    elif isinstance(url, str) and url.rpartition("/")[2] != logical_id:
        yield issue(
            "definition-id-differs", expression=f"{kind}.id", pointer="/id",
            found=logical_id, expected=url.rpartition("/")[2],
        )  # fmt: skip


def _examples(paths: Iterable[Path], urls: set[object], validator: Validator) -> Iterator[Checked]:
    for path in paths:
        example = read_document(path)
        if isinstance(example, Unreadable):
            yield Checked(path=path, text=example.text, issues=example.issues)
        elif urls & set(claims(example.resource)):
            errors = [found for found in validator.validate(example.resource) if found.is_error]
            yield _checked(example, errors)


def claims(resource: JsonObject) -> Iterator[str]:
    """Yield the profiles that a resource claims, and those of the resources in its entries."""
    meta = resource.get("meta")
    profiles = meta.get("profile") if isinstance(meta, dict) else None
    for profile in profiles if isinstance(profiles, list) else ():
        yield str(profile).partition("|")[0]
    entries = resource.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        inner = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(inner, dict):
            yield from claims(inner)
