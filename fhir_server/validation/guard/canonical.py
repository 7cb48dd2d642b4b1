"""What a profile names is here (value sets, profiles, checks), and its own name is free.

Spec: https://hl7.org/fhir/R4/references.html#canonical
"""

from collections.abc import Iterator

from fhir_server.validation.checks import CHECKS
from fhir_server.validation.finding import Finding
from fhir_server.validation.guard.draft import Draft, Said

_IMPLICIT = "?fhir_vs"
"""Of value sets that nobody wrote down: https://hl7.org/fhir/R4/snomedct.html#implicit"""


def check(draft: Draft) -> Iterator[Finding]:
    """Report names that lead to nothing; whoever stores definitions one by one may do so yet."""
    yield from _taken(draft)
    for said in draft.said():
        yield from _value_set(said, draft)
        for name in said.element.checks:
            if "extension" in said.definition and name not in CHECKS:
                yield said.finding("guard-check-unknown", "extension", found=name)
        if "type" not in said.definition:
            continue
        for ref in said.element.types:
            for canonical in (*ref.profiles, *ref.target_profiles):
                if not _is_here(canonical, draft):
                    yield said.finding("guard-profile-unknown", "type", found=canonical)


def _taken(draft: Draft) -> Iterator[Finding]:
    """Report a canonical URL that another definition has in the same version."""
    url, version = draft.structure.url, draft.structure.version
    known = draft.registry.resource("StructureDefinition", f"{url}|{version}" if version else url)
    if known is None or known.get("version") != version:
        return
    if known.get("id") != draft.definition.get("id"):
        other = f"StructureDefinition/{known.get('id')}"
        yield Finding("canonical-taken", at=(("url", "url"),), found=url, other=other)


def _is_here(canonical: str, draft: Draft) -> bool:
    url = canonical.partition("#")[0]
    return url == draft.structure.url or draft.registry.structure(url) is not None


def _value_set(said: Said, draft: Draft) -> Iterator[Finding]:
    binding = said.element.binding
    if "binding" not in said.definition or binding is None or binding.value_set is None:
        return
    canonical = binding.value_set
    is_implicit = canonical.startswith("#") or _IMPLICIT in canonical
    kinds = ("ValueSet", "CodeSystem", "StructureDefinition")  # of others `binding-to-other` tells
    if not is_implicit and not any(draft.registry.resource(kind, canonical) for kind in kinds):
        yield said.finding(
            "guard-value-set-unknown", "binding", "valueSet",
            found=canonical, expected=binding.strength,
        )  # fmt: skip
