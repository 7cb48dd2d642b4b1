"""https://hl7.org/fhir/R4/search.html, paragraph by paragraph; the cases are data."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.client import BASE_URL, FhirClient, rules, running

pytestmark = [pytest.mark.anyio, pytest.mark.spec("search.html", "http.html#search")]

DATA = yaml.safe_load(
    Path(__file__).with_name("search_paragraphs.yaml").read_text(encoding="utf-8")
)
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
async def filled() -> AsyncIterator[FhirClient]:
    """One server for all cases: they only read."""
    async with running() as client:
        entries = [
            {
                "resource": resource,
                "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"},
            }
            for resource in DATA["resources"]
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        answer = await client.post("", bundle)
        assert answer.status_code == 200, answer.text
        yield client


def ids(bundle: Any, mode: str) -> list[str]:
    return [e["resource"]["id"] for e in bundle.get("entry", ()) if e["search"]["mode"] == mode]


@pytest.mark.parametrize("url", DATA["searches"])
async def test_a_paragraph_of_the_page_holds(filled: FhirClient, url: str) -> None:
    said = DATA["searches"][url]
    expected = said if isinstance(said, dict) else {"match": said}
    headers = {"Prefer": "handling=lenient"} if "lenient" in expected else {}
    if "form" in expected:
        headers["Content-Type"] = FORM
        answer = await filled.send("POST", url, expected["form"], headers)
    else:
        answer = await filled.send("GET", url, headers=headers)
    if "rule" in expected:
        assert (answer.status_code, rules(answer)) == (400, [expected["rule"]])
        return
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    found = {
        "match": sorted(ids(bundle, "match")),
        "in_order": ids(bundle, "match"),
        "include": sorted(ids(bundle, "include")),
        "total": bundle.get("total"),
        "keys": sorted(bundle["entry"][0]["resource"]) if "keys" in expected else [],
        "self": bundle["link"][0]["url"].removeprefix(f"{BASE_URL}/"),
    }
    assert {name: found[name] for name in expected if name in found} == {
        name: value for name, value in expected.items() if name in found
    }
