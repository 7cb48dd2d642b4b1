"""What search asks of terminology: the codes of a value set, and the codes above and below one.

Spec: https://hl7.org/fhir/R4/search.html#token
"""

from collections.abc import Iterable

from fhir_server.model import FhirError
from fhir_server.terminology import Terminology


class CodeExpander:
    """Answers by the terminology of the same knowledge; None means "not known here".

    Args:
        terminology: The code systems and value sets in force.
    """

    def __init__(self, terminology: Terminology) -> None:
        self._terminology = terminology

    def members(self, value_set: str) -> Iterable[tuple[str, str]] | None:
        """Yield (system, code) of every concept of a value set."""
        try:
            found = self._terminology.value_sets.find(value_set)
        except FhirError:
            return None
        if found is None:
            return None
        return ((member.system, member.code) for member in found.members())

    def descendants(self, system: str, code: str) -> Iterable[str] | None:
        """Return a code and all codes it subsumes."""
        found = self._terminology.systems.find(system)
        return None if found is None else (code, *found.descendants(code))

    def ancestors(self, system: str, code: str) -> Iterable[str] | None:
        """Return a code and all codes that subsume it."""
        found = self._terminology.systems.find(system)
        return None if found is None else (code, *found.ancestors(code))
