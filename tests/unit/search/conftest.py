from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from fhir_server.definitions import Registry, load_registry
from fhir_server.search import IndexExtractor, IndexValues, ParsedSearch, QueryParser

BASE_URL = "https://fhir.example.org/fhir"
NOW = datetime(2024, 5, 1, tzinfo=UTC)


class Concepts:
    """Terminology of one small tree: disease > diabetes > type-1, type-2."""

    SYSTEM = "urn:cs"
    PARENTS: ClassVar = {"diabetes": "disease", "type-1": "diabetes", "type-2": "diabetes"}

    def members(self, value_set: str) -> list[tuple[str, str]] | None:
        found = {"urn:vs:diabetes": self.descendants(self.SYSTEM, "diabetes"), "urn:vs:none": []}
        codes = found.get(value_set)
        return None if codes is None else [(self.SYSTEM, code) for code in codes]

    def ancestors(self, system: str, code: str) -> list[str] | None:
        if system != self.SYSTEM:
            return None
        above = self.PARENTS.get(code)
        return [code, *(self.ancestors(system, above) or [])] if above else [code]

    def descendants(self, system: str, code: str) -> list[str] | None:
        if system != self.SYSTEM:
            return None
        below = [child for child, parent in self.PARENTS.items() if parent == code]
        return [code, *(c for child in below for c in self.descendants(system, child) or [])]


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_registry(national=False)


@pytest.fixture(scope="session")
def extractor(registry: Registry) -> IndexExtractor:
    return IndexExtractor(registry, base_urls=[BASE_URL])


@pytest.fixture(scope="session")
def parser(registry: Registry) -> QueryParser:
    return QueryParser(registry, expander=Concepts(), now=lambda: NOW, full_text="content")


@pytest.fixture
def index(extractor: IndexExtractor) -> Callable[..., IndexValues]:
    def extract(resource_type: str, **elements: Any) -> IndexValues:
        return extractor.extract({"resourceType": resource_type, "id": "x", **elements})

    return extract


@pytest.fixture
def parse(parser: QueryParser) -> Callable[..., ParsedSearch]:
    def read(query: str, *, types: Sequence[str] | None = None, **options: Any) -> ParsedSearch:
        """``Patient?name=x&_count=2``; nothing is percent-encoded."""
        resource_type, _, rest = query.partition("?")
        pairs = [(name, value) for name, _, value in (p.partition("=") for p in rest.split("&"))]
        searched = types or ([resource_type] if resource_type else None)
        return parser.parse(searched, pairs, base_url=BASE_URL, **options)

    return read


def exact(value: Any) -> Any:
    """YAML's floats as the decimals that JSON would give."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, list):
        return [exact(item) for item in value]
    return {k: exact(v) for k, v in value.items()} if isinstance(value, dict) else value


def data(name: str) -> Any:
    """A data file beside the tests."""
    return yaml.safe_load((Path(__file__).parent / name).read_text(encoding="utf-8"))
