"""Why definitions cannot be had or used."""

from fhir_server.model import Unavailable, ValidationFailed


class DefinitionErrors(ValidationFailed):
    """Definitions that cannot be compiled: every finding of every one of them."""


class PackageRefused(ValidationFailed):
    """A package that is not installed: no package, hostile, or of no use here."""


class PackageMissing(Unavailable):
    """A package of definitions is nowhere to be found, or not what it should be."""
