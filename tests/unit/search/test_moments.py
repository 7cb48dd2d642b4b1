from datetime import UTC, datetime

import pytest

from fhir_server.search.moments import interval


def micros(*parts: int) -> int:
    moment = datetime(*parts).replace(tzinfo=UTC)  # type: ignore[arg-type] # numbers only
    return int(moment.timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2024", micros(2024, 1, 1), micros(2025, 1, 1)),
        ("2024-02", micros(2024, 2, 1), micros(2024, 3, 1)),
        ("2023-12", micros(2023, 12, 1), micros(2024, 1, 1)),
        ("2024-02-29", micros(2024, 2, 29), micros(2024, 3, 1)),
        ("2024-05-01T10:30", micros(2024, 5, 1, 10, 30), micros(2024, 5, 1, 10, 31)),
        ("2024-05-01T10:30:05Z", micros(2024, 5, 1, 10, 30, 5), micros(2024, 5, 1, 10, 30, 6)),
        ("2024-05-01T01:00:00+03:00", micros(2024, 4, 30, 22), micros(2024, 4, 30, 22, 0, 1)),
        ("2024-05-01T01:00:00 03:00", micros(2024, 4, 30, 22), micros(2024, 4, 30, 22, 0, 1)),
        ("2024-04-30T20:30:00-04:30", micros(2024, 5, 1, 1), micros(2024, 5, 1, 1, 0, 1)),
        ("1969-12-31T23:59:59Z", -1_000_000, 0),
        ("1970-01-01T00:00:00.25Z", 250_000, 260_000),
        ("1970-01-01T00:00:00.123Z", 123_000, 124_000),
        ("1970-01-01T00:00:00.123456789Z", 123_456, 123_457),
    ],
)
def test_a_moment_covers_what_its_precision_leaves_open(text: str, low: int, high: int) -> None:
    assert interval(text) == (low, high)


def test_the_first_and_the_last_year_have_intervals() -> None:
    first, last = interval("0001"), interval("9999-12")
    assert first is not None
    assert last is not None
    assert first.high - first.low == 365 * 86_400_000_000
    assert last.high - last.low == 31 * 86_400_000_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "24",
        "0000",
        "2024-00",
        "2024-13",
        "2023-02-29",
        "2024-5-1",
        "2024-05-01T",
        "2024-05-01T10",
        "2024-05-01T24:00Z",
        "2024-05-01T10:60Z",
        "2024-05-01T10:00:61Z",
        "2024-05-01 10:00",
        "٢٠٢٤",
        "2024Z",
    ],
)
def test_what_no_calendar_or_clock_shows_is_no_moment(text: str) -> None:
    assert interval(text) is None
