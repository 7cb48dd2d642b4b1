"""``fhir-server fhirpath EXPR FILE``: evaluate an expression, one JSON value a line, or judge it.

Spec: https://hl7.org/fhir/R4/fhirpath.html
"""

import sys
from pathlib import Path
from typing import Any

import click

from fhir_server.cli.frames import LEVELS
from fhir_server.model import FhirError, Language, decode_object, encode


@click.command("fhirpath")
@click.argument("expression")
@click.argument(
    "file", required=False, type=click.Path(exists=True, path_type=Path, allow_dash=True)
)
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a line a value.")
@click.option("--check", is_flag=True, help="Judge the expression instead of evaluating it.")
@click.option("--type", "types", multiple=True, help="With --check: a type its focus may have.")
@click.option("--lang", type=click.Choice(["uk", "en"]), default="uk", help="Of the findings.")
def command(  # noqa: PLR0917 # click hands over every option
    expression: str,
    file: Path | None,
    as_json: bool,
    check: bool,
    types: tuple[str, ...],
    lang: Language,
) -> None:
    """Evaluate EXPRESSION over the resource in FILE ("-": stdin; none: no resource).

    What trace() sees goes to stderr. With --check nothing runs: every problem is told with line and
    column, then the type of the result.

    Exit code 0: evaluated, or nothing wrong; 1: --check found errors; 2: the expression or the file
    is not understood.
    """
    try:
        resource = None if file is None else decode_object(_read(file))
        if check:
            own = (str(resource["resourceType"]),) if resource is not None else ()
            sys.exit(_judge(expression, (*types, *own), as_json=as_json, lang=lang))
        values = _evaluate(resource, expression)
    except FhirError as refusal:
        told = "; ".join(found.text.in_language(lang) for found in refusal.issues)
        raise click.UsageError(told) from refusal
    if as_json:
        click.echo(encode(values).decode())
        return
    for value in values:
        click.echo(encode(value).decode())


def _evaluate(resource: dict[str, Any] | None, expression: str) -> list[Any]:
    from fhir_server.fhirpath import evaluate

    def trace(name: str, seen: list[Any]) -> None:
        click.echo(f"{name}: {encode(seen).decode()}", err=True)

    return evaluate(resource, expression, trace=trace)


def _judge(expression: str, types: tuple[str, ...], *, as_json: bool, lang: Language) -> int:
    """Print what is wrong and what comes out; return the exit code."""
    from fhir_server.fhirpath import judge

    judged = judge(expression, types)
    if as_json:
        findings = [
            {
                "severity": found.severity,
                "rule": found.rule,
                "line": found.line,
                "column": found.column,
                "text": found.text.in_language(lang),
            }
            for found in judged.issues
        ]
        click.echo(encode({"result": judged.result, "issues": findings}).decode())
    else:
        for found in judged.issues:
            level = LEVELS[lang][found.severity]
            click.echo(f"{level}: {found.text.in_language(lang)}", err=True)
        click.echo(judged.result)
    return 1 if judged.has_errors else 0


def _read(file: Path) -> bytes:
    return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
