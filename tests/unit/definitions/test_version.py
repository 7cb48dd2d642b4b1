"""Which business version is the later one."""

import pytest

from fhir_server.definitions.version import version_key


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (None, "1"),
        ("1.9", "1.10"),
        ("1.0.0-ballot", "1.0.0"),
        ("2018-08-12", "2019-01-01"),
        ("20180812", "20190101"),
        ("2018-08-12", "4.0.0"),
    ],
)
def test_versions_are_sorted_as_people_count_them(earlier, later):
    assert version_key(earlier) < version_key(later)
