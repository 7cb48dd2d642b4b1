"""One run of the command: check, mend, leave out what is known, tell."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import click

from fhir_server.cli.frames import change
from fhir_server.cli.sources import Source
from fhir_server.cli.validate.baseline import Baseline
from fhir_server.cli.validate.checker import Checked, Checker, registry_with
from fhir_server.cli.validate.mending import mend
from fhir_server.cli.validate.options import Options
from fhir_server.cli.validate.pool import check_all
from fhir_server.cli.validate.report import REPORTS, Tally
from fhir_server.model import Issue, Language


class Run:
    """Keeps the definitions between rounds of ``--watch``.

    Args:
        options: What was asked for.

    Raises:
        click.UsageError: A profile is not here.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._registry = registry_with(options.demand.profiles)
        self._checker: Checker | None = None

    def check(self, sources: Iterable[Source]) -> int:
        """Check and tell some sources; return the number of errors.

        Raises:
            click.UsageError: A file or the baseline cannot be read.
        """
        options = self._options
        report, tally = REPORTS[options.format](), Tally()
        baseline = self._baseline()
        for checked in self._mended(self._all(sources)):
            found = _errors_only(checked) if options.is_quiet else checked
            if baseline is not None and options.updates_baseline:
                baseline.note(found)
            if baseline is not None and not options.updates_baseline:
                found = baseline.without_known(found)
            tally.add(found)
            report.add(found, options.language)
        report.finish(tally, options.language)
        if baseline is not None and options.updates_baseline:
            click.echo(f"{options.baseline}: {baseline.write()}", err=True)
            return 0
        return tally.errors

    def _all(self, sources: Iterable[Source]) -> Iterator[Checked]:
        options = self._options
        if options.jobs == 1 or options.mends:
            self._one().begin()
            yield from (self._one().check(source) for source in sources)
        else:
            yield from check_all(
                sources, self._registry, options.demand, options.resource_files, options.jobs
            )

    def _one(self) -> Checker:
        if self._checker is None:
            self._checker = Checker(
                self._registry, self._options.demand, self._options.resource_files
            )
        return self._checker

    def _baseline(self) -> Baseline | None:
        options = self._options
        if options.baseline is None:
            return None
        baseline = Baseline(options.baseline)
        if not options.updates_baseline:
            baseline.read()
        return baseline

    def _mended(self, checked: Iterator[Checked]) -> Iterator[Checked]:
        """Mend file by file: the lines of an NDJSON file are written together."""
        if not self._options.mends:
            yield from checked
            return
        for path, group in groupby(checked, key=lambda each: each.source.path):
            mended = [mend(each, self._one().check) for each in group]
            for each in mended:
                self._tell_fixes(each.checked.source, each.fixes)
            if path is not None and any(each.fixes for each in mended):
                self._write(path, [each.checked.source for each in mended])
            yield from (each.checked for each in mended)

    def _write(self, path: Path, sources: list[Source]) -> None:
        if self._options.is_dry_run:
            return
        lines = {source.line: source.text for source in sources}
        if None in lines:
            text = lines[None]
        else:
            old = path.read_bytes().decode().split("\n")
            text = "\n".join(
                lines[at] + line[len(line.rstrip("\r")) :] if at in lines else line
                for at, line in enumerate(old, 1)
            )
        path.write_bytes(text.encode())

    def _tell_fixes(self, source: Source, fixes: Iterable[Issue]) -> None:
        language: Language = self._options.language
        word = {"en": "fixed", "uk": "виправлено"}[language]
        if self._options.is_dry_run:
            word = {"en": "would fix", "uk": "можна виправити"}[language]
        for found in fixes:
            steps = "; ".join(change(step, language) for step in found.patch or ())
            place = source.name if found.line is None else f"{source.name}:{found.line}"
            click.echo(f"{word}[{found.rule}]: {place}: {found.expression}: {steps}", err=True)


def _errors_only(checked: Checked) -> Checked:
    return replace(checked, issues=checked.errors)
