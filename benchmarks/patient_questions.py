"""Searches for patients, and for organizations."""

from collections.abc import Callable
from random import Random
from typing import Any

from benchmarks.asked import (
    ICPC,
    LOINC,
    OBSERVATIONS_A_PATIENT,
    TAX,
    TEMPERATURE,
    Asked,
    Make,
    Resource,
    one_of,
    records,
)
from benchmarks.filling import Patient, Truth
from benchmarks.population import CONDITIONS


def patients(make: Callable[[Patient], tuple[str, Callable[[Patient], bool]]]) -> Make:
    """A search for patients like a random one: its query, and which are like it."""

    def made(truth: Truth, random: Random) -> Asked:
        query, is_like = make(random.choice(truth.patients))
        return one_of(truth, f"Patient?{query}", is_like)

    return made


def born(prefix: str) -> Make:
    """By date of birth; a year for prefixes that compare, the day itself without one."""

    def make(patient: Patient) -> tuple[str, Callable[[Patient], bool]]:
        year = patient.birth_date[:4]
        if prefix in {"", "eq"}:
            born_on = patient.birth_date
            return f"birthdate={prefix}{born_on}", lambda other: other.birth_date == born_on
        tests: dict[str, Callable[[Patient], bool]] = {
            "lt": lambda other: other.birth_date[:4] < year,
            "eb": lambda other: other.birth_date[:4] < year,
            "gt": lambda other: other.birth_date[:4] > year,
            "sa": lambda other: other.birth_date[:4] > year,
            "le": lambda other: other.birth_date[:4] <= year,
            "ge": lambda other: other.birth_date[:4] >= year,
        }
        return f"birthdate={prefix}{year}", tests[prefix]

    return patients(make)


def sorted_patients(truth: Truth, random: Random) -> Asked:
    """One gender by date of birth."""
    gender = random.choice(("male", "female"))
    return one_of(
        truth, f"Patient?gender={gender}&_sort=birthdate", lambda one: one.gender == gender,
        order=lambda found: str(found["birthDate"]),
    )  # fmt: skip


def with_condition(truth: Truth, random: Random) -> Asked:
    """Patients by what they suffer from."""
    icpc = random.choice(CONDITIONS)[0]
    return one_of(
        truth, f"Patient?_has:Condition:subject:code={ICPC}|{icpc}",
        lambda one: one.number in truth.patients_with[icpc],
    )  # fmt: skip


def named_with_condition(truth: Truth, random: Random) -> Asked:
    """Patients by family name and what they suffer from."""
    icpc, like = random.choice(CONDITIONS)[0], random.choice(truth.patients).family
    return one_of(
        truth, f"Patient?family={like}&_has:Condition:subject:code={ICPC}|{icpc}",
        lambda one: one.family == like and one.number in truth.patients_with[icpc],
    )  # fmt: skip


def tested_in(truth: Truth, random: Random) -> Asked:
    """Two steps back: one patient by the encounter of an observation."""
    one = random.choice(truth.patients)
    query = f"_has:Encounter:subject:_has:Observation:encounter:code={LOINC}|{TEMPERATURE}"
    return one_of(
        truth, f"Patient?_id={one.logical_id}&{query}", lambda other: other.number == one.number
    )


def organization(modifier: str) -> Make:
    """By the beginning, or the inside, of its name."""

    def make(truth: Truth, random: Random) -> Asked:
        name = random.choice(truth.organizations)
        text = name if not modifier else name[6:-1]
        is_like: Callable[[str], bool] = (
            (lambda other: other.startswith(text)) if not modifier else (lambda o: text in o)
        )
        return records(
            f"Organization?name{modifier}={text}", sum(map(is_like, truth.organizations)),
            lambda found: is_like(found["name"]),
        )  # fmt: skip

    return make


def with_observations(matches: list[Resource], included: list[Resource]) -> bool:
    """All observations of the matches."""
    return len(included) == OBSERVATIONS_A_PATIENT * len(matches)


def identified(more: str, is_included: Any = None) -> Make:
    """One patient by tax number."""

    def make(truth: Truth, random: Random) -> Asked:
        one = random.choice(truth.patients)
        return one_of(
            truth, f"Patient?identifier={TAX}|{one.tax_number}{more}",
            lambda other: other.number == one.number, is_included=is_included,
        )  # fmt: skip

    return make


_OLD_OR_MALE = "_filter=family sw {} and (gender eq male or birthdate lt 1950)"


def filtered(patient: Patient) -> tuple[str, Callable[[Patient], bool]]:
    """A filter of three tests."""
    like = patient.family[:9]
    return (
        _OLD_OR_MALE.format(f'"{like}"'),
        lambda other: (
            other.family.startswith(like) and (other.gender == "male" or other.birth_date < "1950")
        ),
    )
