"""What tests of every kind share: one MongoDB a test run, and how properties are searched."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.mongod import NoMongod, shared_url

# At a desk each run tries other examples; CI tries the same ones, so that red means this change.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(scope="session")
def mongodb_url(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[str]:
    """A real replica set: that of ``FHIR_TEST_MONGODB``, else the bundled mongod on loopback."""
    if given := os.environ.get("FHIR_TEST_MONGODB"):
        yield given
        return
    base = tmp_path_factory.getbasetemp()
    try:
        with shared_url((base if worker_id == "master" else base.parent) / "mongod") as url:
            yield url
    except NoMongod as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no MongoDB here: {missing}; FHIR_TEST_MONGODB may name one")
