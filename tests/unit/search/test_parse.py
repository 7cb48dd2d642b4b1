from collections.abc import Callable
from decimal import Decimal

import pytest

from fhir_server.definitions import Registry
from fhir_server.model import InvalidRequest, NotFound, TooCostly
from fhir_server.search import (
    And,
    DateMatch,
    IdMatch,
    Include,
    NumberMatch,
    Or,
    ParsedSearch,
    QueryParser,
    ReferenceMatch,
    ReferenceTerm,
    SearchLimits,
    SortKey,
    StringMatch,
    TokenMatch,
    TokenTerm,
    TypeMatch,
)

Parse = Callable[..., ParsedSearch]


def test_a_plain_search_has_the_default_page(parse: Parse) -> None:
    parsed = parse("Patient?gender=male")
    assert parsed.query.resource_types == ("Patient",)
    assert parsed.query.page_count == 20
    assert parsed.query.total == "none"
    assert parsed.query.where == TokenMatch(parameter="gender", values=(TokenTerm(None, "male"),))
    assert parsed.used == (("gender", "male"),)


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        (r"identifier=a\,b", [TokenTerm(None, "a,b")]),
        (r"identifier=a,b", [TokenTerm(None, "a"), TokenTerm(None, "b")]),
        (r"identifier=s|a\|b", [TokenTerm("s", "a|b")]),
        (r"identifier=a\$b", [TokenTerm(None, "a$b")]),
        (r"identifier=a\\,b", [TokenTerm(None, "a\\"), TokenTerm(None, "b")]),
        (r"identifier=C:\temp", [TokenTerm(None, r"C:\temp")]),
    ],
)
def test_backslashes_keep_separators(query: str, terms: list[TokenTerm], parse: Parse) -> None:
    where = parse(f"Patient?{query}").query.where
    assert where == TokenMatch(parameter="identifier", values=tuple(terms))


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("100", "99.5", "100.5"),
        ("100.00", "99.995", "100.005"),
        ("1e2", "95", "105"),
        ("5e-1", "0.495", "0.505"),
        ("1.0e2", "95", "105"),
        ("-3", "-3.5", "-2.5"),
        ("ap100", "90", "110"),
        (
            "12345678901234567890.12345",
            "12345678901234567890.123445",
            "12345678901234567890.123455",
        ),
    ],
)
def test_a_number_stands_for_what_its_digits_leave_open(
    text: str, low: str, high: str, parse: Parse
) -> None:
    where = parse(f"RiskAssessment?probability={text}").query.where
    assert isinstance(where, NumberMatch)
    (term,) = where.values
    assert (term.low, term.high) == (Decimal(low), Decimal(high))


