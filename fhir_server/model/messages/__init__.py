"""The one catalogue of messages, in Ukrainian and English, keyed by stable rule ids.

Each ``.toml`` file beside this module holds one area (``http``, ``validation``, ``search`` …)::

    [cardinality-min]
    severity = "error"
    code = "required"
    en = "{path} must occur at least {expected} times, found {found}: add what is missing."
    uk = "{path} має бути щонайменше {expected} разів, знайдено {found}: додайте відсутнє."

Both texts have the same placeholders (a test compares them) and stand alone in one sentence or two.
The files are read on first use: the command's ``--help`` never pays for them.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The same sentence in both languages."""

    en: str
    uk: str

    def in_language(self, language: str) -> str:
        """Return the Ukrainian text for ``uk``, the English one for anything else."""
        return self.uk if language == "uk" else self.en


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One entry of the catalogue; ``en`` and ``uk`` are templates with named placeholders."""

    rule: str
    area: str
    severity: str
    code: str
    en: str
    uk: str

    def text(self, values: Mapping[str, object]) -> Text:
        """Fill the placeholders; a value that is a `Text` gives each language its own.

        Raises:
            KeyError: A placeholder has no value.
        """
        in_english, in_ukrainian = values, values
        if any(value.__class__ is Text for value in values.values()):
            in_english = _in_language(values, "en")
            in_ukrainian = _in_language(values, "uk")
        return Text(en=self.en.format_map(in_english), uk=self.uk.format_map(in_ukrainian))


def _in_language(values: Mapping[str, object], language: str) -> Mapping[str, object]:
    return {
        name: value.in_language(language) if isinstance(value, Text) else value
        for name, value in values.items()
    }


def message(rule: str) -> Message:
    """Return the entry of ``rule``.

    Raises:
        KeyError: No area of the catalogue has it.
    """
    return catalogue()[rule]


@cache
def catalogue() -> Mapping[str, Message]:
    """Return every entry by rule id.

    Raises:
        ValueError: Two areas define the same rule.
    """
    entries: dict[str, Message] = {}
    for entry in _entries():
        if entry.rule in entries:
            raise ValueError(
                f"message {entry.rule} is in {entries[entry.rule].area} and {entry.area}"
            )
        entries[entry.rule] = entry
    return MappingProxyType(entries)


def _entries() -> Iterator[Message]:
    for file in sorted(resources.files(__name__).iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            for rule, fields in tomllib.loads(file.read_text(encoding="utf-8")).items():
                yield Message(rule=rule, area=file.name.removesuffix(".toml"), **fields)
