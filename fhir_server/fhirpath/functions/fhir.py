"""The functions that FHIR adds.

Spec: https://hl7.org/fhir/R4/fhirpath.html#functions
"""

from typing import Any

from fhir_server.fhirpath import reference
from fhir_server.fhirpath.compiled import Collection, Compiled, from_many, from_truth, single
from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.errors import Fault
from fhir_server.fhirpath.functions.registry import BOOLEAN, COLLECTION, SAME, Site, function
from fhir_server.fhirpath.narrative import is_safe_narrative
from fhir_server.fhirpath.navigation import member
from fhir_server.fhirpath.node import Node


@function("extension", spec="R4 extension", args=(COLLECTION,), result="Extension")
def extension(site: Site, url: Compiled) -> Compiled:
    """Return the extensions with a URL."""
    source, argument, offset = site.source.many, url.many, site.offset
    members = site.navigator.member("extension")

    def many(focus: Collection, scope: Scope) -> Collection:
        found: Collection = []
        wanted = single(argument(scope.this, scope), offset, "extension()")
        if wanted is None:
            return found
        for item in source(focus, scope):
            value = item.value
            holder = value if value.__class__ is dict else item.sibling
            if holder is None or "extension" not in holder:
                continue
            extensions: Collection = []
            member(item, members, extensions)
            found.extend(e for e in extensions if _url(e) == wanted.value)
        return found

    reads_scope = site.source.reads_scope or url.constant is None
    return from_many(many, offset, reads_scope=reads_scope)


def _url(item: Node) -> Any:
    return item.value.get("url") if isinstance(item.value, dict) else None


@function("hasExtension", spec="R4B hasExtension", args=(COLLECTION,), result=BOOLEAN)
def has_extension(site: Site, url: Compiled) -> Compiled:
    """Say whether there is an extension with a URL; one search parameter of R4 asks so."""
    found = extension.compile(site, url)
    return from_truth(found.some, reads_scope=found.reads_scope)


@function("hasValue", spec="R4 hasValue", result=BOOLEAN)
def has_value(site: Site) -> Compiled:
    """Say whether the only item is a primitive with a value, not with extensions alone."""
    source = site.source.many
    is_primitive = site.navigator.model.is_primitive

    def truth(focus: Collection, scope: Scope) -> bool:
        items = source(focus, scope)
        if len(items) != 1:
            return False
        item = items[0]
        return item.value is not None and (
            item.fhir_type.startswith("System.") or is_primitive(item.fhir_type)
        )

    return from_truth(truth, reads_scope=site.source.reads_scope)


@function("getValue", spec="R4 getValue")
def get_value(site: Site) -> Compiled:
    """Return the value of the only item as FHIRPath's own type."""
    source = site.source.many

    def many(focus: Collection, scope: Scope) -> Collection:
        items = source(focus, scope)
        return [] if len(items) != 1 else reference.system_value(items[0])

    return from_many(many, site.offset, reads_scope=site.source.reads_scope)


@function("resolve", spec="R4 resolve")
def resolve(site: Site) -> Compiled:
    """Return what references, canonicals and URLs point to; what cannot be found is left out."""
    source, model, offset = site.source.many, site.navigator.model, site.offset

    def many(focus: Collection, scope: Scope) -> Collection:
        items = source(focus, scope)
        scope.run.spend(len(items), offset)
        targets = (reference.resolve(item, scope, model) for item in items)
        return [target for target in targets if target is not None]

    return from_many(many, offset, reads_scope=site.source.reads_scope)


@function("memberOf", spec="R4 memberOf", args=(COLLECTION,), result=BOOLEAN)
def member_of(site: Site, value_set: Compiled) -> Compiled:
    """Say whether the only item is in a value set; the host answers."""
    return _ask_host(site, value_set, "member_of")


@function("conformsTo", spec="R4 conformsTo", args=(COLLECTION,), result=BOOLEAN)
def conforms_to(site: Site, profile: Compiled) -> Compiled:
    """Say whether the only item is valid against a profile; the host answers."""
    return _ask_host(site, profile, "conforms_to")


def _ask_host(site: Site, canonical: Compiled, question: str) -> Compiled:
    source, argument, offset, name = site.source.many, canonical.many, site.offset, f"{site.name}()"

    def truth(focus: Collection, scope: Scope) -> bool | None:
        item = single(source(focus, scope), offset, name)
        about = single(argument(scope.this, scope), offset, name)
        if item is None or about is None:
            return None
        host = scope.run.env.host
        answer: bool | None = None if host is None else getattr(host, question)(item, about.value)
        if answer is None:
            raise Fault("fhirpath-not-available", offset, function=name, found=about.value)
        return answer

    return from_truth(truth, reads_scope=True)