@pytest.mark.parametrize("prefix", ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
def test_every_prefix_is_kept(prefix: str, parse: Parse) -> None:
    where = parse(f"Patient?birthdate={prefix}2020").query.where
    assert isinstance(where, DateMatch)
    assert where.values[0].prefix == prefix


def test_a_bare_id_is_spelled_out_for_the_possible_targets(parse: Parse) -> None:
    where = parse("Observation?subject=7").query.where
    assert isinstance(where, ReferenceMatch)
    targets = ["Device", "Group", "Location", "Patient"]
    assert where.values == tuple(ReferenceTerm(target, "7", "") for target in targets)


def test_a_bare_id_stays_bare_where_anything_may_be_the_target(parse: Parse) -> None:
    where = parse("Provenance?target=7").query.where
    assert where == ReferenceMatch(parameter="target", values=(ReferenceTerm("", "7", ""),))


def test_result_parameters_are_read(parse: Parse) -> None:
    parsed = parse(
        "Observation?_count=5&_sort=-date,code,_id&_total=accurate&_summary=data"
        "&_elements=status,Observation.code&_include=Observation:subject:Patient"
        "&_include:iterate=Patient:*&_revinclude=Provenance:target&_explain=true"
    )
    assert parsed.query.page_count == 5
    assert parsed.query.total == "accurate"
    assert parsed.query.sort == (
        SortKey(parameter="date", kind="date", is_descending=True),
        SortKey(parameter="code", kind="token"),
        SortKey(parameter="_id", kind="_id"),
    )
    options = parsed.options
    assert (options.summary, options.elements, options.explain) == (
        "data",
        ("status", "Observation.code"),
        True,
    )
    assert options.includes == (
        Include(source_type="Observation", parameter="subject", target_type="Patient"),  # type: ignore[arg-type]
        Include(source_type="Patient", parameter=None, is_iterate=True),  # type: ignore[arg-type]
        Include(source_type="Provenance", parameter="target", is_reverse=True),  # type: ignore[arg-type]
    )


def test_a_greater_count_is_cut_down_and_the_self_link_says_so(parse: Parse) -> None:
    parsed = parse("Patient?_count=5000")
    assert parsed.query.page_count == 1000
    assert parsed.used == (("_count", "1000"),)


@pytest.mark.parametrize("query", ["_count=0", "_summary=count"])
def test_a_search_for_the_total_alone_asks_for_no_page(query: str, parse: Parse) -> None:
    parsed = parse(f"Patient?{query}")
    assert (parsed.query.page_count, parsed.query.total) == (0, "accurate")


def test_empty_values_and_wire_parameters_are_not_in_the_self_link(parse: Parse) -> None:
    parsed = parse("Patient?gender=&name=,&_format=json&_pretty=true&active=true")
    assert parsed.used == (("active", "true"),)
    assert parsed.ignored == (("gender", ""), ("name", ","))
    assert parsed.issues == ()


def test_a_lenient_search_leaves_out_what_it_does_not_understand_and_says_so(parse: Parse) -> None:
    parsed = parse("Patient?colour=red&birthdate=soon&gender=male&_sort=size", lenient=True)
    assert parsed.used == (("gender", "male"),)
    assert [name for name, _ in parsed.ignored] == ["colour", "birthdate", "_sort"]
    assert [issue.rule for issue in parsed.issues] == ["search-ignored"] * 3
    assert all(issue.severity == "warning" for issue in parsed.issues)
    assert "colour" in parsed.issues[0].text.en
    assert "враховано" in parsed.issues[0].text.uk
    assert isinstance(parsed.query.where, TokenMatch)


def test_lenient_does_not_lift_the_limits(registry: Registry) -> None:
    parser = QueryParser(registry, SearchLimits(max_alternatives=2, max_parameters=3))
    with pytest.raises(TooCostly) as values:
        parser.parse(["Patient"], [("gender", "a,b,c")], lenient=True)
    assert values.value.issues[0].rule == "search-too-many-alternatives"
    with pytest.raises(TooCostly) as parameters:
        parser.parse(["Patient"], [("gender", "a")] * 4, lenient=True)
    assert parameters.value.issues[0].rule == "search-too-many-parameters"


def test_expansions_and_includes_are_bounded(registry: Registry) -> None:
    from tests.unit.search.conftest import Concepts

    limits = SearchLimits(max_expansion=2, max_includes=1)
    parser = QueryParser(registry, limits, expander=Concepts())
    with pytest.raises(TooCostly) as expansion:
        parser.parse(["Condition"], [("code:in", "urn:vs:diabetes")])
    assert expansion.value.issues[0].rule == "search-expansion-too-large"
    include = ("_include", "Patient:organization")
    with pytest.raises(TooCostly) as includes:
        parser.parse(["Patient"], [include, include])
    assert includes.value.issues[0].rule == "search-too-many-includes"


def test_without_terminology_its_modifiers_are_refused(registry: Registry) -> None:
    with pytest.raises(InvalidRequest) as refused:
        QueryParser(registry).parse(["Condition"], [("code:below", "s|c")])
    assert refused.value.issues[0].rule == "search-terminology-missing"


def test_the_nearest_parameter_is_suggested(parse: Parse) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse("Patient?birthDate=1985")
    assert refused.value.issues[0].suggestions == ("birthdate",)


def test_a_search_over_all_types_knows_what_all_have(parse: Parse) -> None:
    parsed = parse("?_id=7&_lastUpdated=gt2024")
    assert "Patient" in parsed.query.resource_types
    assert len(parsed.query.resource_types) > 140
    with pytest.raises(InvalidRequest, match="Resource has no search parameter 'name'"):
        parse("?name=x")


def test_a_search_over_some_types_knows_what_they_share(parse: Parse) -> None:
    parsed = parse("?_type=Observation,Encounter&date=2024&_sort=date")
    assert parsed.query.resource_types == ("Observation", "Encounter")
    assert isinstance(parsed.query.where, DateMatch)
    with pytest.raises(InvalidRequest, match="'Obs'"):
        parse("?_type=Obs")


def test_parameters_of_one_name_and_several_types_cannot_be_asked_together(parse: Parse) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse("?_type=Medication,Immunization&lot-number=x")
    assert refused.value.issues[0].rule == "search-parameter-differs"


def test_a_compartment_is_what_refers_to_its_owner(parse: Parse) -> None:
    where = parse("Observation?status=final", compartment=("Patient", "7")).query.where
    owner = (ReferenceTerm("Patient", "7", ""),)
    assert isinstance(where, And)
    assert where.parts[1] == Or(
        parts=(
            ReferenceMatch(parameter="subject", values=owner),
            ReferenceMatch(parameter="performer", values=owner),
        )
    )


def test_the_owner_is_in_its_own_compartment(parse: Parse) -> None:
    where = parse("Encounter?", compartment=("Encounter", "7")).query.where
    assert where == IdMatch(values=("7",))  # type: ignore[arg-type]


def test_a_compartment_over_all_types_asks_each_type_its_own_way(parse: Parse) -> None:
    parsed = parse("?", compartment=("Patient", "7"))
    assert "Observation" in parsed.query.resource_types
    assert "Organization" not in parsed.query.resource_types
    assert isinstance(parsed.query.where, Or)
    kinds = {
        part.values[0]
        for way in parsed.query.where.parts
        if isinstance(way, And)
        for part in way.parts
        if isinstance(part, TypeMatch)
    }
    assert kinds == set(parsed.query.resource_types)


def test_there_is_no_compartment_of_other_types(parse: Parse) -> None:
    with pytest.raises(NotFound) as refused:
        parse("Observation?", compartment=("Medication", "7"))
    assert refused.value.issues[0].rule == "search-compartment-unknown"


def test_text_of_a_token_is_searched_like_a_string(parse: Parse) -> None:
    where = parse("Condition?code:text=Діабет").query.where
    assert where == StringMatch(parameter="code:text", mode="prefix", values=("діабет",))
