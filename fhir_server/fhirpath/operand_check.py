"""Whether the two sides of an operator can ever fit, and what comes out.

Spec: http://hl7.org/fhirpath/N1/#operations
"""

from collections.abc import Mapping
from types import MappingProxyType

from fhir_server.fhirpath import tree as nodes
from fhir_server.fhirpath.errors import Fault
from fhir_server.fhirpath.shape import (
    BOOLEAN,
    STRING,
    UNKNOWN,
    Kind,
    Shape,
    either,
    kind_of,
)
from fhir_server.fhirpath.type_model import TypeModel

_ORDERED: frozenset[Kind] = frozenset({"number", "text", "temporal", "time", "quantity"})
_LENGTHS: frozenset[tuple[Kind, Kind]] = frozenset({("temporal", "quantity"), ("time", "quantity")})
_MIXED: frozenset[tuple[Kind, Kind]] = frozenset({("number", "quantity"), ("quantity", "number")})
_NUMBERS: frozenset[tuple[Kind, Kind]] = frozenset({("number", "number")})
_QUANTITIES: frozenset[tuple[Kind, Kind]] = frozenset({("quantity", "quantity")})

_FITTING: Mapping[str, frozenset[tuple[Kind, Kind]]] = MappingProxyType(
    {
        "+": _NUMBERS | _QUANTITIES | _MIXED | _LENGTHS | {("text", "text")},
        "-": _NUMBERS | _QUANTITIES | _MIXED | _LENGTHS,
        "*": _NUMBERS | _QUANTITIES | _MIXED,
        "/": _NUMBERS | _QUANTITIES | _MIXED,
        "div": _NUMBERS,
        "mod": _NUMBERS,
    }
)
_COMPARISONS = frozenset({"<", "<=", ">", ">="})
_EQUALITIES = frozenset({"=", "!=", "~", "!~"})


def operand_fault(tree: nodes.Binary, left: Shape, right: Shape, model: TypeModel) -> Fault | None:
    """Report two sides of which no pair of types fits; None: some pair does, or may."""
    if not left.types or not right.types:
        return None
    pairs = {(kind_of(a, model), kind_of(b, model)) for a in left.types for b in right.types}
    operator = tree.operator
    if operator in _EQUALITIES:
        if any(_may_be_equal(pair) for pair in pairs):
            return None
        rule = "fhirpath-never-equal"
    elif operator in _COMPARISONS:
        if any(_may_be_ordered(pair) for pair in pairs):
            return None
        rule = "fhirpath-operand"
    elif operator in _FITTING and pairs.isdisjoint(_FITTING[operator]):
        rule = "fhirpath-operand"
    else:
        return None
    found = f"{_names(left)} {operator} {_names(right)}"
    return Fault(rule, tree.offset, function=operator, found=found, expected=_expected(operator))


def _may_be_equal(pair: tuple[Kind, Kind]) -> bool:
    """FHIR's own types may be compared with anything their definition hides (``Element``)."""
    return pair[0] == pair[1] or pair in _MIXED


def _may_be_ordered(pair: tuple[Kind, Kind]) -> bool:
    return (pair[0] == pair[1] and pair[0] in _ORDERED) or pair in _MIXED


def _names(shape: Shape) -> str:
    return " | ".join(sorted(shape.types or ()))


def _expected(operator: str) -> str:
    pairs = sorted(_FITTING.get(operator, ()))
    if pairs:
        return ", ".join(f"{left} {operator} {right}" for left, right in pairs)
    return "number, text, temporal, time, quantity"


def result_of(operator: str, left: Shape, right: Shape, model: TypeModel) -> Shape:
    """Return what is known of the result of an operator."""
    if operator == "|":
        return either(left, right)
    if operator == "&":
        return STRING
    if operator not in _FITTING:
        return BOOLEAN
    return _arithmetic(operator, left, right, model)


def _arithmetic(operator: str, left: Shape, right: Shape, model: TypeModel) -> Shape:
    """Put together what each pair of types gives that the operator takes."""
    if left.types is None or right.types is None:
        return UNKNOWN
    found = {
        _outcome(operator, one, other, model)
        for one in left.types
        for other in right.types
        if (kind_of(one, model), kind_of(other, model)) in _FITTING[operator]
    }
    return Shape(frozenset(found), is_single=True) if found else UNKNOWN


def _outcome(operator: str, left: str, right: str, model: TypeModel) -> str:
    kinds = {kind_of(left, model), kind_of(right, model)}
    if kinds == {"number"}:
        are_whole = _is_whole(left) and _is_whole(right) and operator != "/"
        return "System.Integer" if operator == "div" or are_whole else "System.Decimal"
    if kinds == {"text"}:
        return "System.String"
    if "time" in kinds:
        return "System.Time"
    if "temporal" in kinds:
        return "System.Date" if left in {"date", "System.Date"} else "System.DateTime"
    return "System.Quantity"


def _is_whole(fhir_type: str) -> bool:
    return fhir_type not in {"decimal", "System.Decimal"}
