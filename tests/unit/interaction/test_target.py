import pytest

from fhir_server.interaction.target import Target, parse_path
from fhir_server.model import InvalidRequest, NotFound

TYPES = frozenset({"Patient", "Observation", "Person"})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", Target("system")),
        ("metadata", Target("metadata")),
        ("_search", Target("system-search")),
        ("_history", Target("system-history")),
        ("$meta", Target("system-operation", operation="meta")),
        ("Patient", Target("type", "Patient")),
        ("Patient/_search", Target("type-search", "Patient")),
        ("Patient/_history", Target("type-history", "Patient")),
        ("Patient/$validate", Target("type-operation", "Patient", operation="validate")),
        ("Patient/a-1.b", Target("instance", "Patient", "a-1.b")),
        ("Patient/a/_history", Target("instance-history", "Patient", "a")),
        ("Patient/a/_history/2", Target("version", "Patient", "a", "2")),
        ("Patient/a/$meta", Target("instance-operation", "Patient", "a", operation="meta")),
        ("Patient/a/Observation", Target("compartment", "Patient", "a", member_type="Observation")),
        ("Patient/a/*", Target("compartment", "Patient", "a", member_type="*")),
        ("Patient/a/*/_search", Target("compartment-search", "Patient", "a", member_type="*")),
    ],
)
def test_each_shape_of_url_is_told_apart(path, expected) -> None:
    assert parse_path(path, TYPES) == expected


@pytest.mark.parametrize(
    "path", ["Unicorn", "Patient/a/b", "Patient/a/_history/1/2", "a//b", "$a/b"]
)
def test_what_no_url_of_fhir_looks_like_is_not_found(path) -> None:
    with pytest.raises(NotFound):
        parse_path(path, TYPES)


@pytest.mark.parametrize("logical_id", ["", "a" * 65, "a_b", "ї", ".."[:0] + " "])
def test_an_id_that_is_none_is_refused(logical_id) -> None:
    with pytest.raises(InvalidRequest):
        parse_path(f"Patient/{logical_id}", TYPES)


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("Pateint", "Patient"), ("observation", "Observation"), ("PERSON", "Person")],
)
def test_the_nearest_type_is_suggested(wrong, near) -> None:  # fmt: skip
    with pytest.raises(NotFound) as refusal:
        parse_path(wrong, TYPES)
    assert refusal.value.issues[0].suggestions[0] == near