@function("subsumes", spec="R4 subsumes", args=(COLLECTION,), result=BOOLEAN)
def subsumes(site: Site, other: Compiled) -> Compiled:
    """Say whether the only code is, or is above, another one; the host answers."""
    return _compare_codes(site, other, is_above=True)


@function("subsumedBy", spec="R4 subsumedBy", args=(COLLECTION,), result=BOOLEAN)
def subsumed_by(site: Site, other: Compiled) -> Compiled:
    """Say whether the only code is, or is below, another one; the host answers."""
    return _compare_codes(site, other, is_above=False)


def _compare_codes(site: Site, other: Compiled, *, is_above: bool) -> Compiled:
    source, argument, offset, name = site.source.many, other.many, site.offset, f"{site.name}()"
    model = site.navigator.model

    def truth(focus: Collection, scope: Scope) -> bool | None:
        item = single(source(focus, scope), offset, name)
        about = single(argument(scope.this, scope), offset, name)
        if item is None or about is None:
            return None
        ask = getattr(scope.run.env.host, "subsumes", None)
        pair = (item, about) if is_above else (about, item)
        answer: bool | None = None if ask is None else ask(*pair)
        if answer is None:
            raise Fault("fhirpath-not-available", offset, function=name, found=about.path(model))
        return answer

    return from_truth(truth, reads_scope=True)


@function("htmlChecks", spec="R4 htmlChecks", result=BOOLEAN)
def html_checks(site: Site) -> Compiled:
    """Say whether a narrative has some content and only what FHIR allows."""
    source = site.source.many

    def truth(focus: Collection, scope: Scope) -> bool:
        return all(
            isinstance(item.value, str) and is_safe_narrative(item.value)
            for item in source(focus, scope)
        )

    return from_truth(truth, reads_scope=site.source.reads_scope)


@function("elementDefinition", spec="R4 elementDefinition", result="ElementDefinition")
def element_definition(site: Site) -> Compiled:
    """Return the ElementDefinition of each item, as far as the host knows it."""
    source, offset, model = site.source.many, site.offset, site.navigator.model

    def many(focus: Collection, scope: Scope) -> Collection:
        items = source(focus, scope)
        ask = getattr(scope.run.env.host, "element_definition", None)
        if ask is None:
            if not items:
                return []
            name, found = "elementDefinition()", items[0].path(model)
            raise Fault("fhirpath-not-available", offset, function=name, found=found)
        definitions = (ask(item) for item in items)
        return [definition for definition in definitions if definition is not None]

    return from_many(many, offset, reads_scope=site.source.reads_scope)


@function("slice", spec="R4 slice", args=(COLLECTION, COLLECTION), result=SAME)
def slice_(site: Site, structure: Compiled, name: Compiled) -> Compiled:
    """Keep the items that belong to a slice of a profile; the host decides."""
    source, offset = site.source.many, site.offset

    def many(focus: Collection, scope: Scope) -> Collection:
        profile = single(structure.many(scope.this, scope), offset, "slice()")
        wanted = single(name.many(scope.this, scope), offset, "slice()")
        if profile is None or wanted is None:
            return []
        ask = getattr(scope.run.env.host, "in_slice", None)
        kept: Collection = []
        for item in source(focus, scope):
            verdict = None if ask is None else ask(item, profile.value, wanted.value)
            if verdict is None:
                raise Fault(
                    "fhirpath-not-available", offset, function="slice()", found=profile.value
                )
            if verdict:
                kept.append(item)
        return kept

    return from_many(many, offset, reads_scope=True)


@function(
    "checkModifiers",
    spec="R4 checkModifiers",
    args=(COLLECTION,),
    required=0,
    is_variadic=True,
    result=SAME,
)
def check_modifiers(site: Site, *known: Compiled) -> Compiled:
    """Return the input; a modifier extension that is not named here stops the evaluation."""
    source, offset = site.source.many, site.offset
    members = site.navigator.member("modifierExtension")

    def many(focus: Collection, scope: Scope) -> Collection:
        allowed = {item.value for url in known for item in url.many(scope.this, scope)}
        items = source(focus, scope)
        for item in items:
            found: Collection = []
            member(item, members, found)
            for modifier in found:
                if _url(modifier) not in allowed:
                    raise site.fault(_url(modifier), sorted(map(str, allowed)))
        return items

    return from_many(many, offset, reads_scope=True)
