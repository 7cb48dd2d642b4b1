"""Interactions: what FHIR's RESTful API does, on plain values."""

from fhir_server.interaction.asynchronous import accepted
from fhir_server.interaction.code_expander import CodeExpander
from fhir_server.interaction.dispatch import INTERACTIONS, Dispatcher
from fhir_server.interaction.entity_tag import entity_tags, single_tag
from fhir_server.interaction.job import JobOptions, JobRun, Jobs
from fhir_server.interaction.knowledge import DEFINITION_TYPES, Knowledge, KnowledgeBase
from fhir_server.interaction.message import (
    Handling,
    Parameters,
    Preconditions,
    Preferences,
    Request,
    Response,
    ReturnPreference,
)
from fhir_server.interaction.operation import Operation
from fhir_server.interaction.search import compartment_page
from fhir_server.interaction.services import (
    Handler,
    InteractionOptions,
    Services,
    random_id,
    utc_now,
)
from fhir_server.interaction.target import Target
from fhir_server.interaction.write import Change, change_until_done

__all__ = [
    "DEFINITION_TYPES",
    "INTERACTIONS",
    "Change",
    "CodeExpander",
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
    "Services",
    "Target",
    "accepted",
    "change_until_done",
    "compartment_page",
    "entity_tags",
    "random_id",
    "single_tag",
    "utc_now",
]
