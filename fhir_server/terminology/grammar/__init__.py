"""Code systems that no CodeSystem resource lists: grammars and the code lists of ISO.

Spec: https://hl7.org/fhir/R4/terminologies-systems.html
"""

from collections.abc import Callable, Mapping
from functools import partial

from fhir_server.terminology.concept import CodeSystem
from fhir_server.terminology.grammar.iso import countries, currencies
from fhir_server.terminology.grammar.language_tag import BCP_47, language_concept
from fhir_server.terminology.grammar.media_type import BCP_13, media_type_concept
from fhir_server.terminology.grammar.system import GrammarSystem
from fhir_server.terminology.grammar.unit import UCUM, unit_concept

BUILT_IN: Mapping[str, Callable[[], CodeSystem]] = {
    BCP_47: partial(GrammarSystem, BCP_47, language_concept),
    BCP_13: partial(GrammarSystem, BCP_13, media_type_concept),
    UCUM: partial(GrammarSystem, UCUM, unit_concept, is_case_sensitive=True),
    "urn:iso:std:iso:3166": countries,
    "urn:iso:std:iso:4217": currencies,
}

__all__ = ["BUILT_IN", "GrammarSystem"]
