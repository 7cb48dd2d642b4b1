"""A seeded population of ЕСОЗ shape.

Patients with identifiers that pass the national checks, and the records of their visits. Every
person is invented; the shapes are those of `examples/`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

EXAMPLES = Path(__file__).parents[1] / "examples"
TEMPLATE_DAY = date(2026, 3, 2)
TEMPLATE_ID = "0f1c7a00-0000-4000-8000-0000000000"
FIRST_DAY = date(2024, 1, 1)
DAYS = 780
VISITS = 5

FAMILIES = [
    "Вигаданенко",
    "Прикладенко",
    "Зразкович",
    "Тестовий",
    "Умовна",
    "Примірчук",
    "Взірцевич",
    "Уявна",
    "Казкова",
    "Мрійник",
    "Дослідна",
    "Шаблонюк",
    "Типовенко",
    "Середа",
    "Ймовірна",
    "Навмання",
    "Припустимо",
    "Скажімова",
    "Абищенко",
    "Начебто",
]
GIVEN = [
    "Олена",
    "Тарас",
    "Ірина",
    "Богдан",
    "Марія",
    "Андрій",
    "Соломія",
    "Остап",
    "Ганна",
    "Юрій",
    "Оксана",
    "Петро",
    "Катерина",
    "Іван",
    "Зоряна",
    "Роман",
    "Леся",
    "Степан",
    "Дарина",
    "Максим",
]
FATHERS = [
    "Тестівна",
    "Прикладівна",
    "Зразківна",
    "Умовівна",
    "Тестович",
    "Прикладович",
    "Зразкович",
    "Умовович",
]
CITIES = [
    "КИЇВ",
    "ЛЬВІВ",
    "ОДЕСА",
    "ХАРКІВ",
    "ДНІПРО",
    "ПОЛТАВА",
    "ЛУЦЬК",
    "СУМИ",
    "ЧЕРКАСИ",
    "УЖГОРОД",
]
CONDITIONS = (("R74", "J06.9"), ("K86", "I10"), ("T90", "E11.9"), ("R81", "J18.9"))

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What searches look for in one patient."""

    logical_id: str
    tax_number: str
    family: str
    birth_date: str


