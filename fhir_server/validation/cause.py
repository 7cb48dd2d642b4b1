"""One cause, one issue: findings that only repeat what another one has said are left out.

A code that its system does not have is in no value set either; an element whose name is misspelt is
missing under its right name, and what invariants ask of it fails.
"""

from collections.abc import Iterable

from fhir_server.model import Issue

_BINDINGS = frozenset(("binding-required", "binding-extensible"))


def one_for_each_cause(issues: list[Issue]) -> list[Issue]:
    """Leave out consequences of other findings."""
    unknown_codes = [i for i in issues if i.rule == "code-unknown" and i.is_error]
    renames = [i for i in issues if i.rule == "property-unknown" and i.patch is not None]
    if not unknown_codes and not renames:
        return issues
    return [
        found
        for found in issues
        if not _repeats_code(found, unknown_codes) and not _follows_rename(found, renames)
    ]


def _repeats_code(found: Issue, unknown: Iterable[Issue]) -> bool:
    if found.rule not in _BINDINGS or found.found is None:
        return False
    below = f"{found.pointer}/co"  # its code, or those of its codings
    count = sum((i.pointer or "").startswith(below) for i in unknown)
    return count == found.found.count(", ") + 1


def _follows_rename(found: Issue, renames: Iterable[Issue]) -> bool:
    """Say whether it is about the object that has the misspelt name, or one around that."""
    if found.rule not in {"cardinality-min", "slice-missing", "invariant-failed"}:
        return False
    for rename in renames:
        around, _, _ = (rename.pointer or "").rpartition("/")
        here = found.pointer or ""
        if found.rule == "invariant-failed" and f"{around}/".startswith(f"{here}/"):
            return True
        if here == around and any(choice in found.text.en for choice in rename.suggestions[:1]):
            return True
    return False
