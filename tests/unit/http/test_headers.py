from datetime import UTC, datetime, timedelta, timezone

import pytest

from fhir_server.http.headers import (
    etag,
    http_date,
    join_headers,
    language,
    preconditions,
    preferences,
    quality,
)
from fhir_server.interaction import Preconditions, Preferences


def test_repeated_headers_are_joined_by_commas() -> None:
    assert join_headers([(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]) == {b"a": b"1, 3", b"b": b"2"}


def test_conditions_are_read() -> None:
    headers = {
        b"if-match": b'W/"3"',
        b"if-none-match": b'W/"1", "2", 4',
        b"if-modified-since": b"Mon, 06 May 2024 07:08:09 GMT",
        b"if-none-exist": b"identifier=1",
    }
    assert preconditions(headers) == Preconditions(
        if_match="3",
        if_none_match=("1", "2", "4"),
        if_modified_since=datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
        if_none_exist="identifier=1",
    )
    assert preconditions({}) == Preconditions()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, Preferences()),
        ("return=minimal", Preferences(returns="minimal")),
        (
            "handling=lenient; return=representation",
            Preferences(returns="representation", handling="lenient"),
        ),
        (
            'respond-async, return="OperationOutcome"',
            Preferences(returns="OperationOutcome", is_async=True),
        ),
        ("return=all; handling=loose; wait=5", Preferences()),
    ],
)  # fmt: skip
def test_preferences_are_read_and_unknown_ones_ignored(text, expected) -> None:
    assert preferences(text) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "uk"),
        ("", "uk"),
        ("en", "en"),
        ("uk-UA,uk;q=0.9,en;q=0.8", "uk"),
        ("de, en-GB;q=0.5", "en"),
        ("en;q=0.4, uk;q=0.5", "uk"),
        ("en;q=0", "uk"),
        ("*", "uk"),
    ],
)
def test_the_best_known_language_is_chosen(header, expected) -> None:
    assert language(header, "uk") == expected


@pytest.mark.parametrize(
    ("parameters", "expected"), [("", 1.0), ("q=0.3", 0.3), ("a=b; Q=0.5", 0.5), ("q=x", 0.0)]
)
def test_quality_values(parameters, expected) -> None:
    assert quality(parameters) == expected


def test_versions_and_times_are_written_as_http_has_them() -> None:
    kyiv = timezone(timedelta(hours=3))
    assert etag(12) == b'W/"12"'
    assert http_date(datetime(2024, 5, 6, 10, 8, 9, 999, tzinfo=kyiv)) == (
        b"Mon, 06 May 2024 07:08:09 GMT"
    )