class Population:
    """Patients numbered from 0; the same seed and number always give the same records."""

    def __init__(self, seed: int = 1, prefix: str = "bench") -> None:
        self._seed = seed
        self._prefix = prefix
        self._templates = {
            name: json.dumps(json.loads((EXAMPLES / f"{name}.json").read_text("utf-8")))
            for name in (
                "patients/id-card",
                "episodes/active",
                "encounters/primary-care",
                "conditions/respiratory-infection",
                "conditions/hypertension",
                "observations/body-temperature",
                "observations/blood-pressure",
                "prescriptions/active",
                "referrals/active",
            )
        }

    def person(self, number: int) -> Person:
        """Return what can be searched of patient ``number``."""
        random = Random(f"{self._seed}/{number}")
        birth = date(1930, 1, 1) + timedelta(days=random.randrange(28_000))
        return Person(
            logical_id=f"{self._prefix}-{number}",
            tax_number=tax_number((100_000_000 + number * 7) % 1_000_000_000),
            family=f"{random.choice(FAMILIES)}-{random.choice(FAMILIES)}",
            birth_date=birth.isoformat(),
        )

    def patient(self, number: int) -> Resource:
        """Return the Patient resource of ``number``."""
        random = Random(f"{self._seed}/{number}/patient")
        person = self.person(number)
        resource = self._fill("patients/id-card", {"01": person.logical_id}, TEMPLATE_DAY)
        tax, register, card = resource["identifier"]
        tax["value"] = person.tax_number
        register["value"] = f"{person.birth_date.replace('-', '')}-{number % 100_000:05d}"
        card["value"] = f"{number:09d}"
        official, _ = resource["name"]
        official["family"] = person.family
        official["given"] = [random.choice(GIVEN), random.choice(FATHERS)]
        resource["telecom"][0]["value"] = f"+38000{number % 10_000_000:07d}"
        resource["gender"] = random.choice(("male", "female"))
        resource["birthDate"] = person.birth_date
        resource["address"][0]["city"] = random.choice(CITIES)
        return resource

    def records(self, number: int) -> Iterator[Resource]:
        """Yield the 30 records of patient ``number`` besides the Patient itself."""
        random = Random(f"{self._seed}/{number}/records")
        for visit in range(VISITS):
            day = FIRST_DAY + timedelta(days=random.randrange(DAYS))
            yield from self._visit(number, visit, day, random)
        ids = self._ids(number, 0)
        yield self._number(self._fill("prescriptions/active", ids, day), random)
        yield self._number(self._fill("referrals/active", ids, day), random)
        yield from self._more_observations(number, random)

    def visit_bundle(self, number: int, entries: int = 50) -> Resource:
        """Return a transaction of ``entries`` resources: patients with their records."""
        resources: list[Resource] = []
        while len(resources) < entries:
            resources += [self.patient(number), *self.records(number)]
            number += 1
        return transaction(resources[:entries])

    def _ids(self, number: int, visit: int) -> dict[str, str]:
        stem = f"{self._prefix}-{number}"
        mapped = {"01": stem, "05": f"{stem}-e", "07": f"{stem}-v{visit}"}
        mapped |= {"08": f"{stem}-c{visit}", "38": f"{stem}-h{visit}"}
        mapped |= {"10": f"{stem}-t{visit}", "11": f"{stem}-b{visit}"}
        return mapped | {"22": f"{stem}-rx", "12": f"{stem}-ref"}

    def _visit(self, number: int, visit: int, day: date, random: Random) -> Iterator[Resource]:
        ids = self._ids(number, visit)
        if visit == 0:
            yield self._fill("episodes/active", ids, day)
        yield self._fill("encounters/primary-care", ids, day)
        condition = self._fill("conditions/respiratory-infection", ids, day)
        primary, classified = random.choice(CONDITIONS)
        first, second = condition["code"]["coding"]
        first["code"], second["code"] = primary, classified
        yield condition
        yield self._fill("conditions/hypertension", ids, day)
        temperature = self._fill("observations/body-temperature", ids, day)
        temperature["valueQuantity"]["value"] = round(random.uniform(36, 40), 1)
        yield temperature
        pressure = self._fill("observations/blood-pressure", ids, day)
        for component, low in zip(pressure["component"], (100, 60), strict=True):
            component["valueQuantity"]["value"] = low + random.randrange(60)
        yield pressure

    def _more_observations(self, number: int, random: Random) -> Iterator[Resource]:
        ids = self._ids(number, 0)
        for extra in range(2):
            day = FIRST_DAY + timedelta(days=random.randrange(DAYS))
            observation = self._fill("observations/body-temperature", ids, day)
            observation["id"] += f"x{extra}"
            yield observation

    def _number(self, resource: Resource, random: Random) -> Resource:
        """Give a prescription or referral a number of its own."""
        if resource["resourceType"] == "MedicationRequest":
            blocks = ("".join(random.choices("0A1E2H3K4M5P6T7X89", k=4)) for _ in range(3))
            resource["identifier"][0]["value"] = "-".join(("0000", *blocks))
        else:
            blocks = (f"{random.randrange(10_000):04d}" for _ in range(4))
            resource["requisition"]["value"] = "-".join(blocks)
        return resource

    def _fill(self, name: str, ids: dict[str, str], day: date) -> Resource:
        """Copy an example with other ids, on another day."""
        text = self._templates[name]
        for suffix, identity in ids.items():
            text = text.replace(TEMPLATE_ID + suffix, identity)
        for offset in (-1, 0, 1, 7, 29):
            shown = (TEMPLATE_DAY + timedelta(days=offset)).isoformat()
            text = text.replace(shown, (day + timedelta(days=offset)).isoformat())
        filled: Resource = json.loads(text)
        return filled


def transaction(resources: list[Resource]) -> Resource:
    """Return a transaction that puts every resource under its own id."""
    entries = [
        {
            "fullUrl": f"https://fhir.example.org/{r['resourceType']}/{r['id']}",
            "resource": r,
            "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"},
        }
        for r in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def tax_number(stem: int) -> str:
    """Return ten digits with the checksum of the РНОКПП, from nine."""
    digits = [int(digit) for digit in f"{stem:09d}"]
    weights = (-1, 5, 7, 9, 4, 6, 10, 5, 7)
    total = sum(digit * weight for digit, weight in zip(digits, weights, strict=True))
    return f"{stem:09d}{total % 11 % 10}"
