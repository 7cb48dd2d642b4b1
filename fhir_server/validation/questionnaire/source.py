"""The Questionnaire of a response: contained, known by its canonical, or beside it in a Bundle.

Spec: https://hl7.org/fhir/R4/questionnaireresponse-definitions.html#QuestionnaireResponse.questionnaire
"""

from fhir_server.model import JsonObject, split_canonical
from fhir_server.validation.questionnaire.form import Form
from fhir_server.validation.reading import objects
from fhir_server.validation.reference_target import find_target
from fhir_server.validation.scope import Plans, Run, Scope

_KIND = "Questionnaire"
_MOST_FORMS = 500
"""Prepared Questionnaires kept; one of 100 items takes about 0.2 MB."""


class Forms:
    """Finds Questionnaires and keeps those of the registry prepared."""

    def __init__(self, table: Plans) -> None:
        self._table = table
        self._prepared: dict[str, Form] = {}

    def find(self, canonical: str, scope: Scope) -> Form | None:
        """Return the Questionnaire; None: it is not here."""
        if canonical.startswith("#"):
            target = find_target(canonical, scope)
            return None if target is None else self._form(target.resource, scope.root)
        prepared = self._prepared.get(canonical)
        if prepared is not None:
            return prepared
        definition = self._table.registry.resource(_KIND, canonical)
        if definition is None:
            return self._beside(canonical, scope)
        form = Form(definition, self._table.terminology, self._is_sound)
        if len(self._prepared) < _MOST_FORMS:
            self._prepared[canonical] = form
        return form

    def versions(self, canonical: str) -> tuple[str, ...]:
        """Return the canonicals of the versions of a Questionnaire that are here."""
        url = split_canonical(canonical)[0]
        entries = self._table.registry.listing(_KIND)
        return tuple(f"{url}|{e.version}" for e in entries if e.url == url and e.version)

    def _beside(self, canonical: str, scope: Scope) -> Form | None:
        """Look in the Bundle around the response, then follow the canonical like a reference."""
        url, version, _ = split_canonical(canonical)
        for resource in _neighbours(scope):
            if resource.get("url") == url and version in (None, resource.get("version")):
                return self._form(resource)
        target = find_target(canonical, scope)
        return None if target is None else self._form(target.resource)

    def _form(self, resource: JsonObject, container: JsonObject | None = None) -> Form | None:
        if resource.get("resourceType") != _KIND:
            return None
        return Form(resource, self._table.terminology, self._is_sound, container)

    def _is_sound(self, definition: JsonObject) -> bool:
        """Say whether a contained value set or code system can be used.

        It may lack what only a definition of its own needs, such as a status.
        """
        kind = definition["resourceType"]
        scope = Scope(Run(self._table, None), definition)
        found = self._table.type_check(kind)(definition, definition, scope) or ()
        may_lack = kind == "ValueSet"
        return not any(finding.is_error and (finding.steps or not may_lack) for finding in found)


def _neighbours(scope: Scope) -> list[JsonObject]:
    found: list[JsonObject] = []
    holder = scope.holder
    while holder is not None:
        for _, entry in objects(holder.resource, "entry"):
            resource = entry.get("resource")
            if isinstance(resource, dict) and resource.get("resourceType") == _KIND:
                found.append(resource)
        holder = holder.holder
    return found
