"""The tree of an expression as fhirpath-lab.com draws it: kind, name, arguments, type, place.

Spec: http://hl7.org/fhirpath/N1/grammar.html
"""

from fhir_server.fhirpath import tree as nodes
from fhir_server.fhirpath.analysis import Analysis
from fhir_server.model import JsonObject

_FOCUS: JsonObject = {"ExpressionType": "AxisExpression", "Name": "builtin.that"}


def tree_json(judged: Analysis) -> JsonObject:
    """Return the root of the tree; {} where the expression is none."""
    return {} if judged.tree is None else _node(judged.tree, judged)


def _node(tree: nodes.Tree, judged: Analysis) -> JsonObject:
    kind, name, arguments = _described(tree, judged)
    found: JsonObject = {"ExpressionType": kind, "Name": name}
    if arguments:
        found["Arguments"] = arguments
    if (fhir_type := judged.type_of(tree)) is not None:
        found["ReturnType"] = fhir_type
    return {**found, "Position": tree.offset, "Length": len(name)}


def _described(tree: nodes.Tree, judged: Analysis) -> tuple[str, str, list[JsonObject]]:
    match tree:
        case nodes.Call(source=source, name=name, arguments=arguments):
            given = [_node(argument, judged) for argument in arguments]
            return "FunctionCallExpression", name, [_source(source, judged), *given]
        case nodes.Member(source=source, name=name):
            return "ChildExpression", name, [_source(source, judged)]
        case nodes.Index(source=source, index=index):
            return "IndexerExpression", "[]", [_node(source, judged), _node(index, judged)]
        case nodes.Binary(operator=operator, left=left, right=right):
            return "BinaryExpression", operator, [_node(left, judged), _node(right, judged)]
        case nodes.Unary(operator=operator, operand=operand):
            return "UnaryExpression", operator, [_node(operand, judged)]
        case nodes.TypeOperation(operator=operator, operand=operand, type=named):
            wanted = {"ExpressionType": "ConstantExpression", "Name": str(named)}
            return "BinaryExpression", operator, [_node(operand, judged), wanted]
        case nodes.Variable():
            return "VariableRefExpression", str(tree), []
        case nodes.Special() | nodes.Focus():
            return "AxisExpression", str(tree), []
    return "ConstantExpression", str(tree), []


def _source(source: nodes.Tree | None, judged: Analysis) -> JsonObject:
    return _FOCUS if source is None else _node(source, judged)
