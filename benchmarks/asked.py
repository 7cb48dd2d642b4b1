"""A search with its values: how many match, how they look; what resources look like."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any

from benchmarks.filling import Patient, Truth

Resource = dict[str, Any]
LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
TEMPERATURE, PRESSURE, SYSTOLIC, DIASTOLIC = "8310-5", "85354-9", "8480-6", "8462-4"
ICPC = "https://fhir.esoz.ua/CodeSystem/icpc2-condition-codes"
TAX = "https://fhir.esoz.ua/sid/rnokpp"
CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
TEMPERATURES_A_PATIENT, PRESSURES_A_PATIENT, VISITS_A_PATIENT = 7, 5, 5
OBSERVATIONS_A_PATIENT = TEMPERATURES_A_PATIENT + PRESSURES_A_PATIENT
RECORDS_A_PATIENT = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question with its values.

    Attributes:
        path: ``Type?parameters``, not percent-encoded.
        total: Number of all matches.
        is_match: Whether a resource of the answer may be in it.
        order: What the matches are ordered by; None: in no order.
        is_descending: The greatest first.
        is_included: Whether the included resources are right for the matches; None: there are none.
    """

    path: str
    total: int
    is_match: Callable[[Resource], bool]
    order: Callable[[Resource], str] | None = None
    is_descending: bool = False
    is_included: Callable[[list[Resource], list[Resource]], bool] | None = None


Make = Callable[[Truth, Random], Asked]


def family(patient: Resource) -> str:
    """The official family name."""
    return str(patient["name"][0]["family"])


def day(resource: Resource) -> str:
    """When an observation was made, or an encounter began."""
    found = resource.get("effectiveDateTime") or resource["period"]["start"]
    return str(found)


def code(resource: Resource) -> str:
    """The first code."""
    return str(resource["code"]["coding"][0]["code"])


def subject(resource: Resource) -> str:
    """Whom a record is about."""
    return str(resource["subject"]["reference"])


def degrees(resource: Resource) -> float:
    """The value of a temperature."""
    return float(resource["valueQuantity"]["value"])


def part(resource: Resource, position: int) -> int:
    """Systolic (0) or diastolic (1) pressure."""
    return int(resource["component"][position]["valueQuantity"]["value"])


def is_of(kind: str) -> Callable[[Resource], bool]:
    """Whether a resource is of that type."""
    return lambda resource: resource["resourceType"] == kind


def one_of(truth: Truth, path: str, is_like: Callable[[Patient], bool], **more: Any) -> Asked:
    """A search for some of the patients."""
    like = {patient.logical_id for patient in truth.patients if is_like(patient)}
    return Asked(path=path, total=len(like), is_match=lambda found: found["id"] in like, **more)


def records(path: str, total: int, is_match: Callable[[Resource], bool], **more: Any) -> Asked:
    """A search whose matches are counted."""
    return Asked(path=path, total=total, is_match=is_match, **more)


def count(numbers: Iterable[int]) -> int:
    """Sum up."""
    return sum(numbers)
