"""``CodeSystem/$subsumes``: is one code a kind of the other?

Spec: https://hl7.org/fhir/R4/codesystem-operation-subsumes.html
"""

from fhir_server.model import InvalidRequest, JsonObject
from fhir_server.operation.parameters import OperationParameters, answer
from fhir_server.terminology import Terminology, subsumes


def run(
    terminology: Terminology,
    parameters: JsonObject,
    *,
    target: JsonObject | None = None,
    language: str = "",
) -> JsonObject:
    """Compare two codes of one system.

    Args:
        terminology: The definitions in force.
        parameters: A Parameters resource.
        target: The CodeSystem the operation was called on.
        language: Not needed: the answer has no words.

    Returns:
        Parameters with ``outcome``.

    Raises:
        InvalidRequest: A parameter is missing, or the codings are of different systems.
        NotFound: The code system is not here, or it lacks one of the codes.
    """
    del language
    given = OperationParameters(parameters)
    given.require("codeA", "codingA")
    given.require("codeB", "codingB")
    codings = [given.json(name, "Coding") or {} for name in ("codingA", "codingB")]
    codes = [
        given.text(name) or coding.get("code")
        for name, coding in zip(("codeA", "codeB"), codings, strict=True)
    ]
    own = (target or {}).get("url") or given.text("system")
    systems = {s for s in (own, *(coding.get("system") for coding in codings)) if s}
    if not systems or not all(codes):
        raise InvalidRequest.of("operation-parameter-missing", expected="system, codingA, codingB")
    if len(systems) > 1:
        raise InvalidRequest.of("subsumes-different-systems", found=", ".join(sorted(systems)))
    if target is not None:
        terminology = terminology.with_code_system(target)
    version = (target or {}).get("version") or given.text("version") or codings[0].get("version")
    outcome = subsumes(terminology.systems, systems.pop(), str(codes[0]), str(codes[1]), version)
    return answer([{"name": "outcome", "valueCode": outcome}])
