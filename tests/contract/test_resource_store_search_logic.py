"""Search: and, or, not, ids, types, and links to other resources.

What matches is the table in ``search/tree.py``; random trees are compared with the evaluator in
``test_resource_store_search_properties.py``.

Spec: https://hl7.org/fhir/R4/search.html
"""

import pytest

from fhir_server.model import LogicalId, ResourceType
from fhir_server.search import (
    EVERYTHING,
    NOTHING,
    And,
    Chain,
    Has,
    IdMatch,
    IndexValues,
    Missing,
    Node,
    Not,
    Or,
    TypeMatch,
)
from fhir_server.storage import ResourceStore
from tests.support.stored import deletion, fill, ids, links, query, token, tokens

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (EVERYTHING, {"a", "ab", "b", "none"}),
        (NOTHING, set()),
        (And(parts=(token(("s", "a")), token(("s", "b")))), {"ab"}),
        (Or(parts=(token(("s", "a")), token(("s", "b")))), {"a", "ab", "b"}),
        (And(parts=(token(("s", "a")), Not(part=token(("s", "b"))))), {"a"}),
        (Not(part=Or(parts=(token(("s", "a")), token(("s", "b"))))), {"none"}),
        (
            Or(parts=(Not(part=token(("s", "a"))), IdMatch(values=(LogicalId("a"),)))),
            {"a", "b", "none"},
        ),
        (Not(part=EVERYTHING), set()),
        (Not(part=NOTHING), {"a", "ab", "b", "none"}),
        (And(parts=(Or(parts=()), token(("s", "a")))), set()),
        (IdMatch(values=(LogicalId("b"), LogicalId("x"), LogicalId("b"))), {"b"}),
        (IdMatch(values=()), set()),
        (And(parts=(IdMatch(values=(LogicalId("a"), LogicalId("b"))), token(("s", "b")))), {"b"}),
        (TypeMatch(values=(ResourceType("Patient"),)), {"a", "ab", "b", "none"}),
        (TypeMatch(values=(ResourceType("Group"),)), set()),
    ],
)
async def test_logic(store: ResourceStore, node: Node, expected: set[str]) -> None:
    await fill(
        store,
        a=tokens(("s", "a")),
        ab=tokens(("s", "a"), ("s", "b")),
        b=tokens(("s", "b")),
        none=IndexValues(),
    )
    await fill(store, "Group", a=tokens(("s", "a")))
    found = query(node, total="accurate")
    assert set(await ids(store, found)) == expected
    assert (await store.search(found)).total == len(expected)


@pytest.fixture
async def linked(store: ResourceStore) -> ResourceStore:
    """Two patients, one of them deleted later, and what refers to them."""
    await fill(
        store,
        f=tokens(("s", "female"), parameter="gender"),
        m=tokens(("s", "male"), parameter="gender"),
        gone=tokens(("s", "female"), parameter="gender"),
    )
    await fill(
        store,
        "Observation",
        of=links("Patient/f"),
        om=links("Patient/m"),
        ogone=links("Patient/gone"),
        onever=links("Patient/never"),
        ogroup=links("Group/f"),
        onone=IndexValues(),
    )
    await fill(store, "Group", f=tokens(("s", "female"), parameter="gender"))
    await store.commit([deletion("gone", 2)])
    return store


FEMALE = token(("s", "female"), parameter="gender")


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (FEMALE, {"of"}),
        (Not(part=FEMALE), {"om"}),
        (EVERYTHING, {"of", "om"}),
        (NOTHING, set()),
        (IdMatch(values=(LogicalId("m"), LogicalId("gone"))), {"om"}),
        (Missing(parameter="gender", is_missing=True), set()),
        (
            Has(source_type=ResourceType("Observation"), parameter="subject", where=EVERYTHING),
            {"of", "om"},
        ),
    ],
)
async def test_chains_go_to_current_resources(
    linked: ResourceStore, where: Node, expected: set[str]
) -> None:
    chain = Chain(parameter="subject", target_type=ResourceType("Patient"), where=where)
    assert set(await ids(linked, query(chain, "Observation"))) == expected
    either = Or(parts=(chain, Not(part=EVERYTHING)))
    assert set(await ids(linked, query(either, "Observation"))) == expected
    others = set(await ids(linked, query(Not(part=chain), "Observation")))
    assert others == {"of", "om", "ogone", "onever", "ogroup", "onone"} - expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (EVERYTHING, {"f", "m"}),
        (IdMatch(values=(LogicalId("om"), LogicalId("ogone"), LogicalId("onever"))), {"m"}),
        (Not(part=IdMatch(values=(LogicalId("om"),))), {"f"}),
        (NOTHING, set()),
    ],
)
async def test_reverse_chains_find_what_is_referred_to(
    linked: ResourceStore, where: Node, expected: set[str]
) -> None:
    has = Has(source_type=ResourceType("Observation"), parameter="subject", where=where)
    assert set(await ids(linked, query(has))) == expected
    assert set(await ids(linked, query(Not(part=has)))) == {"f", "m"} - expected
    assert set(await ids(linked, query(has, "Patient", "Group"))) == expected | (
        {"f"} if "f" in expected else set()
    )


async def test_a_deleted_source_does_not_count_for_a_reverse_chain(linked: ResourceStore) -> None:
    await linked.commit([deletion("of", 2, resource_type="Observation")])
    has = Has(source_type=ResourceType("Observation"), parameter="subject", where=EVERYTHING)
    assert await ids(linked, query(has)) == ["m"]
