"""What a draft does to data that is here: what would fail from now on, and what no longer.

Samples name resources and places, never values: they are patients' records.

Spec: https://hl7.org/fhir/R4/validation.html
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from fhir_server.model import Issue, JsonObject
from fhir_server.validation import Validator

SAMPLES = 5
_Key = tuple[str, str]


@dataclass(slots=True)
class RuleImpact:
    """What a draft does by one rule.

    Attributes:
        newly_failing: Resources that fail only under the draft.
        newly_passing: Resources that fail only now, and by nothing under the draft.
        samples: Some of them: resource and JSON Pointer.
    """

    newly_failing: int = 0
    newly_passing: int = 0
    samples: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Impact:
    """Counts over all resources so far; two of them can be added.

    Attributes:
        checked: Resources.
        newly_failing: Resources without errors now that have some under the draft.
        newly_passing: Resources with errors now that have none under the draft.
        failing: Resources with errors under both.
        rules: By rule and source (profile element or invariant).
    """

    checked: int = 0
    newly_failing: int = 0
    newly_passing: int = 0
    failing: int = 0
    rules: dict[_Key, RuleImpact] = field(default_factory=dict)

    def add(self, name: str, before: Iterable[Issue], after: Iterable[Issue]) -> None:
        """Count one resource.

        Args:
            name: What to call it: ``Patient/1`` or a file with its line.
            before: Findings in force.
            after: Findings under the draft.
        """
        old, new = _errors(before), _errors(after)
        self.checked += 1
        self.newly_failing += bool(new) and not old
        self.newly_passing += bool(old) and not new
        self.failing += bool(old) and bool(new)
        for key in new.keys() - old.keys():
            rule = self.rules.setdefault(key, RuleImpact())
            rule.newly_failing += 1
            _sample(rule, name, new[key])
        for key in () if new else old:  # a new fault silences others below it: nothing passes by it
            rule = self.rules.setdefault(key, RuleImpact())
            rule.newly_passing += 1
            _sample(rule, name, old[key])

    def merge(self, other: "Impact") -> None:
        """Add the counts of another part of the data."""
        self.checked += other.checked
        self.newly_failing += other.newly_failing
        self.newly_passing += other.newly_passing
        self.failing += other.failing
        for key, more in other.rules.items():
            rule = self.rules.setdefault(key, RuleImpact())
            rule.newly_failing += more.newly_failing
            rule.newly_passing += more.newly_passing
            for name, pointer in more.samples:
                _sample(rule, name, pointer)

    def as_json(self) -> dict[str, Any]:
        """The same for programs and for the journal."""
        return {
            "checked": self.checked,
            "newlyFailing": self.newly_failing,
            "newlyPassing": self.newly_passing,
            "failing": self.failing,
            "rules": [
                {
                    "rule": rule,
                    "source": source,
                    "newlyFailing": found.newly_failing,
                    "newlyPassing": found.newly_passing,
                    "samples": [{"resource": n, "pointer": p} for n, p in found.samples],
                }
                for (rule, source), found in sorted(self.rules.items(), key=_most_first)
            ],
        }

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> "Impact":
        """Read what `as_json` wrote."""
        return cls(
            checked=said["checked"],
            newly_failing=said["newlyFailing"],
            newly_passing=said["newlyPassing"],
            failing=said["failing"],
            rules={
                (rule["rule"], rule["source"]): RuleImpact(
                    rule["newlyFailing"],
                    rule["newlyPassing"],
                    [(s["resource"], s["pointer"]) for s in rule["samples"]],
                )
                for rule in said["rules"]
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Validates resources by what is in force and by a draft.

    Attributes:
        current: What is in force.
        draft: The same with the draft.
        profiles: Asked of resources of a type besides what they claim: type -> canonicals.
    """

    current: Validator
    draft: Validator
    profiles: dict[str, tuple[str, ...]]

    def add_to(self, impact: Impact, name: str, resource: JsonObject) -> None:
        """Validate one resource twice and count it."""
        profiles = self.profiles.get(str(resource.get("resourceType")), ())
        before = self.current.validate(resource, profiles=self._known(profiles))
        impact.add(name, before, self.draft.validate(resource, profiles=profiles))

    def _known(self, profiles: tuple[str, ...]) -> tuple[str, ...]:
        """A draft may be the first version of its profile."""
        return tuple(p for p in profiles if self.current.registry.structure(p) is not None)


def _errors(issues: Iterable[Issue]) -> dict[_Key, str]:
    """Sort errors by rule and source; the place of the first counts."""
    found: dict[_Key, str] = {}
    for one in issues:
        if one.is_error:
            source = (one.source or "").partition("|")
            element = source[2].partition("#")[2]
            name = f"{source[0]}#{element}" if element else one.source or ""
            found.setdefault((one.rule, name), one.pointer or "")
    return found


def _sample(rule: RuleImpact, name: str, pointer: str) -> None:
    if len(rule.samples) < SAMPLES:
        rule.samples.append((name, pointer))


def _most_first(item: tuple[_Key, RuleImpact]) -> tuple[int, _Key]:
    return -(item[1].newly_failing + item[1].newly_passing), item[0]


def csv_rows(impact: Impact) -> list[tuple[str, ...]]:
    """Return the table: one row for each rule and sample."""
    rows: list[tuple[str, ...]] = [
        ("rule", "source", "newly_failing", "newly_passing", "resource", "pointer")
    ]
    for (rule, source), found in sorted(impact.rules.items(), key=_most_first):
        counts = (rule, source, str(found.newly_failing), str(found.newly_passing))
        rows.extend((*counts, *sample) for sample in found.samples or [("", "")])
    return rows
