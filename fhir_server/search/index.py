"""What a resource is found by: its values for every search parameter of its type.

Spec: https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Iterator, Sequence

from fhir_server.definitions import Registry
from fhir_server.fhirpath import ucum
from fhir_server.model import JsonObject
from fhir_server.search.contained import (
    CONTAINED,
    contained_by_id,
    contained_key,
    renamed,
)
from fhir_server.search.full_text import FullText
from fhir_server.search.full_text import writers as full_text_writers
from fhir_server.search.gathered import CanonicalUnit, Gathered, IndexOptions
from fhir_server.search.plan import PlanCompiler, TypePlan
from fhir_server.search.values import IndexValues, ReferenceValue


class IndexExtractor:
    """Extracts index values; the plan of a type is made when its first resource comes.

    Args:
        registry: The definitions.
        base_urls: Own base URLs, without trailing slash: absolute links below them are local.
        canonical_unit: Gives quantities in canonical units; None: they are indexed as written only.
        full_text: What is indexed by words.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        base_urls: Sequence[str] = (),
        canonical_unit: CanonicalUnit | None = ucum.canonical,
        full_text: FullText = "off",
    ) -> None:
        self._registry = registry
        self._options = IndexOptions(base_urls=tuple(base_urls), canonical_unit=canonical_unit)
        self._word_writers = full_text_writers(full_text)
        self._plans: dict[str, TypePlan] = {}
        self._reference_plans: dict[tuple[str, str], TypePlan] = {}

    def extract(self, resource: JsonObject) -> IndexValues:
        """Return everything a resource is found by.

        The resource is one that validation let pass; whatever is of a wrong shape is left out.
        ``_lastUpdated`` comes from ``meta`` like anything else, ``_id`` is not indexed.

        Args:
            resource: With ``id`` and ``meta`` as it will be stored.
        """
        into = Gathered(resource)
        self._plan(resource["resourceType"]).run(resource, into)
        if "contained" in resource:
            self._look_into_contained(into)
        return into.values()

    def contained(
        self, resource: JsonObject, resource_type: str
    ) -> Iterator[tuple[JsonObject, IndexValues]]:
        """Yield contained resources of one type, in order, each with what it is found by itself."""
        for inner in contained_by_id(resource).values():
            if inner.get("resourceType") == resource_type:
                yield inner, self._inside(inner, resource_type).values()

    def references(self, resource: JsonObject, parameter: str) -> tuple[ReferenceValue, ...]:
        """Return only what one reference parameter says: for includes."""
        resource_type = resource["resourceType"]
        plan = self._reference_plans.get((resource_type, parameter))
        if plan is None:
            definition = self._registry.search_parameters(resource_type).get(parameter)
            plan = PlanCompiler(self._registry, self._options, resource_type).plan(
                () if definition is None else (definition,)
            )
            self._reference_plans[resource_type, parameter] = plan
        into = Gathered(resource)
        plan.run(resource, into)
        return tuple(into.values().references)

    def _plan(self, resource_type: str) -> TypePlan:
        plan = self._plans.get(resource_type)
        if plan is None:
            compiler = PlanCompiler(self._registry, self._options, resource_type)
            parameters = self._registry.search_parameters(resource_type).values()
            plan = self._plans[resource_type] = compiler.plan(parameters)
            plan.whole += self._word_writers
        return plan

    def _look_into_contained(self, into: Gathered) -> None:
        links: dict[str, dict[str, None]] = {}
        for parameter, inner_id in into.contained_links:
            links.setdefault(inner_id, {})[parameter] = None
        known = self._registry.types.resource_types
        for inner_id, inner in contained_by_id(into.resource).items():
            inner_type = inner.get("resourceType")
            if inner_type.__class__ is str and inner_type in known:
                into.found.append(contained_key(inner))
                found = self._inside(inner, inner_type).found
                for parameter in (CONTAINED, *links.get(inner_id, ())):
                    into.found.extend(renamed(found, parameter, inner_type))

    def _inside(self, inner: JsonObject, inner_type: str) -> Gathered:
        inside = Gathered(inner)
        self._plan(inner_type).run(inner, inside)
        return inside
