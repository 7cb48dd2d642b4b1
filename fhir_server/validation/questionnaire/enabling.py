"""Is an item enabled: ``enableWhen`` with all operators, and enabling expressions.

Three answers: enabled, disabled, and None where the content leaves it open; nothing is demanded or
refused then.

Spec: https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen
"""

from collections.abc import Iterable, Mapping, Sequence

from fhir_server.fhirpath import Env, Expression, FhirPathError, Node, compile_expression, node
from fhir_server.model import JsonObject
from fhir_server.validation.questionnaire.chain import Chain, Filled
from fhir_server.validation.questionnaire.comparison import Comparison
from fhir_server.validation.questionnaire.form import Form, FormItem, extension_values
from fhir_server.validation.questionnaire.value import Value, value_of
from fhir_server.validation.reading import objects, text_of
from fhir_server.validation.scope import Scope

EXPRESSIONS = (
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression",
    "http://phr.kanta.fi/StructureDefinition/fiphr-ext-questionnaire-enablewhen",
)
_VARIABLE = "http://hl7.org/fhir/StructureDefinition/variable"
_LANGUAGE = "text/fhirpath"
_MOST_EXPRESSIONS = 2_000


class Enabling:
    """Evaluates conditions; may be used by several threads."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison
        self._expressions: dict[str, Expression] = {}

    def is_enabled(self, item: FormItem, chain: Chain, response: Filled) -> bool | None:
        """Say whether an item is enabled, apart from the items around it."""
        expression = item.value(*EXPRESSIONS)
        if expression is not None:
            return self._by_expression(expression, item, response.form, response.scope)
        conditions = [condition for _, condition in objects(item.json, "enableWhen")]
        if not conditions:
            return True
        verdicts = {self._meets(condition, chain, response) for condition in conditions}
        if len(verdicts) == 1:
            return verdicts.pop()
        behaviour = item.json.get("enableBehavior")
        if behaviour == "any":
            return True if True in verdicts else None
        if behaviour == "all":
            return False if False in verdicts else None
        return None

    def _meets(self, condition: JsonObject, chain: Chain, response: Filled) -> bool | None:
        target = response.form.by_link_id.get(text_of(condition, "question") or "")
        expected = value_of(condition, "answer")
        if target is None or expected is None:
            return None
        answers = response.answers.of(target, chain)
        operator = text_of(condition, "operator")
        if operator == "exists":
            return bool(answers) is expected.json
        if operator == "!=":
            return self._differs(answers, expected)
        return _any(self._comparison.holds(str(operator), answer, expected) for answer in answers)

    def _differs(self, answers: Sequence[Value], expected: Value) -> bool | None:
        """No answer is equal; whether no answer at all is enough, the specification leaves open."""
        if not answers:
            return None
        is_equal = _any(self._comparison.holds("=", answer, expected) for answer in answers)
        return None if is_equal is None else not is_equal

    # -- expressions

    def _by_expression(self, value: Value, item: FormItem, form: Form, scope: Scope) -> bool | None:
        text = _fhirpath(value)
        if text is None:
            return None
        variables = self._variables(item, form, scope)
        variables["qitem"] = (node(item.json, "Questionnaire.item"),)
        found = self._evaluate(text, variables, scope)
        if found is None or len(found) > 1:
            return None
        return bool(found) and found[0].value is not False

    def _variables(self, item: FormItem, form: Form, scope: Scope) -> dict[str, Sequence[Node]]:
        """Evaluate variables from the Questionnaire down to the item; what fails stays unknown."""
        known: dict[str, Sequence[Node]] = {"questionnaire": (node(form.json, "Questionnaire"),)}
        way = [form.by_link_id[link_id].extensions for link_id in item.above]
        for extensions in (extension_values(form.json), *way, item.extensions):
            for variable in extensions.get(_VARIABLE, ()):
                if variable.fhir_type != "Expression":
                    continue
                text, name = _fhirpath(variable), text_of(variable.json, "name")
                found = None if text is None else self._evaluate(text, known, scope)
                if found is not None and name is not None:
                    known[name] = found
        return known

    def _evaluate(
        self, text: str, variables: Mapping[str, Sequence[Node]], scope: Scope
    ) -> list[Node] | None:
        table = scope.run.table
        try:
            expression = self._expressions.get(text)
            if expression is None:
                expression = compile_expression(text, table.registry.types)
                if len(self._expressions) < _MOST_EXPRESSIONS:
                    self._expressions[text] = expression
            env: Env = table.environment(scope, variables)
            return expression.evaluate(table.root_node(scope), env)
        except FhirPathError:
            return None


def _fhirpath(value: Value) -> str | None:
    """Return the text of an expression in FHIRPath; None: it is in another language."""
    if value.fhir_type == "Expression":
        if value.json.get("language") != _LANGUAGE:
            return None
        return text_of(value.json, "expression")
    return value.json if isinstance(value.json, str) else None


def _any(verdicts: Iterable[bool | None]) -> bool | None:
    met = set(verdicts)
    if True in met:
        return True
    return None if None in met else False
