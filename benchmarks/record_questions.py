"""Searches for the records of patients."""

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from benchmarks.asked import (
    CATEGORIES,
    DIASTOLIC,
    LOINC,
    OBSERVATIONS_A_PATIENT,
    PRESSURE,
    SYSTOLIC,
    TAX,
    TEMPERATURE,
    UCUM,
    Asked,
    Make,
    Resource,
    code,
    count,
    day,
    degrees,
    is_of,
    part,
    records,
    subject,
)
from benchmarks.filling import Truth
from benchmarks.population import CONDITIONS, Population


def a_month(random: Random) -> str:
    """One of 2024 or 2025."""
    return f"{random.choice((2024, 2025))}-{random.randint(1, 12):02d}"


def observed(truth: Truth, chosen: str, day_starts: str) -> int:
    """How many observations of a code have a day that starts so."""
    by_day: Iterable[tuple[tuple[Any, ...], int]] = (
        truth.temperatures.items() if chosen == TEMPERATURE else truth.pressures.items()
    )
    return count(number for key, number in by_day if key[0].startswith(day_starts))


def in_month(truth: Truth, random: Random) -> Asked:
    """Observations of a month."""
    month = a_month(random)
    total = observed(truth, TEMPERATURE, month) + observed(truth, PRESSURE, month)
    return records(f"Observation?date={month}", total, lambda o: day(o).startswith(month))


def visits(prefix: str) -> Make:
    """Encounters before or from a day."""

    def make(truth: Truth, random: Random) -> Asked:
        at = random.choice(sorted(truth.visits))
        tests: dict[str, Callable[[str], bool]] = {
            "": lambda other: other == at,
            "ge": lambda other: other >= at,
            "lt": lambda other: other < at,
        }
        total = count(number for d, number in truth.visits.items() if tests[prefix](d))
        path = f"Encounter?date={prefix}{at}"
        return records(path, total, lambda e: tests[prefix](day(e)[:10]))

    return make


def all_visits(query: str) -> Make:
    """All encounters: they are finished and ambulatory."""
    return lambda truth, _: records(f"Encounter?{query}", truth.visits.total(), is_of("Encounter"))


def of_category(truth: Truth, _: Random) -> Asked:
    """All observations: they are vital signs."""
    total = truth.temperatures.total() + truth.pressures.total()
    return records(f"Observation?category={CATEGORIES}|vital-signs", total, is_of("Observation"))


def of_code(truth: Truth, random: Random) -> Asked:
    """Observations of one code."""
    chosen = random.choice((TEMPERATURE, PRESSURE))
    path = f"Observation?code={LOINC}|{chosen}"
    return records(path, observed(truth, chosen, ""), lambda o: code(o) == chosen)


def of_codes(truth: Truth, random: Random) -> Asked:
    """Conditions of two codes."""
    two = {icpc for icpc, _ in random.sample(CONDITIONS, 2)}
    total = count(number for (icpc, _), number in truth.conditions.items() if icpc in two)
    return records(f"Condition?code={','.join(sorted(two))}", total, lambda c: code(c) in two)


def warm(prefix: str, parameter: str = "value-quantity") -> Make:
    """Temperatures above, below or equal to one."""

    def make(truth: Truth, random: Random) -> Asked:
        limit = round(random.uniform(36.5, 39.5), 1)
        tests: dict[str, Callable[[float], bool]] = {
            "gt": lambda value: value > limit,
            "le": lambda value: value <= limit,
            "": lambda value: value == limit,
        }
        test = tests[prefix]
        total = count(n for (_, value), n in truth.temperatures.items() if test(float(value)))
        path = f"Observation?{parameter}={prefix}{limit}|{UCUM}|Cel"
        return records(path, total, lambda o: test(degrees(o)))

    return make


def pressed(truth: Truth, random: Random) -> Asked:
    """Blood pressures with a part above a limit."""
    limit = random.randint(120, 155)
    total = count(n for (_, high, low), n in truth.pressures.items() if max(high, low) > limit)
    return records(
        f"Observation?component-value-quantity=gt{limit}|{UCUM}|mm[Hg]", total,
        lambda o: max(part(o, 0), part(o, 1)) > limit,
    )  # fmt: skip


def warm_code(truth: Truth, random: Random) -> Asked:
    """Code and value of the same observation."""
    limit = round(random.uniform(36.5, 39.5), 1)
    total = count(n for (_, value), n in truth.temperatures.items() if float(value) >= limit)
    value = f"{LOINC}|{TEMPERATURE}$ge{limit}|{UCUM}|Cel"
    return records(
        f"Observation?code-value-quantity={value}", total,
        lambda o: code(o) == TEMPERATURE and degrees(o) >= limit,
    )  # fmt: skip


