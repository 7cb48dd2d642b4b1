"""Which of two answers is larger, and are they the same: by the rules of FHIRPath.

Partial dates and quantities in different units leave the answer open: None.

Spec: http://hl7.org/fhirpath/N1/#comparison and https://hl7.org/fhir/R4/valueset-questionnaire-enable-operator.html
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType

from fhir_server.fhirpath import Env, Expression, FhirPathError, TypeModel, compile_expression, node
from fhir_server.validation.questionnaire.value import Value

_PLAIN = frozenset(("boolean", "integer", "string", "uri"))
"""Types whose values are the same when their JSON is: 0.1 µs, by FHIRPath 4."""

_OPERATORS = ("=", "<", "<=", ">", ">=")


class Comparison:
    """Compares values; may be used by several threads.

    Args:
        types: The types of the release.
    """

    def __init__(self, types: TypeModel) -> None:
        self._operators = {
            operator: compile_expression(f"%left {operator} %right", types)
            for operator in _OPERATORS
        }
        self._matches = compile_expression("%left.matches(%right)", types)

    def holds(self, operator: str, left: Value, right: Value) -> bool | None:
        """Say whether ``left operator right``; None where it cannot be said."""
        if operator == "=" and left.fhir_type == right.fhir_type in _PLAIN:
            return bool(left.json == right.json)
        special = _SPECIAL.get((left.fhir_type, right.fhir_type))
        if special is not None:
            return special(left, right) if operator == "=" else None
        try:
            return _ask(self._operators[operator], left, right)
        except (FhirPathError, KeyError):
            return None

    def matches(self, text: Value, regex: str) -> bool | None:
        """Say whether the whole of a text matches; None: the expression is not supported."""
        anchored = Value("", "string", rf"\A(?:{regex})\z")
        try:
            return _ask(self._matches, text, anchored)
        except FhirPathError:
            return None


def _ask(expression: Expression, left: Value, right: Value) -> bool | None:
    variables = {
        "left": (node(left.json, left.fhir_type),),
        "right": (node(right.json, right.fhir_type),),
    }
    found = expression.evaluate((), Env(variables=variables))
    return found[0].value is True if len(found) == 1 else None


def _same_coding(left: Value, right: Value) -> bool:
    """Compare what identifies a concept; a code expected without system is meant in any system."""
    one, other = left.json, right.json
    if other.get("code") is None:
        return one.get("code") is None and one.get("display") == other.get("display")
    if one.get("code") != other["code"]:
        return False
    return other.get("system") in (None, one.get("system"))


def _same_reference(left: Value, right: Value) -> bool:
    reference = right.json.get("reference")
    return reference is not None and bool(left.json.get("reference") == reference)


_SPECIAL: Mapping[tuple[str, str], Callable[[Value, Value], bool]] = MappingProxyType(
    {("Coding", "Coding"): _same_coding, ("Reference", "Reference"): _same_reference}
)


def decimal_places(number: object) -> int:
    """Count the digits written behind the point."""
    if not isinstance(number, Decimal):
        return 0
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
