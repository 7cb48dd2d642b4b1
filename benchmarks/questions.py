"""What is searched for: one question a category, with the number of matches and how they look.

The categories are those of the public benchmark (strings, dates, tokens, quantities, composites,
references), and what it has not written yet: several parameters, orders, chains, ``_has``.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from benchmarks.filling import Patient, Truth
from benchmarks.population import CONDITIONS, Population

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One line of the table; ``note`` says why it may cost more with more data."""

    name: str
    make: Make
    note: str = ""


# -- what resources look like


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


# -- questions about patients


def patients(make: Callable[[Patient], tuple[str, Callable[[Patient], bool]]]) -> Make:
    """A search for patients like a random one: its query, and which are like it."""

    def made(truth: Truth, random: Random) -> Asked:
        query, is_like = make(random.choice(truth.patients))
        return one_of(truth, f"Patient?{query}", is_like)

    return made


def one_of(truth: Truth, path: str, is_like: Callable[[Patient], bool], **more: Any) -> Asked:
    """A search for some of the patients."""
    like = {patient.logical_id for patient in truth.patients if is_like(patient)}
    return Asked(path=path, total=len(like), is_match=lambda found: found["id"] in like, **more)


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


# -- questions about records


def records(path: str, total: int, is_match: Callable[[Resource], bool], **more: Any) -> Asked:
    """A search whose matches are counted."""
    return Asked(path=path, total=total, is_match=is_match, **more)


def count(numbers: Iterable[int]) -> int:
    """Sum up."""
    return sum(numbers)


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


def with_subjects(matches: list[Resource], included: list[Resource]) -> bool:
    """The patients of the matches, once each."""
    found = sorted(f"{one['resourceType']}/{one['id']}" for one in included)
    return found == sorted({subject(match) for match in matches})


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