def pressed_code(parameter: str) -> Make:
    """Code and value of the same component."""

    def make(truth: Truth, random: Random) -> Asked:
        position, limit = random.choice(((0, 150), (1, 110)))
        chosen = (SYSTOLIC, DIASTOLIC)[position]
        total = count(n for (_, *two), n in truth.pressures.items() if two[position] >= limit)
        value = f"{LOINC}|{chosen}$ge{limit}|{UCUM}|mm[Hg]"
        path = f"Observation?{parameter}={value}"
        return records(path, total, lambda o: part(o, position) >= limit)

    return make


def about(kind: str, total: int, more: str = "", **rest: Any) -> Make:
    """Records of one patient."""

    def make(truth: Truth, random: Random) -> Asked:
        one = f"Patient/{random.choice(truth.patients).logical_id}"
        path = f"{kind}?subject={one}{more}"
        return records(path, total, lambda found: subject(found) == one, **rest)

    return make


def of_encounter(truth: Truth, random: Random) -> Asked:
    """What was observed in one encounter (not the first, which has two more)."""
    one = f"Encounter/{random.choice(truth.patients).logical_id}-v{random.randint(1, 4)}"
    path = f"Observation?encounter={one}"
    return records(path, 2, lambda o: bool(o["encounter"]["reference"] == one))


def by_performer(truth: Truth, _: Random) -> Asked:
    """All observations: one doctor made them."""
    total = truth.temperatures.total() + truth.pressures.total()
    doctor = "PractitionerRole/0f1c7a00-0000-4000-8000-000000000004"
    return records(f"Observation?performer={doctor}", total, is_of("Observation"))


def code_in_month(truth: Truth, random: Random) -> Asked:
    """Two parameters: a code and a month."""
    chosen, month = random.choice((TEMPERATURE, PRESSURE)), a_month(random)
    return records(
        f"Observation?code={LOINC}|{chosen}&date={month}", observed(truth, chosen, month),
        lambda o: code(o) == chosen and day(o).startswith(month),
    )  # fmt: skip


def status_code_day(truth: Truth, random: Random) -> Asked:
    """Three parameters: a status that all have, a code that half have, a day."""
    chosen = random.choice((TEMPERATURE, PRESSURE))
    at = random.choice(sorted(truth.visits))
    return records(
        f"Observation?status=final&code={LOINC}|{chosen}&date={at}", observed(truth, chosen, at),
        lambda o: code(o) == chosen and day(o).startswith(at),
    )  # fmt: skip


def patient_code_since(truth: Truth, random: Random) -> Asked:
    """Three parameters: a patient, a code, and from a day on."""
    one, at = random.choice(truth.patients), random.choice(sorted(truth.visits))
    mine = [
        record for record in Population().records(one.number)
        if record["resourceType"] == "Observation" and code(record) == TEMPERATURE
    ]  # fmt: skip
    path = f"Observation?subject=Patient/{one.logical_id}&code={LOINC}|{TEMPERATURE}&date=ge{at}"
    return records(
        path, sum(day(record)[:10] >= at for record in mine),
        lambda o: subject(o).endswith(f"/{one.logical_id}") and day(o)[:10] >= at,
    )  # fmt: skip


def newest_of_code(truth: Truth, random: Random) -> Asked:
    """One code, the newest first."""
    chosen = random.choice((TEMPERATURE, PRESSURE))
    return records(
        f"Observation?code={LOINC}|{chosen}&_sort=-date", observed(truth, chosen, ""),
        lambda o: code(o) == chosen, order=day, is_descending=True,
    )  # fmt: skip


def of_identified(query: str, total: int, more: str = "") -> Make:
    """Records by the tax number of the patient, over a chain."""

    def make(truth: Truth, random: Random) -> Asked:
        one = random.choice(truth.patients)
        path = f"{query}={TAX}|{one.tax_number}{more}"
        return records(path, total, lambda o: subject(o) == f"Patient/{one.logical_id}")

    return make


def of_named(truth: Truth, random: Random) -> Asked:
    """Observations by the family name of the patient: many patients, many records."""
    like = random.choice(truth.patients).family
    named = {f"Patient/{p.logical_id}" for p in truth.patients if p.family == like}
    return records(
        f"Observation?subject:Patient.family:exact={like}",
        len(named) * OBSERVATIONS_A_PATIENT, lambda o: subject(o) in named,
    )  # fmt: skip


def with_subjects(matches: list[Resource], included: list[Resource]) -> bool:
    """The patients of the matches, once each."""
    found = sorted(f"{one['resourceType']}/{one['id']}" for one in included)
    return found == sorted({subject(match) for match in matches})


def in_compartment(rest: str, total: int) -> Make:
    """What is in the compartment of a patient."""

    def make(truth: Truth, random: Random) -> Asked:
        one = random.choice(truth.patients).logical_id
        return records(
            f"Patient/{one}/{rest}", total,
            lambda found: found["id"].partition("-")[2].split("-")[0] == one.partition("-")[2],
        )  # fmt: skip

    return make
