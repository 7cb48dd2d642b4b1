"""``fhir-server validate``: findings in files, told in several formats, mended, watched."""

from fhir_server.cli.validate.command import command

__all__ = ["command"]
