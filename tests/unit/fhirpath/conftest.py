from collections.abc import Callable
from typing import Any

import pytest

from fhir_server.definitions import Registry, load_registry
from fhir_server.fhirpath import Env, Navigator, compile_expression, root_node, to_json

Evaluate = Callable[..., list[Any]]


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_registry(national=False)


@pytest.fixture(scope="session")
def navigator(registry: Registry) -> Navigator:
    return Navigator(registry.types)


@pytest.fixture(scope="session")
def evaluate(registry: Registry, navigator: Navigator) -> Evaluate:
    """Evaluate on a resource, or on nothing, and return JSON values."""

    def run(
        expression: str, resource: dict[str, Any] | None = None, env: Env | None = None
    ) -> list[Any]:
        compiled = compile_expression(expression, registry.types, navigator=navigator)
        focus = [] if resource is None else [root_node(resource, registry.types)]
        return [to_json(item) for item in compiled.evaluate(focus, env or Env())]

    return run
