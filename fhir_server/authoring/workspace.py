"""A folder that a standards team works in: ``profiles/``, ``terminology/``, ``examples/``.

Its definitions are put on top of the R4 core package as far as they compile, so that one broken
profile does not keep the others from being checked.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fhir_server.definitions import (
    MANIFEST,
    NATIONAL_FOLDERS,
    DefinitionErrors,
    Registry,
    listed_files,
)
from fhir_server.model import FhirError, Issue, JsonLimits, JsonObject, decode_object, issue

EXAMPLES = "examples"
_LIMITS = JsonLimits(max_bytes=100_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file of a workspace, read.

    Attributes:
        path: The file.
        text: What it holds.
        resource: The same, decoded.
    """

    path: Path
    text: str
    resource: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A file that is no FHIR JSON.

    Attributes:
        path: The file.
        text: What it holds.
        issues: Why.
    """

    path: Path
    text: str
    issues: tuple[Issue, ...]


def read_document(path: Path) -> Document | Unreadable:
    """Read a file of JSON."""
    body = path.read_bytes()
    text = body.decode("utf-8", "replace")
    try:
        return Document(path=path, text=text, resource=decode_object(body, _LIMITS))
    except FhirError as refusal:
        return Unreadable(path=path, text=text, issues=tuple(refusal.issues))


class Workspace:
    """The folders of definitions below ``root``.

    Args:
        root: The folder that has ``profiles`` or ``terminology``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def around(cls, place: Path) -> "Workspace | None":
        """Find the workspace that a file or folder lies in; None: none."""
        for folder in (place.resolve(), *place.resolve().parents):
            if any((folder / name / MANIFEST).is_file() for name in NATIONAL_FOLDERS):
                return cls(folder)
        return None

    def folders(self) -> tuple[Path, ...]:
        """Return the folders that have a manifest."""
        found = (self.root / name for name in NATIONAL_FOLDERS)
        return tuple(folder for folder in found if (folder / MANIFEST).is_file())

    def files(self) -> tuple[Path, ...]:
        """Return the files that the manifests list.

        Raises:
            DefinitionErrors: A manifest is wrong.
        """
        return tuple(file for folder in self.folders() for file in listed_files(folder))

    def examples(self) -> Iterator[Path]:
        """Yield the example files that are meant to be valid."""
        folder = self.root / EXAMPLES
        for file in sorted(folder.rglob("*.json")):
            if not {"invalid", "broken"} & {*file.parts, *file.stem.split("-")}:
                yield file


def assembled(
    core: Registry, documents: Iterable[Document]
) -> tuple[Registry, dict[str, tuple[Issue, ...]]]:
    """Put definitions on top of the core package, those that do not compile left out.

    Returns:
        The registry, and by canonical URL why a definition is left out.
    """
    resources = [document.resource for document in documents]
    failed: dict[str, tuple[Issue, ...]] = {}
    while True:
        try:
            return core.with_resources(resources), failed
        except DefinitionErrors as errors:
            broken = _by_source(errors.issues, resources)
            failed |= broken
            resources = [r for r in resources if r.get("url") not in broken]


def _by_source(
    issues: Sequence[Issue], resources: Sequence[JsonObject]
) -> dict[str, tuple[Issue, ...]]:
    """Sort findings by the definition they are about; where none is named, all are suspect."""
    urls = {resource.get("url") for resource in resources}
    found: dict[str, tuple[Issue, ...]] = {}
    for one in issues:
        if one.source in urls:
            found[str(one.source)] = (*found.get(str(one.source), ()), one)
    return found or dict.fromkeys(map(str, urls), tuple(issues))


def repeated(documents: Iterable[Document]) -> Iterator[tuple[Document, Issue]]:
    """Report definitions whose canonical URL and version another file has already."""
    first: dict[tuple[str, str, str | None], Path] = {}
    for document in documents:
        resource = document.resource
        url = resource.get("url")
        if not isinstance(url, str):
            continue
        key = (str(resource.get("resourceType")), url, resource.get("version"))
        known = first.setdefault(key, document.path)
        if known != document.path:
            yield document, issue(
                "canonical-repeated", expression=f"{key[0]}.url", pointer="/url",
                found=url, other=known.name,
            )  # fmt: skip
