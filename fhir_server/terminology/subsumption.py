"""Whether one concept is a kind of another.

Spec: https://hl7.org/fhir/R4/codesystem-operation-subsumes.html
"""

from typing import Literal

from fhir_server.terminology.lookup import find_concept
from fhir_server.terminology.systems import CodeSystems

Subsumption = Literal["equivalent", "subsumes", "subsumed-by", "not-subsumed"]

_IS_A = {None, "is-a"}


def subsumes(
    systems: CodeSystems, system: str, code_a: str, code_b: str, version: str | None = None
) -> Subsumption:
    """Say how A relates to B; a hierarchy that means something else than "is a" subsumes nothing.

    Raises:
        NotFound: The code system is not here, or it lacks one of the codes.
    """
    known, a = find_concept(systems, system, code_a, version)
    _, b = find_concept(systems, system, code_b, version)
    if a.code == b.code:
        return "equivalent"
    definition = systems.definition(system, version) or {}
    if definition.get("hierarchyMeaning") not in _IS_A:
        return "not-subsumed"
    if b.code in known.descendants(a.code):
        return "subsumes"
    return "subsumed-by" if a.code in known.descendants(b.code) else "not-subsumed"
