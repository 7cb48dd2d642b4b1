"""What is left of a search over several types for one of them."""

import pytest

from fhir_server.model import ResourceType
from fhir_server.search import (
    EVERYTHING,
    NOTHING,
    And,
    Node,
    Not,
    Or,
    TokenMatch,
    TokenTerm,
    TypeMatch,
    for_type,
)

PATIENT, GROUP = ResourceType("Patient"), ResourceType("Group")
IS_PATIENT, IS_GROUP = TypeMatch(values=(PATIENT,)), TypeMatch(values=(GROUP,))


def token(code: str) -> TokenMatch:
    return TokenMatch(parameter="t", values=(TokenTerm("s", code),))


A, B = token("a"), token("b")


@pytest.mark.parametrize(
    ("node", "left"),
    [
        (A, A),
        (IS_PATIENT, EVERYTHING),
        (IS_GROUP, NOTHING),
        (And(parts=(IS_PATIENT, A)), A),
        (And(parts=(IS_GROUP, A)), NOTHING),
        (Or(parts=(And(parts=(IS_PATIENT, A)), And(parts=(IS_GROUP, B)))), A),
        (Or(parts=(IS_PATIENT, A)), EVERYTHING),
        (Or(parts=(IS_GROUP, A, B)), Or(parts=(A, B))),
        (Not(part=IS_PATIENT), NOTHING),
        (Not(part=IS_GROUP), EVERYTHING),
        (Not(part=And(parts=(IS_PATIENT, A))), Not(part=A)),
        (And(parts=(A, B)), And(parts=(A, B))),
    ],
)
def test_only_what_concerns_the_type_is_left(node: Node, left: Node) -> None:
    assert for_type(node, PATIENT) == left
