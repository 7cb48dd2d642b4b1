"""Sums and extremes of a collection, and the first of several that is not empty.

Spec: https://hl7.org/fhirpath/#aggregates (STU)
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhir_server.fhirpath import calculation
from fhir_server.fhirpath.compiled import Collection, Compiled, from_many
from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.functions.registry import COLLECTION, SAME, Function, Site, function
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.value import compare, plain, wrap_all

_SPEC = "STU aggregates"


def _total(site: Site, items: Collection) -> Any:
    """Add the values up; None where one is missing, units do not fit, or it runs out of bounds."""
    total: Any = None
    for item in items:
        value = plain(item)
        if value is None:
            return None
        total = value if total is None else calculation.add(total, value)
        if total is None:
            return None
        if total is NotImplemented or isinstance(value, bool):
            raise site.fault(item.fhir_type, "Integer, Decimal, Quantity, String")
    return total


def _aggregate(name: str, result: str | None, compute: Callable[[Site, Collection], Any]) -> Any:
    @function(name, spec=_SPEC, result=result)
    def build(site: Site) -> Compiled:
        source, offset = site.source.many, site.offset

        def many(focus: Collection, scope: Scope) -> Collection:
            items = source(focus, scope)
            scope.run.spend(len(items), offset)
            if not items:
                return []
            found = compute(site, items)
            return [found] if isinstance(found, Node) else wrap_all(found)

        return from_many(many, offset, reads_scope=site.source.reads_scope)

    return build


def _average(site: Site, items: Collection) -> Any:
    total = _total(site, items)
    if total is None:
        return None
    average = calculation.divide(total, Decimal(len(items)))
    if average is NotImplemented:
        raise site.fault(items[0].fhir_type, "Integer, Decimal, Quantity")
    return average


def _extreme(sign: int) -> Callable[[Site, Collection], Any]:
    def find(site: Site, items: Collection) -> Any:
        best = items[0]
        for item in items[1:]:
            order = compare(item, best, f"{site.name}()", site.offset)
            if order is None:
                return None
            if order * sign > 0:
                best = item
        return best

    return find


sum_: Function = _aggregate("sum", None, _total)
average: Function = _aggregate("avg", None, _average)
least: Function = _aggregate("min", SAME, _extreme(-1))
greatest: Function = _aggregate("max", SAME, _extreme(1))


@function("coalesce", spec="STU coalesce", args=(COLLECTION,), is_variadic=True)
def coalesce(site: Site, *candidates: Compiled) -> Compiled:
    """Return the first argument that is not empty; those behind it are not evaluated."""

    def many(_focus: Collection, scope: Scope) -> Collection:
        for candidate in candidates:
            if found := candidate.many(scope.this, scope):
                return found
        return []

    return from_many(many, site.offset, reads_scope=True)
