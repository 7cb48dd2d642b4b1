"""Units of measure, ``http://unitsofmeasure.org``: codes that UCUM's grammar and table know.

Spec: https://hl7.org/fhir/R4/terminologies-systems.html and https://ucum.org/ucum
"""

import re

from fhir_server.fhirpath import ucum
from fhir_server.terminology.concept import Concept

UCUM = "http://unitsofmeasure.org"

_ANNOTATION = re.compile(r"(?P<before>\)?)\{[ -z|~]*\}")
_RETIRED = frozenset({"[hp_C]", "[hp_M]", "[hp_Q]", "[hp_X]", "[pH]"})
"""Units that the common UCUM codes of R4 list and that convert to nothing."""


def unit_concept(code: str) -> Concept | None:
    """Return the concept of a unit; None: it is none.

    Annotations may hold blanks and may follow a bracket, as in R4's list of common units
    (``{clock time}``, ``U/(10.g){feces}``), though the grammar of UCUM is stricter.
    """
    is_known = ucum.unit(code) is not None or code in _RETIRED
    if not is_known and "{" in code:
        is_known = ucum.unit(_ANNOTATION.sub(_plain, code)) is not None
    return Concept(code=code, display=code) if is_known else None


def _plain(annotation: re.Match[str]) -> str:
    return annotation["before"] or "{x}"
