"""FHIRPath: compile once, evaluate often.

Spec: http://hl7.org/fhirpath/N1/ and https://hl7.org/fhir/R4/fhirpath.html
"""

from fhir_server.fhirpath import ucum
from fhir_server.fhirpath.analysis import Analysis, check_expression
from fhir_server.fhirpath.environment import Env, Host
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.expression import Expression, compile_expression
from fhir_server.fhirpath.narrative import narrative_faults
from fhir_server.fhirpath.navigation import Navigator
from fhir_server.fhirpath.node import Node, node, root_node
from fhir_server.fhirpath.people import evaluate, judge, to_json
from fhir_server.fhirpath.tree_json import tree_json
from fhir_server.fhirpath.type_model import ElementType, TypeModel

__all__ = [
    "Analysis",
    "ElementType",
    "Env",
    "Expression",
    "FhirPathError",
    "Host",
    "Navigator",
    "Node",
    "TypeModel",
    "check_expression",
    "compile_expression",
    "evaluate",
    "judge",
    "narrative_faults",
    "node",
    "root_node",
    "to_json",
    "tree_json",
    "ucum",
]
