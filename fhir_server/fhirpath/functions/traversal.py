"""Tree navigation, and types as functions.

Spec: http://hl7.org/fhirpath/N1/#tree-navigation and http://hl7.org/fhirpath/N1/#types-1
"""

from fhir_server.fhirpath.compiled import Collection, Compiled, from_many, from_truth, single
from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.functions.registry import BOOLEAN, TYPE, Site, function
from fhir_server.fhirpath.types import IsType, type_info


@function("children", spec="5.8.1")
def children(site: Site) -> Compiled:
    """Return everything one level down."""
    source, navigator, offset = site.source.many, site.navigator, site.offset

    def many(focus: Collection, scope: Scope) -> Collection:
        found: Collection = []
        for item in source(focus, scope):
            found.extend(navigator.children(item))
        scope.run.spend(len(found), offset)
        return found

    return from_many(many, offset, reads_scope=site.source.reads_scope)


@function("descendants", spec="5.8.2")
def descendants(site: Site) -> Compiled:
    """Return everything below, level by level."""
    source, navigator, offset = site.source.many, site.navigator, site.offset

    def many(focus: Collection, scope: Scope) -> Collection:
        found: Collection = []
        level = source(focus, scope)
        while level:
            level = [child for item in level for child in navigator.children(item)]
            scope.run.spend(len(level), offset)
            found.extend(level)
        return found

    return from_many(many, offset, reads_scope=site.source.reads_scope)


@function("type", spec="STU type", result="System.SimpleTypeInfo")
def type_(site: Site) -> Compiled:
    """Return namespace and name of each item's type."""
    source, model = site.source.many, site.navigator.model

    def many(focus: Collection, scope: Scope) -> Collection:
        return [type_info(item, model) for item in source(focus, scope)]

    return from_many(many, site.offset, reads_scope=site.source.reads_scope)


@function("is", spec="6.3.2", args=(TYPE,), result=BOOLEAN)
def is_(site: Site, is_type: IsType) -> Compiled:
    """Say whether the only item is of a type."""
    return compile_is(site.source, is_type, site.offset)


@function("as", spec="6.3.4", args=(TYPE,))
def as_(site: Site, is_type: IsType) -> Compiled:
    """Return the only item if it is of a type.

    R4's own invariants (dom-3) call it on many; only a strict evaluation takes that for an error.
    """
    return compile_as(site.source, is_type, site.offset, is_strict=site.is_strict)


def compile_is(source: Compiled, is_type: IsType, offset: int) -> Compiled:
    """Compile ``is`` in both of its spellings."""
    inner = source.many

    def truth(focus: Collection, scope: Scope) -> bool | None:
        item = single(inner(focus, scope), offset, "is")
        return None if item is None else is_type(item.fhir_type)

    return from_truth(truth, reads_scope=source.reads_scope)


def compile_as(source: Compiled, is_type: IsType, offset: int, *, is_strict: bool) -> Compiled:
    """Compile ``as`` in both of its spellings."""
    inner = source.many

    def many(focus: Collection, scope: Scope) -> Collection:
        items = inner(focus, scope)
        if is_strict:
            single(items, offset, "as")
        return [item for item in items if is_type(item.fhir_type)]

    return from_many(many, offset, reads_scope=source.reads_scope)
