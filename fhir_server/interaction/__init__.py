"""Interactions: what FHIR's RESTful API does, on plain values."""

from fhir_server.interaction.asynchronous import accepted, job_started
from fhir_server.interaction.bundle import bundle, embedded, full_url, match_entry
from fhir_server.interaction.code_expander import CodeExpander
from fhir_server.interaction.conditional import criteria_parameters, criteria_query
from fhir_server.interaction.create import create
from fhir_server.interaction.definition_watch import DefinitionWatch
from fhir_server.interaction.dispatch import INTERACTIONS, Dispatcher
from fhir_server.interaction.entity_tag import entity_tags, single_tag
from fhir_server.interaction.fhirpath_diff import fhirpath_diff
from fhir_server.interaction.include import included
from fhir_server.interaction.job import JobOptions, JobRun, Jobs
from fhir_server.interaction.knowledge import DEFINITION_TYPES, Knowledge, KnowledgeBase
from fhir_server.interaction.matches import all_matches
from fhir_server.interaction.message import (
    Handling,
    Parameters,
    Preconditions,
    Preferences,
    Request,
    Response,
    ReturnPreference,
)
from fhir_server.interaction.moment import parse_interval
from fhir_server.interaction.operation import Operation
from fhir_server.interaction.search import compartment_page, parsed_search
from fhir_server.interaction.search_index import SearchIndex
from fhir_server.interaction.services import (
    Handler,
    InteractionOptions,
    Services,
    random_id,
    utc_now,
)
from fhir_server.interaction.stored_target import MOST_OF_ALL, MOST_TARGETS, judged
from fhir_server.interaction.subset import Subset, make_subset
from fhir_server.interaction.target import Target
from fhir_server.interaction.write import Change, change_until_done, instant

__all__ = [
    "DEFINITION_TYPES",
    "INTERACTIONS",
    "MOST_OF_ALL",
    "MOST_TARGETS",
    "Change",
    "CodeExpander",
    "DefinitionWatch",
    "Dispatcher",
    "Handler",
    "Handling",
    "InteractionOptions",
    "JobOptions",
    "JobRun",
    "Jobs",
    "Knowledge",
    "KnowledgeBase",
    "Operation",
    "Parameters",
    "Preconditions",
    "Preferences",
    "Request",
    "Response",
    "ReturnPreference",
    "SearchIndex",
    "Services",
    "Subset",
    "Target",
    "accepted",
    "all_matches",
    "bundle",
    "change_until_done",
    "compartment_page",
    "create",
    "criteria_parameters",
    "criteria_query",
    "embedded",
    "entity_tags",
    "fhirpath_diff",
    "full_url",
    "included",
    "instant",
    "job_started",
    "judged",
    "make_subset",
    "match_entry",
    "parse_interval",
    "parsed_search",
    "random_id",
    "single_tag",
    "utc_now",
]
