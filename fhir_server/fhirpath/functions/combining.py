"""Combining collections.

Spec: http://hl7.org/fhirpath/N1/#combining
"""

from fhir_server.fhirpath.compiled import Collection, Compiled, from_many
from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.functions.existence import without_duplicates
from fhir_server.fhirpath.functions.registry import COLLECTION, Site, function


@function("union", spec="5.4.1", args=(COLLECTION,))
def union(site: Site, other: Compiled) -> Compiled:
    """Put both together, equal items once."""
    source, argument, offset = site.source.many, other.many, site.offset

    def many(focus: Collection, scope: Scope) -> Collection:
        items = source(focus, scope) + argument(scope.this, scope)
        scope.run.spend(len(items), offset)
        return without_duplicates(items)

    return from_many(many, offset, reads_scope=True)


@function("combine", spec="5.4.2", args=(COLLECTION,))
def combine(site: Site, other: Compiled) -> Compiled:
    """Put both together, everything kept."""
    source, argument, offset = site.source.many, other.many, site.offset

    def many(focus: Collection, scope: Scope) -> Collection:
        items = source(focus, scope) + argument(scope.this, scope)
        scope.run.spend(len(items), offset)
        return items

    return from_many(many, offset, reads_scope=True)
