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


@pytest.fixture(scope="session")
def extended(registry: Registry) -> Callable[..., Validator]:
    """Make a validator with further definitions or other options; the same ones share it."""

    made: dict[str, Validator] = {}

    def make(definitions: Sequence[Json], options: Json) -> Validator:
        key = repr((definitions, options))
        if key not in made:
            known = registry.with_resources(definitions) if definitions else registry
            chosen = ValidationOptions(**{"best_practice": None, **options})
            made[key] = Validator(known, Terminology(known), chosen)
        return made[key]

    return make


@pytest.fixture
def validate(extended: Callable[..., Validator], base_validator: Validator) -> Validate:
    def run(
        resource: Json,
        *,
        definitions: Sequence[Json] = (),
        profiles: Sequence[str] = (),
        resolver: Any = None,
        is_strict: bool = False,
        **options: Any,
    ) -> list[Issue]:
        validator = base_validator
        if definitions or options:
            validator = extended(definitions, options)
        return validator.validate(
            resource, profiles=profiles, resolver=resolver, is_strict=is_strict
        )

    return run
