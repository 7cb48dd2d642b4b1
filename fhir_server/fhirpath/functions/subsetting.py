"""Subsetting: the first, the last, some of them; what two collections share.

Spec: http://hl7.org/fhirpath/N1/#subsetting
"""

from collections.abc import Callable

from fhir_server.fhirpath.compiled import Collection, Compiled, from_many, single
from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.functions.existence import without_duplicates
from fhir_server.fhirpath.functions.registry import COLLECTION, SAME, Function, Site, function
from fhir_server.fhirpath.value import key


def _cut(name: str, spec: str, cut: Callable[[Collection], Collection]) -> Function:
    @function(name, spec=spec, result=SAME, needs_order=name != "first")
    def build(site: Site) -> Compiled:
        source = site.source.many

        def many(focus: Collection, scope: Scope) -> Collection:
            return cut(source(focus, scope))

        return from_many(many, site.offset, reads_scope=site.source.reads_scope)

    return build


first = _cut("first", "5.3.3", lambda items: items[:1])
last = _cut("last", "5.3.4", lambda items: items[-1:])
tail = _cut("tail", "5.3.5", lambda items: items[1:])


@function("single", spec="5.3.2", result=SAME)
def single_(site: Site) -> Compiled:
    """Return the only item; several are an error."""
    source, offset = site.source.many, site.offset

    def many(focus: Collection, scope: Scope) -> Collection:
        items = source(focus, scope)
        single(items, offset, "single()")
        return items

    return from_many(many, offset, reads_scope=site.source.reads_scope)


def _cut_at(name: str, spec: str, cut: Callable[[Collection, int], Collection]) -> Function:
    @function(name, spec=spec, args=(COLLECTION,), result=SAME, needs_order=True)
    def build(site: Site, number: Compiled) -> Compiled:
        source, argument, offset = site.source.many, number.many, site.offset

        def many(focus: Collection, scope: Scope) -> Collection:
            item = single(argument(scope.this, scope), offset, f"{name}()")
            if item is None:
                return []
            if not isinstance(item.value, int) or isinstance(item.value, bool):
                raise site.fault(item.fhir_type, "Integer")
            return cut(source(focus, scope), item.value)

        reads_scope = site.source.reads_scope or number.constant is None
        return from_many(many, offset, reads_scope=reads_scope)

    return build


skip = _cut_at("skip", "5.3.6", lambda items, number: items[max(number, 0) :])
take = _cut_at("take", "5.3.7", lambda items, number: items[: max(number, 0)])


@function("intersect", spec="5.3.8", args=(COLLECTION,), result=SAME)
def intersect(site: Site, other: Compiled) -> Compiled:
    """Keep what both collections have, each once."""
    return _with_other(site, other, is_kept_if_shared=True)


@function("exclude", spec="5.3.9", args=(COLLECTION,), result=SAME)
def exclude(site: Site, other: Compiled) -> Compiled:
    """Keep what the other collection does not have, duplicates too."""
    return _with_other(site, other, is_kept_if_shared=False)


def _with_other(site: Site, other: Compiled, *, is_kept_if_shared: bool) -> Compiled:
    source, argument, offset = site.source.many, other.many, site.offset

    def many(focus: Collection, scope: Scope) -> Collection:
        items, others = source(focus, scope), argument(scope.this, scope)
        scope.run.spend(len(items) + len(others), offset)
        shared = set(map(key, others))
        kept = [item for item in items if (key(item) in shared) is is_kept_if_shared]
        return without_duplicates(kept) if is_kept_if_shared else kept

    return from_many(many, offset, reads_scope=True)
