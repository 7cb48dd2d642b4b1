"""One OperationOutcome a resource, as NDJSON on stdout: ``{"file": …, "outcome": …}``."""

import click

from fhir_server.cli.validate.checker import Checked
from fhir_server.cli.validate.report.protocol import Tally
from fhir_server.model import Language, encode, operation_outcome


class OutcomeReport:
    """For programs that know FHIR."""

    def add(self, checked: Checked, language: Language) -> None:
        """Write the outcome of a source at once."""
        outcome = operation_outcome(checked.issues, language)
        click.echo(encode({"file": checked.source.name, "outcome": outcome}).decode())

    def finish(self, tally: Tally, language: Language) -> None:
        """Nothing is left to tell."""
