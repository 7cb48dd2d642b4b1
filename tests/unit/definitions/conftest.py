import pytest

from fhir_server.definitions import Registry, load_registry


@pytest.fixture(scope="session")
def core() -> Registry:
    """R4 alone."""
    return load_registry(national=False)
