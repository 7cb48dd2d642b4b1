"""``--fix``: apply the safe patches to the text, one after the other, and keep what helps.

After each one the resource is validated again: a patch stays only if its finding is gone and no
error is new, so that what two rules disagree about is left to people.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jsonpatch

from fhir_server.cli.sources import Source
from fhir_server.cli.validate.checker import Checked
from fhir_server.cli.validate.text_patch import apply_to_text
from fhir_server.model import Issue, JsonObject, decode_object, encode_pretty

MOST_FIXES = 1_000

_Key = tuple[str, str | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """A source after mending: what is left to say of it, and what was done."""

    checked: Checked
    fixes: tuple[Issue, ...]


def mend(checked: Checked, check: Callable[[Source], Checked]) -> Mended:
    """Apply what mends a source safely.

    Args:
        checked: The source with its findings; XML stays as it is.
        check: Validates the mended text.
    """
    fixes: list[Issue] = []
    tried: set[_Key] = set()
    while len(fixes) < MOST_FIXES and not checked.source.is_xml:
        found = next((i for i in checked.issues if i.patch and _key(i) not in tried), None)
        if found is None:
            break
        tried.add(_key(found))
        text = _patched(checked.source.text, found)
        better = check(replace(checked.source, text=text))
        if _helps(found, checked, better):
            checked = better
            fixes.append(found)
    return Mended(checked=checked, fixes=tuple(fixes))


def _key(found: Issue) -> _Key:
    return (found.rule, found.pointer, found.found)


def _helps(found: Issue, before: Checked, after: Checked) -> bool:
    known = {(i.rule, i.pointer) for i in before.issues if i.is_error}
    new = [i for i in after.errors if (i.rule, i.pointer) not in known]
    return (
        not new
        and len(after.issues) < len(before.issues)
        and _key(found) not in {_key(i) for i in after.issues}
    )


def _patched(text: str, found: Issue) -> str:
    """Patch the text itself; if that went wrong somehow, write the patched resource anew."""
    steps: list[dict[str, Any]] = list(found.patch or ())
    wanted: JsonObject = jsonpatch.apply_patch(decode_object(text.encode()), steps)
    new = apply_to_text(text, steps)
    return new if decode_object(new.encode()) == wanted else encode_pretty(wanted).decode() + "\n"
