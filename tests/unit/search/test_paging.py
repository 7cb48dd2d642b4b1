from base64 import urlsafe_b64decode

import pytest

from fhir_server.model import InvalidRequest, LogicalId, ResourceType
from fhir_server.search import PagePosition, PageState, PageTokens

KEY, OTHER = b"k" * 32, b"o" * 32
STATE = PageState(
    parameters=(("family", "Шевченко"), ("_sort", "birthdate")),
    after=PagePosition(
        keys=("шевченко", 493084800000000, None, 1.5),
        resource_type=ResourceType("Patient"),
        logical_id=LogicalId("7"),
    ),
)


def test_a_token_opens_to_what_was_sealed() -> None:
    tokens = PageTokens([KEY])
    assert tokens.open(tokens.seal(STATE, bound_to="Patient"), bound_to="Patient") == STATE


def test_nothing_of_the_search_can_be_read_from_a_token() -> None:
    token = PageTokens([KEY]).seal(STATE, bound_to="Patient")
    sealed = urlsafe_b64decode(token + "==")
    assert "Шевченко".encode() not in sealed
    assert b"birthdate" not in sealed
    assert token.isascii()
    assert not set(token) & set("+/=&?")


def test_two_tokens_of_one_page_differ() -> None:
    tokens = PageTokens([KEY])
    assert tokens.seal(STATE, bound_to="Patient") != tokens.seal(STATE, bound_to="Patient")


def test_an_old_key_still_opens_after_a_new_one_seals() -> None:
    old = PageTokens([OTHER]).seal(STATE, bound_to="Patient")
    assert PageTokens([KEY, OTHER]).open(old, bound_to="Patient") == STATE


@pytest.mark.parametrize("change", ["", "x", "ж", "!!!!", "A" * 200])
def test_what_this_server_did_not_make_is_refused(change: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        PageTokens([KEY]).open(change, bound_to="Patient")
    assert refused.value.issues[0].rule == "search-page-token-invalid"


def test_a_changed_token_and_one_of_another_path_or_key_are_refused() -> None:
    tokens = PageTokens([KEY])
    token = tokens.seal(STATE, bound_to="Patient")
    flipped = token[:20] + ("A" if token[20] != "A" else "B") + token[21:]
    for bad, path, keys in (
        (flipped, "Patient", KEY),
        (token, "Person", KEY),
        (token, "Patient", OTHER),
    ):
        with pytest.raises(InvalidRequest):
            PageTokens([keys]).open(bad, bound_to=path)


def test_short_keys_are_refused_at_start_up() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        PageTokens([b"short"])
    with pytest.raises(ValueError, match="16 bytes"):
        PageTokens([])
