"""``fhir-server validate FILE…``: what is wrong in files, where, and what to do.

Spec: https://hl7.org/fhir/R4/validation.html
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fhir_server.cli.sources import read_file, source_files
from fhir_server.cli.validate.options import Demand, Options
from fhir_server.model import Language

if TYPE_CHECKING:
    from fhir_server.cli.validate.run import Run


@click.command("validate")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--profile", "profiles", multiple=True, metavar="URL", help="Profile that must hold.")
@click.option(
    "--as-write", is_flag=True, help="Judge as a write to the server, not as HL7's validator."
)
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json", "sarif", "junit", "github"]),
    default="text",
    show_default=True,
    help="For people, OperationOutcomes as NDJSON, SARIF 2.1.0, JUnit XML, GitHub annotations.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--lang",
    "language",
    type=click.Choice(["uk", "en"]),
    default="uk",
    show_default=True,
    help="Language of the sentences.",
)
@click.option("--quiet", is_flag=True, help="Errors only, no warnings and notes.")
@click.option(
    "--baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Known findings: only new ones are told.",
)
@click.option("--update-baseline", is_flag=True, help="Write all findings to --baseline.")
@click.option("--fix", is_flag=True, help="Apply the safe fixes to JSON and NDJSON files.")
@click.option("--dry-run", is_flag=True, help="With --fix: say what would be done, write nothing.")
@click.option("--watch", is_flag=True, help="Check again what changes, until Ctrl-C.")
@click.option(
    "--jobs",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Processes for many files; 0: one a processor.",
)
def command(
    *,
    files: tuple[str, ...],
    profiles: tuple[str, ...],
    as_write: bool,
    output: str,
    as_json: bool,
    language: Language,
    quiet: bool,
    baseline: Path | None,
    update_baseline: bool,
    fix: bool,
    dry_run: bool,
    watch: bool,
    jobs: int,
) -> None:
    """Validate FILEs against R4, their own profiles and --profile.

    A FILE is JSON, XML or NDJSON, a folder, a quoted glob such as "data/**/*.json", or "-" for
    stdin. Where a profile asks about the targets of references, they are looked for in all FILES.

    Exit code 0: no errors; 1: errors were found; 2: a file or a profile cannot be used.
    """
    options = Options(
        files=files,
        demand=Demand(profiles, is_strict=not as_write),
        format="json" if as_json else output,
        language=language,
        is_quiet=quiet,
        baseline=baseline,
        updates_baseline=update_baseline,
        mends=fix,
        is_dry_run=dry_run,
        jobs=jobs or os.cpu_count() or 1,
    )
    _refuse_contradictions(options, watches=watch)
    from fhir_server.cli.validate.run import Run

    run = Run(options)
    errors = run.check(options.sources())
    if watch:
        errors = _watch(run, options)
    sys.exit(1 if errors else 0)


def _refuse_contradictions(options: Options, *, watches: bool) -> None:
    if options.updates_baseline and options.baseline is None:
        raise click.UsageError("--update-baseline needs --baseline FILE")
    if options.is_dry_run and not options.mends:
        raise click.UsageError("--dry-run goes with --fix")
    if "-" in options.files and (watches or options.mends):
        raise click.UsageError("stdin can be neither watched nor mended")
    options.paths()


def _watch(run: "Run", options: Options) -> int:
    from fhir_server.cli.validate.watch import watch

    last = 0

    def again(paths: Iterable[Path]) -> None:
        nonlocal last
        last = run.check(source for path in paths for source in read_file(path))

    watch(lambda: source_files(options.paths()), again)
    return last
