from datetime import UTC, datetime, timedelta

import pytest

from fhir_server.interaction.moment import parse_interval
from fhir_server.model import InvalidRequest


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2024", "2024-01-01T00:00:00", "2025-01-01T00:00:00"),
        ("2024-12", "2024-12-01T00:00:00", "2025-01-01T00:00:00"),
        ("2024-02", "2024-02-01T00:00:00", "2024-03-01T00:00:00"),
        ("2024-02-29", "2024-02-29T00:00:00", "2024-03-01T00:00:00"),
        ("2024-05-06T07:08", "2024-05-06T07:08:00", "2024-05-06T07:09:00"),
        ("2024-05-06T07:08:09Z", "2024-05-06T07:08:09", "2024-05-06T07:08:10"),
        ("2024-05-06T07:08:09.5Z", "2024-05-06T07:08:09.5", "2024-05-06T07:08:09.501"),
        ("2024-05-06T10:08:09+03:00", "2024-05-06T07:08:09", "2024-05-06T07:08:10"),
        ("2024-05-06T10:08:09 03:00", "2024-05-06T07:08:09", "2024-05-06T07:08:10"),
    ],
)
def test_a_time_means_the_interval_of_its_precision(text, low, high) -> None:
    found = parse_interval("_since", text)
    assert found == tuple(datetime.fromisoformat(t).replace(tzinfo=UTC) for t in (low, high))
    assert found[1] - found[0] > timedelta(0)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "24", "2024-13", "2024-02-30", "2024-05-06T25:00"]
)
def test_anything_else_is_refused(text) -> None:
    with pytest.raises(InvalidRequest):
        parse_interval("_since", text)