def in_compartment(rest: str, total: int) -> Make:
    """What is in the compartment of a patient."""

    def make(truth: Truth, random: Random) -> Asked:
        one = random.choice(truth.patients).logical_id
        return records(
            f"Patient/{one}/{rest}", total,
            lambda found: found["id"].partition("-")[2].split("-")[0] == one.partition("-")[2],
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


QUESTIONS: Sequence[Question] = (
    Question(name="string: family", make=patients(lambda p: (
        f"family={p.family[:9]}", lambda o: o.family.startswith(p.family[:9])))),
    Question(name="string: family, exact", make=patients(lambda p: (
        f"family:exact={p.family}", lambda o: o.family == p.family))),
    Question(name="string: family, contains", make=patients(lambda p: (
        f"family:contains={p.family[3:12]}",
        lambda o: p.family[3:12].lower() in o.family.lower()))),
    Question(name="string: given name", make=patients(lambda p: (
        f"given={p.given}", lambda o: o.given == p.given))),
    Question(name="string: address", make=patients(lambda p: (
        f"address-city={p.city}", lambda o: o.city == p.city))),
    Question(name="string: nothing found", make=patients(lambda p: (
        f"family={p.family}-нема", lambda o: False))),
    Question(name="string: organization", make=organization("")),
    Question(name="string: organization, contains", make=organization(":contains")),
    *(Question(name=f"date: birthdate {p}".rstrip(), make=born(p))
      for p in ("", "eq", "lt", "gt", "le", "ge", "sa", "eb")),
    Question(name="date: observations of a month", make=in_month),
    *(Question(name=f"date: encounters {p}".rstrip(), make=visits(p)) for p in ("", "ge", "lt")),
    Question(name="token: identifier", make=identified("")),
    Question(name="token: gender", make=patients(lambda p: (
        f"gender={p.gender}", lambda o: o.gender == p.gender))),
    Question(name="token: not", make=patients(lambda p: (
        f"gender:not={p.gender}", lambda o: o.gender != p.gender))),
    Question(name="token: category, all have it", make=of_category),
    Question(name="token: code", make=of_code),
    Question(name="token: codes, or", make=of_codes),
    Question(name="token: status", make=all_visits("status=finished")),
    Question(name="token: class", make=all_visits(
        "class=http://terminology.hl7.org/CodeSystem/v3-ActCode|AMB")),
    *(Question(name=f"quantity: value {p}".rstrip(), make=warm(p)) for p in ("", "gt", "le")),
    Question(name="quantity: component gt", make=pressed),
    Question(name="quantity: combo gt", make=warm("gt", "combo-value-quantity")),
    Question(name="composite: code and value", make=warm_code),
    Question(name="composite: component", make=pressed_code("component-code-value-quantity")),
    Question(name="composite: combo", make=pressed_code("combo-code-value-quantity")),
    Question(name="reference: subject", make=about("Observation", OBSERVATIONS_A_PATIENT)),
    Question(name="reference: encounter", make=of_encounter),
    Question(name="reference: performer, all have it", make=by_performer),
    Question(name="two: gender and birthdate", make=patients(lambda p: (
        f"gender={p.gender}&birthdate=ge{p.birth_date[:4]}",
        lambda o: o.gender == p.gender and o.birth_date[:4] >= p.birth_date[:4]))),
    Question(name="two: family and gender", make=patients(lambda p: (
        f"family={p.family[:9]}&gender={p.gender}",
        lambda o: o.family.startswith(p.family[:9]) and o.gender == p.gender))),
    Question(name="two: subject and code", make=about(
        "Observation", TEMPERATURES_A_PATIENT, f"&code={LOINC}|{TEMPERATURE}")),
    Question(name="two: code and month", make=code_in_month),
    Question(name="three: status, code and day", make=status_code_day),
    Question(name="three: subject, code and since", make=patient_code_since),
    Question(name="three: family, city and gender", make=patients(lambda p: (
        f"family={p.family[:9]}&address-city={p.city}&gender={p.gender}",
        lambda o: o.family.startswith(p.family[:9]) and (o.city, o.gender) == (p.city, p.gender)))),
    Question(name="sort: subject, newest", make=about(
        "Observation", OBSERVATIONS_A_PATIENT, "&_sort=-date", order=day, is_descending=True)),
    Question(name="sort: code, newest", make=newest_of_code),
    Question(name="sort: gender, by birthdate", make=sorted_patients),
    Question(name="sort: all, by family", make=lambda truth, _: one_of(
        truth, "Patient?_sort=family", lambda o: True)),
    Question(name="sort: all, last updated", make=lambda truth, _: one_of(
        truth, "Patient?_sort=-_lastUpdated", lambda o: True,
        order=lambda found: str(found["meta"]["lastUpdated"]), is_descending=True)),
    Question(name="chain: identifier", make=of_identified(
        "Observation?subject:Patient.identifier", OBSERVATIONS_A_PATIENT)),
    Question(name="chain: identifier, and code", make=of_identified(
        "Observation?subject:Patient.identifier", TEMPERATURES_A_PATIENT,
        f"&code={LOINC}|{TEMPERATURE}")),
    Question(name="chain: family, wide", make=of_named),
    Question(name="chain: two steps", make=of_identified(
        "Observation?encounter:Encounter.subject:Patient.identifier", OBSERVATIONS_A_PATIENT)),
    Question(name="_has: condition, wide", make=with_condition),
    Question(name="_has: family and condition", make=named_with_condition),
    Question(name="_has: two steps", make=tested_in),
    Question(name="include: subject", make=about(
        "Observation", OBSERVATIONS_A_PATIENT, "&_include=Observation:subject",
        is_included=with_subjects)),
    Question(name="revinclude: observations", make=identified(
        "&_revinclude=Observation:subject", with_observations)),
    Question(name="filter", make=patients(filtered)),
    Question(name="compartment: observations", make=in_compartment(
        "Observation", OBSERVATIONS_A_PATIENT)),
    Question(name="compartment: encounters", make=in_compartment("Encounter", VISITS_A_PATIENT)),
    Question(name="compartment: everything", make=in_compartment("*", RECORDS_A_PATIENT + 1)),
)  # fmt: skip
