"""An expression judged before it runs: everything that is wrong with it, each with its place.

Spec: http://hl7.org/fhirpath/N1/#type-safety-and-strict-evaluation
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from fhir_server.fhirpath.compiler import Compiler
from fhir_server.fhirpath.errors import Fault, FhirPathError
from fhir_server.fhirpath.navigation import Navigator
from fhir_server.fhirpath.parser import parse
from fhir_server.fhirpath.shape import Shape
from fhir_server.fhirpath.static import Checker
from fhir_server.fhirpath.tree import Tree
from fhir_server.fhirpath.type_model import TypeModel
from fhir_server.model import Issue

_BOOLEANS = frozenset({"boolean", "System.Boolean"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What is known of an expression without running it.

    Attributes:
        issues: Errors (it is refused, or fails whenever it runs) and warnings (a part of it can
            never hold), in the order of the text; ``line`` and ``column`` are those within the
            expression, 1-based.
        tree: What the parser made of it; None: it is no FHIRPath.
        result: What it returns, as ``string[]`` or ``Quantity | Period``; "" without tree.
    """

    issues: tuple[Issue, ...]
    tree: Tree | None = None
    result: str = ""
    _checker: Checker | None = None

    @property
    def has_errors(self) -> bool:
        """Whether it must not be used."""
        return any(issue.is_error for issue in self.issues)

    def type_of(self, node: Tree) -> str | None:
        """Return the type of a node of `tree`; None: not known."""
        shape = None if self._checker is None else self._checker.shape_of(node)
        return None if shape is None or shape.types is None else str(shape)


def check_expression(
    text: str,
    model: TypeModel,
    *,
    context_types: Collection[str],
    variables: Mapping[str, str | None] | None = None,
    is_condition: bool = False,
    navigator: Navigator | None = None,
) -> Analysis:
    """Judge an expression against the definitions.

    Args:
        text: The expression.
        model: The types of the release.
        context_types: The types its focus may have, ``Patient``, ``HumanName``, or the path of an
            element with children of its own (``Patient.contact``); none: nothing is known. What
            fits one of them is let through.
        variables: ``%name`` beside those of FHIR, each with its type where that is known; None:
            any name may have a value when the expression runs.
        is_condition: Whether it must say true or false, as an invariant must.
        navigator: What other expressions over the same ``model`` have learned.

    Returns:
        All problems at once.
    """
    known = navigator or Navigator(model)
    faults: list[Fault] = []
    try:
        tree = parse(text)
    except Fault as fault:
        return Analysis(issues=(_issue(text, fault),))
    checker = Checker(known, context_types, variables)
    try:
        Compiler(known, is_strict=False).compile(tree)
    except Fault as fault:
        faults.append(fault)
    shape = checker.check(tree)
    faults.extend(checker.faults)
    if is_condition:
        faults.extend(_not_condition(shape, tree))
    seen = {(fault.offset, fault.rule): fault for fault in reversed(faults)}
    ordered = sorted(seen.values(), key=lambda fault: fault.offset)
    return Analysis(
        issues=tuple(_issue(text, fault) for fault in ordered),
        tree=tree,
        result=str(shape),
        _checker=checker,
    )


def _not_condition(shape: Shape, tree: Tree) -> list[Fault]:
    if not shape.types or shape.types & _BOOLEANS:
        return []
    return [Fault("fhirpath-no-condition", tree.offset, found=shape)]


def _issue(text: str, fault: Fault) -> Issue:
    error = FhirPathError(text, fault)
    (issue,) = error.issues
    return replace(issue, line=error.line, column=error.column)
