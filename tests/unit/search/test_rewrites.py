from fhir_server.definitions import Registry
from fhir_server.model import LogicalId, ResourceType
from fhir_server.search import (
    EVERYTHING,
    NOTHING,
    And,
    Chain,
    Has,
    IdMatch,
    Missing,
    Node,
    Not,
    Or,
    TokenMatch,
    TokenTerm,
    TypeMatch,
    UriMatch,
)
from fhir_server.search.implicit import ImplicitSystems
from fhir_server.search.rewrites import Around, rewrite

PATIENT = ResourceType("Patient")


def token(parameter: str, *codes: str) -> TokenMatch:
    return TokenMatch(parameter=parameter, values=tuple(TokenTerm(None, code) for code in codes))


def rewritten(node: Node, registry: Registry, resource_type: str = "Patient") -> Node:
    around = Around(registry, (ResourceType(resource_type),), ImplicitSystems(registry))
    return rewrite(node, around)


def test_nested_and_and_or_become_flat(registry: Registry) -> None:
    a, b, c = token("gender", "a"), token("active", "b"), token("language", "c")
    assert rewritten(And(parts=(And(parts=(a, b)), c, a)), registry) == And(parts=(a, b, c))
    assert rewritten(Or(parts=(a, Or(parts=(b, c)))), registry) == Or(parts=(a, b, c))
    assert rewritten(And(parts=(Or(parts=(a,)),)), registry) == a


def test_alternatives_of_one_parameter_become_one_leaf(registry: Registry) -> None:
    both = Or(parts=(token("gender", "a", "b"), token("gender", "b", "c"), token("active", "x")))
    assert rewritten(both, registry) == Or(
        parts=(token("gender", "a", "b", "c"), token("active", "x"))
    )
    ids = Or(parts=(IdMatch(values=(LogicalId("1"),)), IdMatch(values=(LogicalId("2"),))))
    assert rewritten(ids, registry) == IdMatch(values=(LogicalId("1"), LogicalId("2")))


def test_uris_of_different_modes_are_not_merged(registry: Registry) -> None:
    exact = UriMatch(parameter="_profile", mode="exact", values=("u:a",))
    below = UriMatch(parameter="_profile", mode="below", values=("u:a",))
    assert rewritten(Or(parts=(exact, below)), registry) == Or(parts=(exact, below))


def test_what_nothing_can_satisfy_decides(registry: Registry) -> None:
    empty = token("gender")
    assert rewritten(empty, registry) == NOTHING
    assert rewritten(And(parts=(token("active", "x"), empty)), registry) == NOTHING
    assert rewritten(Or(parts=(token("active", "x"), empty)), registry) == token("active", "x")
    assert rewritten(Not(part=empty), registry) == EVERYTHING
    has = Has(source_type=ResourceType("Observation"), parameter="patient", where=token("code"))
    assert rewritten(has, registry) == NOTHING


def test_double_negation_goes_away(registry: Registry) -> None:
    male = token("gender", "male")
    assert rewritten(Not(part=Not(part=male)), registry) == male


def test_a_canonical_with_version_is_also_looked_for_as_url_and_version(registry: Registry) -> None:
    asked = UriMatch(parameter="url", mode="exact", values=("u:a|1",))
    assert rewritten(asked, registry, "ValueSet") == Or(
        parts=(
            asked,
            And(
                parts=(
                    UriMatch(parameter="url", mode="exact", values=("u:a",)),
                    token("version", "1"),
                )
            ),
        )
    )


def test_a_chain_also_looks_into_contained_resources(registry: Registry) -> None:
    chain = Chain(
        parameter="organization", target_type=ResourceType("Organization"), where=token("type", "x")
    )
    inside = token("organization:Organization.type", "x")
    assert rewritten(chain, registry) == Or(parts=(chain, inside))


def test_a_chain_that_ends_in_a_negation_looks_at_resources_of_their_own(
    registry: Registry,
) -> None:
    organization = ResourceType("Organization")
    for where in (Not(part=token("type", "x")), Missing(parameter="type", is_missing=True)):
        chain = Chain(parameter="organization", target_type=organization, where=where)
        assert rewritten(chain, registry) == chain


def test_types_are_merged_too(registry: Registry) -> None:
    either = Or(parts=(TypeMatch(values=(PATIENT,)), TypeMatch(values=(ResourceType("Group"),))))
    assert rewritten(either, registry) == TypeMatch(values=(PATIENT, ResourceType("Group")))
