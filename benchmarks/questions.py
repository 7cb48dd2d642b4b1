"""What is searched for: one question a category.

The categories are those of the public benchmark (strings, dates, tokens, quantities, composites,
references), and what it has not written yet: several parameters, orders, chains, ``_has``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.asked import (
    LOINC,
    OBSERVATIONS_A_PATIENT,
    RECORDS_A_PATIENT,
    TEMPERATURE,
    TEMPERATURES_A_PATIENT,
    VISITS_A_PATIENT,
    Make,
    day,
    one_of,
)
from benchmarks.patient_questions import (
    born,
    filtered,
    identified,
    named_with_condition,
    organization,
    patients,
    sorted_patients,
    tested_in,
    with_condition,
    with_observations,
)
from benchmarks.record_questions import (
    about,
    all_visits,
    by_performer,
    code_in_month,
    in_compartment,
    in_month,
    newest_of_code,
    of_category,
    of_code,
    of_codes,
    of_encounter,
    of_identified,
    of_named,
    patient_code_since,
    pressed,
    pressed_code,
    status_code_day,
    visits,
    warm,
    warm_code,
    with_subjects,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One line of the table; ``note`` says why it may cost more with more data."""

    name: str
    make: Make
    note: str = ""


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
