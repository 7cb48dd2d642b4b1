"""One registry for all tests here, and a validator for each set of further definitions."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from fhir_server.definitions import Registry, load_registry
from fhir_server.model import Issue
from fhir_server.terminology import Terminology
from fhir_server.validation import ValidationOptions, Validator

Json = dict[str, Any]
Validate = Callable[..., list[Issue]]


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_registry()


@pytest.fixture(scope="session")
def base_validator(registry: Registry) -> Validator:
    options = ValidationOptions(best_practice=None)
    return Validator(registry, Terminology(registry), options)


@pytest.fixture
def validate(registry: Registry, base_validator: Validator) -> Validate:
    def run(
        resource: Json,
        *,
        definitions: Sequence[Json] = (),
        profiles: Sequence[str] = (),
        resolver: Any = None,
        **options: Any,
    ) -> list[Issue]:
        validator = base_validator
        if definitions or options:
            extended = registry.with_resources(definitions) if definitions else registry
            chosen = ValidationOptions(**{"best_practice": None, **options})
            validator = Validator(extended, Terminology(extended), chosen)
        return validator.validate(resource, profiles=profiles, resolver=resolver)

    return run
