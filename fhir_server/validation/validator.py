"""The validator: `RULES` is what is checked of each value, in order.

Spec: https://hl7.org/fhir/R4/validation.html
"""

from collections.abc import Sequence
from itertools import islice

from fhir_server.definitions import Registry
from fhir_server.model import Issue, JsonObject, issue
from fhir_server.terminology import Terminology
from fhir_server.validation.cause import one_for_each_cause, told
from fhir_server.validation.finding import has_error, to_issue
from fhir_server.validation.mend import with_safe_removals
from fhir_server.validation.options import ValidationOptions
from fhir_server.validation.plan_table import PlanTable
from fhir_server.validation.rules import (
    aggregation,
    attachment,
    binding,
    coding,
    fixed,
    invariant,
    limit,
    profile,
    reference,
    registered,
)
from fhir_server.validation.scope import ReferenceResolver, Run, Scope
from fhir_server.validation.strictness import as_strict

RULES = (
    fixed,
    registered,
    limit,
    attachment,
    coding,
    binding,
    reference,
    aggregation,
    profile,
    invariant,
)
"""The concerns of ElementDefinition, in the order in which a value meets them. Before them the
walk itself
has checked JSON shape, names, choices, primitive syntax and cardinality; after them come slices."""


class Validator:
    """Validates resources against the definitions of one registry; may be used by many threads.

    Plans of types and profiles are made when they are first met, so the first resource of a type
    takes longer than the next.

    Args:
        registry: The definitions; another registry needs another validator.
        terminology: Of the same registry.
        options: How strict.
    """

    def __init__(
        self,
        registry: Registry,
        terminology: Terminology,
        options: ValidationOptions | None = None,
    ) -> None:
        self.registry = registry
        self.options = options or ValidationOptions()
        self._table = PlanTable(registry, terminology, self.options, RULES)

    def validate(
        self,
        resource: JsonObject,
        *,
        profiles: Sequence[str] = (),
        resolver: ReferenceResolver | None = None,
        is_strict: bool = False,
        tells_remarks: bool = True,
    ) -> list[Issue]:
        """Check a resource against R4 and the profiles given, claimed, or demanded of its type.

        Args:
            resource: Decoded JSON; not changed.
            profiles: Canonicals of further profiles.
            resolver: Gives the targets of references that lie outside; without one they are not
                looked at.
            is_strict: Judge as HL7's validator does, see `strictness`.
            tells_remarks: Whether to word what was found where no error is among it: 10 µs each.

        Returns:
            All findings, those of the base definitions first, with pointer and expression; at
            most ``max_issues`` and one that says there are more.
        """
        scope = Scope(Run(self._table, resolver, is_strict=is_strict), resource)
        found = self._table.resources.check(resource, scope, profiles)
        if found is None or not (tells_remarks or is_strict or has_error(found)):
            return []
        resource_type = resource.get("resourceType")
        name = resource_type if isinstance(resource_type, str) else "Resource"
        issues = [
            told(finding, to_issue(finding, name))
            for finding in islice(found, self.options.max_issues)
        ]
        if is_strict:
            language = resource.get("language")
            spoken = language if isinstance(language, str) else None
            issues = [each._replace(issue=as_strict(each.issue, spoken)) for each in issues]
        unique = one_for_each_cause(
            list({(i.issue.rule, i.issue.pointer, i.issue.text.en): i for i in issues}.values())
        )
        unique = with_safe_removals(unique, resource, profiles, self.registry)
        if len(found) > self.options.max_issues:
            unique.append(
                issue("too-many-issues", found=len(found), expected=self.options.max_issues)
            )
        return unique
