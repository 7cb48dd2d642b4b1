"""``fhir-server fhirpath EXPR FILE``: evaluate an expression, one JSON value a line.

Spec: https://hl7.org/fhir/R4/fhirpath.html
"""

import sys
from pathlib import Path

import click

from fhir_server.model import FhirError, decode_object, encode


@click.command("fhirpath")
@click.argument("expression")
@click.argument(
    "file", required=False, type=click.Path(exists=True, path_type=Path, allow_dash=True)
)
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a line a value.")
def command(expression: str, file: Path | None, as_json: bool) -> None:
    """Evaluate EXPRESSION over the resource in FILE ("-": stdin; none: no resource).

    Exit code 0: evaluated; 2: the expression or the file is not understood.
    """
    from fhir_server.fhirpath import FhirPathError, evaluate

    try:
        resource = None if file is None else decode_object(_read(file))
        values = evaluate(resource, expression)
    except FhirError as refusal:
        raise click.UsageError(str(refusal)) from refusal
    except FhirPathError as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        click.echo(encode(values).decode())
        return
    for value in values:
        click.echo(encode(value).decode())


def _read(file: Path) -> bytes:
    return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
