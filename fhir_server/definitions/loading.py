"""Load the registry: the R4 core package, the national package, and what else is asked for.

Spec: https://hl7.org/fhir/R4/packages.html
"""

from collections.abc import Sequence
from pathlib import Path

from fhir_server.definitions.compiler import Progress, compiled
from fhir_server.definitions.errors import PackageMissing
from fhir_server.definitions.manifest import demands_of
from fhir_server.definitions.packages import (
    CORE_VERSION,
    PackagePlaces,
    core_packages,
    extra_package,
    national_package,
)
from fhir_server.definitions.registry import Registry
from fhir_server.definitions.shelf import FileShelf
from fhir_server.model import Issue


def load_registry(
    *,
    extra: Sequence[Path] = (),
    installed: Sequence[Path] = (),
    progress: Progress | None = None,
    cache: Path | None = None,
    registry_url: str | None = None,
    national: bool = True,
) -> Registry:
    """Return the definitions of R4 and, on top of them, the national package and others.

    What was compiled before is opened from the cache (0.1 s); a first compilation of R4 takes
    seconds, and ``progress`` is told how it gets on.

    Args:
        extra: More packages: ``.tgz`` archives, or folders of definitions; a later one counts more.
        installed: Archives that an operator has installed, each after those it depends on.
        progress: Called with package, definitions done, definitions in all.
        cache: Folder for compiled packages; None: ``~/.cache/fhir-server``.
        registry_url: A FHIR package registry to download from; None: never download.
        national: Whether the national package is wanted.

    Raises:
        PackageMissing: The core package cannot be had; every place that was tried is named.
        PackageRefused: An installed archive is damaged or hostile.
        DefinitionErrors: A package has definitions that cannot be compiled; all findings together.
    """
    home = Path.home()
    cache = cache or home / ".cache" / "fhir-server"
    places = PackagePlaces(home=home, downloads=cache, registry_url=registry_url)
    shelves = [_core(places, cache, progress)]
    packages = [extra_package(path) for path in (*extra, *installed)]
    shipped = national_package() if national else None
    if shipped is not None:
        packages.insert(0, shipped)
    for package in packages:
        shelves.append(
            compiled(
                package,
                cache=cache,
                below=tuple(shelves),
                fhir_version=CORE_VERSION,
                progress=progress,
            )
        )
    return Registry(
        tuple(shelves),
        fhir_version=CORE_VERSION,
        demands=demands_of(path for package in packages for path in package.manifests()),
        installed_count=len(installed),
    )


def _core(places: PackagePlaces, cache: Path, progress: Progress | None) -> FileShelf:
    """Open the first core package that is what it should be."""
    problems: list[Issue] = []
    try:
        for package in core_packages(places):
            try:
                return compiled(package, cache=cache, fhir_version=CORE_VERSION, progress=progress)
            except PackageMissing as error:
                problems.extend(error.issues)
    except PackageMissing as error:
        problems.extend(error.issues)
    raise PackageMissing(
        (*PackageMissing.of("core-package-missing", expected=CORE_VERSION).issues, *problems)
    )
