"""Validation in process, warm, one core: national records, bundles, the split of a create.

Baselines do part of the same work: ``fhir.resources`` (Pydantic models of R4B) parses the same
text and checks types and cardinality; ``fhirpathpy`` evaluates the invariants of one profile.
Every answer is checked: examples are valid, broken ones are not.
"""

import copy
import gc
import resource as process
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import Row, save, show
from benchmarks.split import show_split
from fhir_server.definitions import Registry, load_registry
from fhir_server.fhirpath import Env, compile_expression, root_node
from fhir_server.model import decode_object, encode
from fhir_server.terminology import Terminology
from fhir_server.validation import ValidationOptions, Validator

EXAMPLES = Path(__file__).parents[1] / "examples"
SECONDS = 3.0
HEADINGS = ("what", "bytes", "per CPU-s", "p50 µs", "p99 µs", "errors", "budget p50")


def main(_: list[str]) -> None:
    """Measure and print."""
    registry = load_registry()
    options = ValidationOptions(best_practice=None, with_demands=True)
    validator = Validator(registry, Terminology(registry), options)
    passport = _example("patients/passport")
    card = _example("patients/id-card")
    encounter = _example("encounters/primary-care")
    plain = {k: v for k, v in passport.items() if k != "meta"}
    base = Validator(registry, Terminology(registry), ValidationOptions(best_practice=None))
    observation = _example("observations/body-temperature")
    broken = {**card, "gender": "femal", "birthDate": "1985-02-30"}
    cases: list[tuple[str, Any, Callable[[Any], bool], str]] = [
        ("Patient, R4 alone", plain, _says(base, is_valid=True), ""),
        ("Patient with the national profile", passport, _says(validator, is_valid=True), "250"),
        ("the same with ID card, ten extensions", card, _says(validator, is_valid=True), "250"),
        ("the same, two mistakes", broken, _says(validator, is_valid=False), ""),
        ("Encounter with the national profile", encounter, _says(validator, is_valid=True), ""),
        ("Observation with the national profile", observation, _says(validator, is_valid=True), ""),
        (
            "Bundle of 50",
            _bundle(50, passport, encounter),
            _says(validator, is_valid=True),
            "25,000",
        ),
        ("Bundle of 500", _bundle(500, passport, encounter), _says(validator, is_valid=True), ""),
        ("every national example, one after the other", _examples(), _answers(validator), ""),
        ("the invariants of the Patient's profile alone", card, _invariants(registry), ""),
        ("baseline: fhirpathpy evaluates them", card, _fhirpathpy(registry), ""),
        ("baseline: fhir.resources parses the Patient", passport, _pydantic(), ""),
    ]
    rows: list[Row] = []
    lines: list[tuple[str, ...]] = []
    for name, resource, is_right, budget in cases:
        row = _measure(name, resource, is_right, budget)
        rows.append(row)
        size = len(encode(resource))
        micro = (f"{row.p50_ms * 1000:,.0f}", f"{row.p99_ms * 1000:,.0f}", str(row.errors), budget)
        lines.append((name, f"{size:,}", f"{row.per_cpu_s:,.0f}", *micro))
    show("validation, in process", HEADINGS, lines)
    rss = process.getrusage(process.RUSAGE_SELF).ru_maxrss * 1024
    print(f"most memory: {rss / 1e6:.0f} MB")
    save("validation", rows, rss_bytes=rss, create=dict(show_split(card)))


def _measure(name: str, resource: Any, is_right: Callable[[Any], bool], budget: str) -> Row:
    """Run one case for some seconds after a warm-up."""
    for _ in range(3):
        is_right(resource)
    gc.freeze()
    times: list[float] = []
    wrong = 0
    cpu, started = time.process_time(), time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        before = time.perf_counter()
        wrong += not is_right(resource)
        times.append(time.perf_counter() - before)
    used, wall = time.process_time() - cpu, time.perf_counter() - started
    gc.unfreeze()
    times.sort()
    return Row(
        name=name,
        per_cpu_s=len(times) / used,
        per_s=len(times) / wall,
        p50_ms=times[len(times) // 2] * 1000,
        p99_ms=times[int(len(times) * 0.99)] * 1000,
        errors=wrong,
        budget=budget,
    )


def _example(name: str) -> dict[str, Any]:
    return decode_object((EXAMPLES / f"{name}.json").read_bytes())


def _says(validator: Validator, *, is_valid: bool) -> Callable[[Any], bool]:
    return lambda resource: is_valid != any(i.is_error for i in validator.validate(resource))


def _examples() -> list[Any]:
    paths = [p for p in sorted(EXAMPLES.rglob("*.json")) if "invalid" not in p.parts]
    return [decode_object(p.read_bytes()) for p in paths if "broken" not in p.name]


def _answers(validator: Validator) -> Callable[[Any], bool]:
    """Examples that are valid in a Bundle only count as answered."""
    return lambda resources: all(validator.validate(r) is not None for r in resources)


def _texts(registry: Registry) -> list[str]:
    structure = registry.structure("https://fhir.esoz.ua/StructureDefinition/UaPatient")
    constraints = () if structure is None else structure.root.constraints
    return [c.expression for c in constraints if c.expression and c.key.startswith("ua-")]


def _invariants(registry: Registry) -> Callable[[Any], bool]:
    tests = [
        compile_expression(text, registry.types).test_of("Patient") for text in _texts(registry)
    ]

    def hold(resource: Any) -> bool:
        root = root_node(resource, registry.types)
        env = Env(resource=root, root_resource=root)
        return all(test(resource, None, env) for test in tests)

    return hold


def _fhirpathpy(registry: Registry) -> Callable[[Any], bool]:
    from fhirpathpy import compile as compile_path
    from fhirpathpy.models import models

    paths = [compile_path(text, models["r4"]) for text in _texts(registry)]
    return lambda resource: all(
        path(resource, {"resource": resource}) in ([True], []) for path in paths
    )


def _pydantic() -> Callable[[Any], bool]:
    from fhir.resources.R4B.patient import Patient

    return lambda resource: Patient.model_validate(resource) is not None


def _bundle(count: int, *templates: dict[str, Any]) -> dict[str, Any]:
    """A collection of copies, each under its own URL."""
    entries = []
    for number in range(count):
        resource = copy.deepcopy(templates[number % len(templates)])
        resource["id"] = f"bench-{number}"
        url = f"https://example.org/fhir/{resource['resourceType']}/bench-{number}"
        entries.append({"fullUrl": url, "resource": resource})
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


if __name__ == "__main__":
    main([])
