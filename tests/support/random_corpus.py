"""Small random corpora of resources that refer to each other, in vocabularies where values meet.

One seed, one corpus: plain ``Random``, so that hundreds of searches a second can be tried.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random
from typing import Any, TypeVar

Resource = dict[str, Any]
T = TypeVar("T")

FAMILIES = ("Шевченко", "шевчук", "Müller", "muller", "O'Brien", "Мюллер", "de la  Cruz")
GIVEN = ("Тарас", "Марія", "Zoë", "a")
SYSTEMS = ("urn:a", "urn:b", None)
CODES = ("diabetes", "type-1", "type-2", "disease", "x", "X", "a,b", "a|b", "a$b")
DAYS = ("2023", "2024", "2024-02", "2024-02-29", "2024-03-01", "1985-08-17")
MOMENTS = (
    *DAYS, "2024-02-29T10:30:00Z", "2024-02-29T23:30:00-02:00", "2024-03-01T00:30:00.500+02:00",
    "2024-02-29T10:30:00.250Z",
)  # fmt: skip
INSTANTS = MOMENTS[len(DAYS) :]
STAMPS = tuple(
    f"2024-0{day}T10:30:00.{rest}Z" for day in ("2-29", "3-01") for rest in ("000", "250")
)
"""``meta.lastUpdated``: milliseconds, as the server writes it."""
UNITS: tuple[dict[str, str], ...] = (
    {"unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"},
    {"unit": "грам", "system": "http://unitsofmeasure.org", "code": "g"},
    {"unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    {"unit": "x", "system": "urn:a", "code": "g"},
    {"unit": "g"},
    {},
)
NUMBERS = tuple(map(Decimal, ("0", "0.5", "0.50", "1", "1.0", "2", "5.4", "5.40", "500", "-3")))
BASE_URL = "https://fhir.example.org/fhir"
ELSEWHERE = ("urn:uuid:1", "https://other.example.org/fhir/Patient/1")
PATIENTS, ENCOUNTERS, ORGANIZATIONS, OBSERVATIONS = "123", "12", "123", "123456"


def random_corpus(seed: int) -> list[Resource]:
    """Return about twenty resources."""
    made = _Made(Random(seed))  # noqa: S311 # chance, no secret
    return [
        *(made.resource("Patient", n, made.patient) for n in PATIENTS),
        *(made.resource("Observation", n, made.observation) for n in OBSERVATIONS),
        *(made.resource("Encounter", n, made.encounter) for n in ENCOUNTERS),
        *(made.resource("Organization", n, made.organization) for n in ORGANIZATIONS),
        *(made.resource("RiskAssessment", n, made.risk) for n in "12"),
        *(made.resource("ValueSet", n, made.value_set) for n in "123"),
    ]


class _Made:
    def __init__(self, random: Random) -> None:
        self._random = random

    def resource(self, kind: str, logical_id: str, content: Callable[[], Resource]) -> Resource:
        meta: Resource = {"lastUpdated": self._one(STAMPS)}
        meta |= self._some(
            tag=lambda: [self._coding()],
            profile=lambda: [self._one(("http://p/a", "http://p/a|1.0", "http://p/a/b"))],
        )
        return {"resourceType": kind, "id": logical_id, "meta": meta, **content()}

    def patient(self) -> Resource:
        found = self._some(
            name=lambda: self._list(self._name),
            gender=lambda: self._one(("male", "female")),
            birthDate=lambda: self._one(DAYS),
            active=self._maybe,
            identifier=lambda: self._list(self._identifier),
            telecom=lambda: [{"system": self._one(("phone", "email")), "value": self._one(CODES)}],
            address=lambda: [self._some(city=lambda: self._one(GIVEN), line=lambda: ["1, a", "b"])],
            managingOrganization=lambda: self._reference("Organization", ORGANIZATIONS),
            generalPractitioner=lambda: [self._reference("Organization", ORGANIZATIONS)],
        )
        died = self._one(("deceasedBoolean", "deceasedDateTime", ""))
        if died:
            found[died] = self._maybe() if died == "deceasedBoolean" else self._one(MOMENTS)
        return found

    def observation(self) -> Resource:
        found: Resource = {
            "status": self._one(("final", "amended")),
            "code": self._concept(),
            **self._some(
                category=lambda: self._list(self._concept),
                subject=self._subject,
                encounter=lambda: self._reference("Encounter", ENCOUNTERS),
                derivedFrom=lambda: [self._reference("Observation", OBSERVATIONS)],
                component=lambda: self._list(self._component),
                performer=lambda: [self._reference("Organization", ORGANIZATIONS)],
            ),
            **self._choice(
                effectiveDateTime=lambda: self._one(MOMENTS),
                effectivePeriod=self._period,
                effectiveInstant=lambda: self._one(INSTANTS),
                effectiveTiming=lambda: {"event": self._list(lambda: self._one(MOMENTS))},
            ),
            **self._value(),
        }
        inner = {"resourceType": "Patient", "id": "in", "name": [self._name()], "gender": "male"}
        if found.get("subject", {}).get("reference") == "#in":
            found["contained"] = [inner]
        return found

    def encounter(self) -> Resource:
        return {
            "status": self._one(("finished", "planned")),
            "class": self._coding(),
            **self._some(
                subject=lambda: self._reference("Patient", PATIENTS),
                period=self._period,
                length=self._quantity,
                serviceProvider=lambda: self._reference("Organization", ORGANIZATIONS),
                reasonCode=lambda: self._list(self._concept),
                partOf=lambda: self._reference("Encounter", ENCOUNTERS),
            ),
        }

    def organization(self) -> Resource:
        return self._some(
            name=lambda: self._one(FAMILIES),
            alias=lambda: self._list(lambda: self._one(FAMILIES)),
            active=self._maybe,
            partOf=lambda: self._reference("Organization", ORGANIZATIONS),
            identifier=lambda: self._list(self._identifier),
        )

    def risk(self) -> Resource:
        def prediction() -> Resource:
            return self._choice(
                probabilityDecimal=lambda: self._one(NUMBERS),
                probabilityRange=lambda: self._some(
                    low=lambda: {"value": Decimal("0.4")}, high=lambda: {"value": Decimal(2)}
                ),
            )

        subject = self._reference("Patient", PATIENTS)
        return {"status": "final", "subject": subject, "prediction": self._list(prediction)}

    def value_set(self) -> Resource:
        def use() -> Resource:
            return {
                "code": self._coding(),
                **self._choice(valueCodeableConcept=self._concept, valueQuantity=self._quantity),
            }

        return {
            "status": self._one(("draft", "active")),
            **self._some(
                url=lambda: self._one(("http://a", "http://a/b", "http://a/b/c", "http://a/bc")),
                version=lambda: self._one(("1.0", "2")),
                title=lambda: self._one(FAMILIES),
                date=lambda: self._one(MOMENTS),
                useContext=lambda: self._list(use),
            ),
        }

    # -- parts

    def _name(self) -> Resource:
        return self._some(
            family=lambda: self._one(FAMILIES), given=lambda: self._list(lambda: self._one(GIVEN))
        ) or {"text": "a"}

    def _identifier(self) -> Resource:
        return self._coded(self._one(SYSTEMS), "value", self._one(("1", "2", "a|b"))) | self._some(
            type=lambda: {"coding": [self._coding()], "text": self._one(GIVEN)}
        )

    def _coding(self) -> Resource:
        system, code = self._one((*SYSTEMS, "urn:cs", "urn:cs")), self._one(CODES)
        return self._coded(system, "code", code) | self._some(display=lambda: self._one(FAMILIES))

    def _coded(self, system: str | None, key: str, code: str) -> Resource:
        return {key: code} if system is None else {"system": system, key: code}

    def _concept(self) -> Resource:
        return self._some(
            coding=lambda: self._list(self._coding), text=lambda: self._one(GIVEN)
        ) or {"text": "a"}

    def _quantity(self) -> Resource:
        quantity = {"value": self._one(NUMBERS), **self._one(UNITS)}
        return quantity | ({"comparator": self._one(("<", ">="))} if self._chance(8) else {})

    def _value(self) -> Resource:
        return self._choice(
            valueQuantity=self._quantity,
            valueCodeableConcept=self._concept,
            valueString=lambda: self._one(FAMILIES),
            valueDateTime=lambda: self._one(MOMENTS),
            valuePeriod=self._period,
        )

    def _component(self) -> Resource:
        return {"code": self._concept(), **self._value()}

    def _period(self) -> Resource:
        days = sorted((self._one(DAYS), self._one(DAYS)))
        found = self._some(start=lambda: days[0], end=lambda: days[1])
        return found or {"start": days[0]}

    def _subject(self) -> Resource:
        return {"reference": "#in"} if self._chance(6) else self._reference("Patient", PATIENTS)

    def _reference(self, kind: str, ids: Sequence[str]) -> Resource:
        local = f"{kind}/{self._one(ids)}"
        if self._chance(10):
            return {"identifier": self._identifier()}
        spellings = (local, local, local, f"{BASE_URL}/{local}", f"{local}/_history/2")
        text = self._one((*spellings, *(ELSEWHERE if kind == "Patient" else ())))
        return {"reference": text}

    # -- chance

    def _one(self, values: Sequence[T]) -> T:
        return self._random.choice(values)

    def _chance(self, one_in: int) -> bool:
        return self._random.randrange(one_in) == 0

    def _maybe(self) -> bool:
        return self._random.random() < 0.5

    def _list(self, make: Callable[[], T]) -> list[T]:
        return [make() for _ in range(self._random.randint(1, 2))]

    def _some(self, **makers: Callable[[], Any]) -> Resource:
        return {key: make() for key, make in makers.items() if self._random.random() < 0.7}

    def _choice(self, **makers: Callable[[], Any]) -> Resource:
        key = self._one([*makers, ""])
        return {key: makers[key]()} if key else {}


def told(value: Any) -> Any:
    """Return what has content: without empty objects, and periods with their ends in order."""
    if isinstance(value, list):
        return [part for part in map(told, value) if part != {}]
    if not isinstance(value, dict):
        return value
    found = {key: told(part) for key, part in value.items()}
    if {"start", "end"} <= found.keys():
        del found["end"]
    return {key: part for key, part in found.items() if part not in ({}, [])}
