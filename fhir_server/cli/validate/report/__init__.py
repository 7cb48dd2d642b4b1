"""How findings are told: for people, for programs, for continuous integration."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from fhir_server.cli.validate.report.github import GithubReport
from fhir_server.cli.validate.report.junit import JunitReport
from fhir_server.cli.validate.report.outcome import OutcomeReport
from fhir_server.cli.validate.report.protocol import Report, Tally
from fhir_server.cli.validate.report.sarif import SarifReport
from fhir_server.cli.validate.report.text import TextReport

REPORTS: Mapping[str, Callable[[], Report]] = MappingProxyType(
    {
        "text": TextReport,
        "json": OutcomeReport,
        "sarif": SarifReport,
        "junit": JunitReport,
        "github": GithubReport,
    }
)
"""The report of each ``--format``."""

__all__ = ["REPORTS", "Report", "Tally"]
