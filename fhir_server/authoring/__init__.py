"""Work on profiles: new ones, checks, differences, impact on data, packages, JSON Schemas."""

from fhir_server.authoring.check import Checked, check_definitions, claims
from fhir_server.authoring.difference import Change, Difference, describe, difference
from fhir_server.authoring.impact import Comparison, Impact, csv_rows
from fhir_server.authoring.json_schema import json_schema
from fhir_server.authoring.publication import Publication, pack
from fhir_server.authoring.rebase import Replaced, rebased, write
from fhir_server.authoring.scaffold import NewProfile, new_profile
from fhir_server.authoring.workspace import (
    Document,
    Unreadable,
    Workspace,
    assembled,
    read_document,
)

__all__ = [
    "Change",
    "Checked",
    "Comparison",
    "Difference",
    "Document",
    "Impact",
    "NewProfile",
    "Publication",
    "Replaced",
    "Unreadable",
    "Workspace",
    "assembled",
    "check_definitions",
    "claims",
    "csv_rows",
    "describe",
    "difference",
    "json_schema",
    "new_profile",
    "pack",
    "read_document",
    "rebased",
    "write",
]
