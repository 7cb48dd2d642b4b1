"""What invariants ask for, in both languages.

National profiles carry their own translations. HL7 publishes R4's invariants in English only, so
``invariants.uk.toml`` beside this module has them in Ukrainian, by their English text: keys such as
``inv-1`` stand for several.

Spec: https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.constraint.human
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from fhir_server.definitions import Constraint
from fhir_server.model import Text


def human_text(constraint: Constraint) -> Text:
    """Return the sentence of an invariant without its full stop, English if not translated."""
    english = constraint.human
    ukrainian = dict(constraint.translations).get("uk") or _ukrainian().get(english, english)
    return Text(en=english.rstrip(". "), uk=ukrainian.rstrip(". "))


@cache
def _ukrainian() -> Mapping[str, str]:
    file = resources.files(__package__) / "invariants.uk.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))
