"""Filtering and projection.

Spec: http://hl7.org/fhirpath/N1/#filtering-and-projection
"""

from fhir_server.fhirpath.compiled import Collection, Compiled, from_many
from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.functions.iteration import per_item
from fhir_server.fhirpath.functions.registry import EXPRESSION, SAME, TYPE, Site, function
from fhir_server.fhirpath.types import IsType
from fhir_server.fhirpath.value import key


@function("where", spec="5.2.1", args=(EXPRESSION,), result=SAME)
def where(site: Site, criteria: Compiled) -> Compiled:
    """Keep the items for which the criteria are true."""
    source, offset = site.source.many, site.offset
    each = per_item(criteria, criteria.truth)

    def many(focus: Collection, scope: Scope) -> Collection:
        items = source(focus, scope)
        scope.run.spend(len(items), offset)
        return [item for i, item in enumerate(items) if each(item, i, scope)]

    def some(focus: Collection, scope: Scope) -> bool:
        items = source(focus, scope)
        scope.run.spend(len(items), offset)
        return any(each(item, i, scope) for i, item in enumerate(items))

    return from_many(many, offset, some=some, reads_scope=site.source.reads_scope)


@function("select", spec="5.2.2", args=(EXPRESSION,))
def select(site: Site, projection: Compiled) -> Compiled:
    """Put the results of the projection of each item into one collection."""
    source, offset = site.source.many, site.offset
    each = per_item(projection, projection.many)

    def many(focus: Collection, scope: Scope) -> Collection:
        found: Collection = []
        for i, item in enumerate(source(focus, scope)):
            found.extend(each(item, i, scope))
            scope.run.spend(1 + len(found) // 1000, offset)
        return found

    return from_many(many, offset, reads_scope=site.source.reads_scope)


@function("repeat", spec="5.2.3", args=(EXPRESSION,))
def repeat(site: Site, projection: Compiled) -> Compiled:
    """Apply the projection to its own results until nothing new comes."""
    source, offset = site.source.many, site.offset
    each = per_item(projection, projection.many)

    def many(focus: Collection, scope: Scope) -> Collection:
        found: Collection = []
        seen: set[object] = set()
        waiting = source(focus, scope)
        while waiting:
            results: Collection = []
            for i, item in enumerate(waiting):
                results.extend(each(item, i, scope))
            scope.run.spend(len(waiting) + len(results), offset)
            waiting = []
            for item in results:
                identity = key(item)
                if identity not in seen:
                    seen.add(identity)
                    waiting.append(item)
            found.extend(waiting)
        return found

    return from_many(many, offset, reads_scope=site.source.reads_scope)


@function("repeatAll", spec="5.2.4", args=(EXPRESSION,))
def repeat_all(site: Site, projection: Compiled) -> Compiled:
    """Apply the projection to its own results, equal ones included, until nothing comes."""
    source, offset = site.source.many, site.offset
    each = per_item(projection, projection.many)

    def many(focus: Collection, scope: Scope) -> Collection:
        found: Collection = []
        waiting = source(focus, scope)
        while waiting:
            results: Collection = []
            for i, item in enumerate(waiting):
                results.extend(each(item, i, scope))
            scope.run.spend(len(waiting) + len(results), offset)
            found.extend(results)
            waiting = results
        return found

    return from_many(many, offset, reads_scope=site.source.reads_scope)


@function("ofType", spec="5.2.4", args=(TYPE,))
def of_type(site: Site, is_type: IsType) -> Compiled:
    """Keep the items of a type."""
    source = site.source.many

    def many(focus: Collection, scope: Scope) -> Collection:
        return [item for item in source(focus, scope) if is_type(item.fhir_type)]

    return from_many(many, site.offset, reads_scope=site.source.reads_scope)
