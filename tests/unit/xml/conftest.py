import pytest

from fhir_server.xml import XmlCodec
from tests.support.client import registry


@pytest.fixture(scope="session")
def codec() -> XmlCodec:
    return XmlCodec(registry().types)
