"""Search values are values: nothing that a client writes becomes an operator of the database."""

from dataclasses import replace

import pytest

from tests.support.client import SETTINGS, running
from tests.support.mongo_store import database_url, empty_store

pytestmark = pytest.mark.anyio

VALUES = ['{"$ne":null}', "$ne", "[$ne]", "{$gt: ''}", ".*", "^", "a||1==1", "\0", "'; return true"]
PARAMETERS = ["identifier", "family", "_id", "organization", "family:contains", "family:exact"]


@pytest.mark.parametrize("value", VALUES)
async def test_an_operator_as_value_finds_nothing(mongodb_url: str, value: str) -> None:
    await (await empty_store(mongodb_url)).close()
    person = {"resourceType": "Patient", "id": "1", "name": [{"family": "Вигаданенко"}]}
    async with running(replace(SETTINGS, store=database_url(mongodb_url))) as client:
        assert (await client.put("Patient/1", person)).status_code == 201
        for parameter in PARAMETERS:
            url = client.http.build_request("GET", "http://x/", params={parameter: value}).url
            found = await client.get(f"Patient?{url.query.decode()}")
            assert found.status_code in {200, 400}, (parameter, found.text)
            if found.status_code == 200:
                assert found.json()["total"] == 0, parameter


@pytest.mark.parametrize("name", ["identifier[$ne]", "$where", "family.$ne", "rt", "j", "_id[$gt]"])
async def test_an_operator_as_parameter_is_refused(mongodb_url: str, name: str) -> None:
    await (await empty_store(mongodb_url)).close()
    async with running(replace(SETTINGS, store=database_url(mongodb_url))) as client:
        url = client.http.build_request("GET", "http://x/", params={name: "x"}).url
        assert (await client.get(f"Patient?{url.query.decode()}")).status_code == 400
