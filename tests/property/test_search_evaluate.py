"""What one resource alone is judged by agrees with the evaluator that stores are compared with."""

from hypothesis import given
from hypothesis import strategies as st

from fhir_server.model import LogicalId, ResourceType
from fhir_server.search import And, IndexValues, Node, Not, Or
from fhir_server.search.evaluate import Candidate
from tests.support import search_evaluator as evaluator
from tests.support.random_index import IDS, LEAVES, TYPES, VALUES


def larger(part: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    parts = st.lists(part, max_size=3).map(tuple)
    return st.one_of(
        st.builds(And, parts=parts), st.builds(Or, parts=parts), st.builds(Not, part=part)
    )


@given(
    resource_type=TYPES,
    logical_id=IDS,
    values=VALUES,
    asked=st.recursive(LEAVES, larger, max_leaves=5),
)
def test_a_resource_judged_alone_is_judged_as_in_a_store(
    resource_type: ResourceType, logical_id: LogicalId, values: IndexValues, asked: Node
) -> None:
    key = (resource_type, logical_id)
    expected = evaluator.matches(asked, key, {key: values})
    assert Candidate(resource_type, logical_id, values).satisfies(asked) == expected
