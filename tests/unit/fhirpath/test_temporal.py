"""Dates and times as intervals."""

import pytest

from fhir_server.fhirpath.temporal import Kind, compare, temporal


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("date", "2024"),
        ("date", "2024-02-29"),
        ("dateTime", "2024-05"),
        ("dateTime", "2024-05-01T10:00+03:00"),
        ("dateTime", "2024-05-01T10:00:00.120Z"),
        ("dateTime", "0001-01-01T00:00:00-12:00"),
        ("time", "10"),
        ("time", "10:30:00.5"),
    ],
)
def test_a_value_prints_back(kind: Kind, text: str) -> None:
    assert str(temporal(kind, text)) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("date", "2023-02-29"),
        ("date", "2024-13"),
        ("date", "0000"),
        ("date", "2024-05-01T10:00"),
        ("date", "24-05"),
        ("dateTime", "10:30"),
        ("dateTime", "2024-05-01Z"),
        ("dateTime", "2024-05-01T24:00"),
        ("dateTime", "2024-05-01T10:00+25:00"),
        ("time", "10:60"),
        ("time", "10:30Z"),
        ("time", "2024"),
        ("time", ""),
        ("date", ""),
    ],
)
def test_what_is_none_is_told_apart(kind: Kind, text: str) -> None:
    assert temporal(kind, text) is None


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        ("2024-05-01T10:00:00Z", "2024-05-01T12:00:00+02:00", 0),
        ("2024-05-01T10:00:00", "2024-05-01T10:00:00.000", 0),
        ("2024-05-01T10:00:60", "2024-05-01T10:00:59", 0),
        ("2024", "2024-05", None),
        ("2024-02", "2024-03-01", -1),
        ("2024-03", "2024-02-29", 1),
        ("2024-05-01T10:00:00Z", "2024-05-01T10:00:00", None),
        ("2024-05-01T10:00:00Z", "2024-05-03T10:00:00", -1),
        ("2024-05-03T10:00:00", "2024-05-01T10:00:00Z", 1),
        ("2024-05-01", "2024-05-01T00:00:00Z", None),
    ],
)
def test_the_order_is_open_where_the_precision_leaves_it_open(
    left: str, right: str, order: int | None
) -> None:
    one, other = temporal("dateTime", left), temporal("dateTime", right)
    assert one is not None
    assert other is not None
    assert compare(one, other) == order
    opposite = compare(other, one)
    assert opposite == (None if order is None else -order)
