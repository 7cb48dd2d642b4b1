"""``Observation/$stats``: statistics of a subject's measurements, one Observation for each code.

Spec: https://hl7.org/fhir/R4/observation-operation-stats.html
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from fhir_server.fhirpath import ucum
from fhir_server.interaction import (
    Operation,
    Request,
    Response,
    Services,
    Target,
    all_matches,
    parsed_search,
)
from fhir_server.interaction import instant as written
from fhir_server.model import InvalidRequest, JsonObject, ValidationFailed, decode_stored
from fhir_server.operation.call import operation_input
from fhir_server.operation.parameters import OperationParameters, answer
from fhir_server.operation.statistic import STATISTICS

DEFINITION = "http://hl7.org/fhir/OperationDefinition/Observation-stats"
MAX_LOOKED_AT = 10_000
_STATISTIC_SYSTEM = "http://terminology.hl7.org/CodeSystem/observation-statistics"
_UCUM = "http://unitsofmeasure.org"
_NOT_MEASURED = "entered-in-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is asked.

    Attributes:
        subject: Such as ``Patient/1``.
        codings: One result for each.
        period: Start and end, FHIR dateTimes; None: open.
        statistics: Codes, known ones.
        limit: How many source observations are wanted.
    """

    subject: str
    codings: tuple[JsonObject, ...]
    period: tuple[str | None, str | None]
    statistics: tuple[str, ...]
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """The observations of one code: all of them, and the values of those that have one."""

    sources: list[JsonObject]
    values: list[Decimal]
    unit: JsonObject


async def stats(services: Services, target: Target, request: Request) -> Response:
    """Compute statistics over ``Observation.value`` and ``component.value`` of a code.

    Quantities in different units of one kind are converted to the unit of the first.

    Raises:
        InvalidRequest: A parameter is missing or not understood.
        ValidationFailed: The measurements of a code have units that cannot be compared.
        TooCostly: There are more observations than are looked at.
    """
    asked = _asked(services, request)
    results: list[JsonObject] = []
    sources: dict[str, JsonObject] = {}
    for coding in asked.codings:
        measured = await _measured(services, target, request, asked, coding)
        results.append(_result(asked, coding, measured))
        sources.update({source["id"]: source for source in measured.sources})
    body = answer(
        [
            *({"name": "statistics", "resource": result} for result in results),
            *({"name": "source", "resource": s} for s in list(sources.values())[: asked.limit]),
        ]
    )
    return Response(status=200, body=body)


def _asked(services: Services, request: Request) -> _Asked:
    registry = services.knowledge.current.registry
    given = OperationParameters(operation_input(registry, DEFINITION, request))
    given.require("subject")
    given.require("code", "coding")
    given.require("statistic")
    system = given.text("system")
    codings: list[JsonObject] = [
        {"system": system, "code": code} if system else {"code": code}
        for code in given.texts("code")
    ]
    codings += (value for value in given.values("coding") if isinstance(value, dict))
    statistics = tuple(s for text in given.texts("statistic") for s in text.split(",") if s)
    for statistic in statistics:
        if statistic not in STATISTICS:
            raise InvalidRequest.of(
                "stats-unknown", found=statistic, expected=", ".join(STATISTICS)
            )
    wanted = given.boolean("include") or False
    return _Asked(
        subject=given.text("subject") or "",
        codings=tuple(codings),
        period=_period(given, services.clock()),
        statistics=statistics,
        limit=(given.integer("limit") or MAX_LOOKED_AT) if wanted else 0,
    )


def _period(given: OperationParameters, now: datetime) -> tuple[str | None, str | None]:
    hours = next(given.values("duration"), None)
    if isinstance(hours, Decimal | int) and not isinstance(hours, bool):
        return written(now - timedelta(hours=float(hours))), written(now)
    period = given.json("period", "Period") or {}
    return period.get("start"), period.get("end")


async def _measured(
    services: Services, target: Target, request: Request, asked: _Asked, coding: JsonObject
) -> _Measured:
    token = "|".join(part for part in (coding.get("system"), coding.get("code")) if part)
    criteria = [("subject", asked.subject), ("combo-code", token), ("_sort", "date")]
    start, end = asked.period
    criteria += [("date", f"ge{start}")] if start else []
    criteria += [("date", f"le{end}")] if end else []
    call = Request(
        method="GET", path=request.path, parameters=tuple(criteria), base_url=request.base_url
    )
    parsed = parsed_search(services.knowledge.current, target, call)
    measured = _Measured(sources=[], values=[], unit={})
    async for version in all_matches(services, parsed.query, MAX_LOOKED_AT):
        observation = decode_stored(version.body or b"{}")
        if observation.get("status") == _NOT_MEASURED:
            continue
        measured.sources.append(observation)
        for quantity in _quantities(observation, coding):
            _add(measured, quantity, coding)
    return measured


def _quantities(observation: JsonObject, coding: JsonObject) -> Iterator[JsonObject]:
    """Yield the measured values of a code: comparators are no measurements."""
    for place in (observation, *observation.get("component", ())):
        quantity = place.get("valueQuantity") or {}
        is_measured = "value" in quantity and "comparator" not in quantity
        if is_measured and _has_code(place.get("code") or {}, coding):
            yield quantity


def _has_code(concept: JsonObject, coding: JsonObject) -> bool:
    return any(
        all(one.get(name) == coding[name] for name in ("system", "code") if name in coding)
        for one in concept.get("coding", ())
    )


def _add(measured: _Measured, quantity: JsonObject, coding: JsonObject) -> None:
    value = Decimal(quantity["value"])
    unit: JsonObject = {n: quantity[n] for n in ("unit", "system", "code") if n in quantity}
    if not measured.values:
        measured.unit.update(unit)
    elif _unit(unit) != _unit(measured.unit):
        converted = None
        if unit.get("system") == measured.unit.get("system") == _UCUM:
            converted = ucum.convert(value, unit.get("code", ""), measured.unit.get("code", ""))
        if converted is None:
            raise ValidationFailed.of(
                "stats-units",
                name=coding.get("code", ""),
                found=_unit(unit) or "-",
                expected=_unit(measured.unit) or "-",
            )
        value = converted
    measured.values.append(value)


def _unit(unit: JsonObject) -> str:
    return str(unit.get("code") or unit.get("unit") or "")


def _result(asked: _Asked, coding: JsonObject, measured: _Measured) -> JsonObject:
    start, end = asked.period
    period = {name: at for name, at in (("start", start), ("end", end)) if at}
    made: JsonObject = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [coding]},
        "subject": {"reference": asked.subject},
    }
    if period:
        made["effectivePeriod"] = period
    components = [
        component
        for statistic in asked.statistics
        for component in _components(statistic, measured.values, measured)
    ]
    if components:
        made["component"] = components
    return made


def _components(
    statistic: str, values: Sequence[Decimal], measured: _Measured
) -> Iterator[JsonObject]:
    """A statistic of nothing has no value but is told, with the reason."""
    code = {"coding": [{"system": _STATISTIC_SYSTEM, "code": statistic}]}
    known = STATISTICS[statistic]
    if known.counts is not None:
        number = known.counts(len(measured.values), len(measured.sources))
        yield {"code": code, "valueQuantity": {"value": number, "system": _UCUM, "code": "1"}}
        return
    value = known.of(values) if known.of is not None and len(values) >= known.least else None
    if value is None:
        system = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
        reason = {"coding": [{"system": system, "code": "not-applicable"}]}
        yield {"code": code, "dataAbsentReason": reason}
        return
    unit = measured.unit if known.has_unit else {}
    yield {"code": code, "valueQuantity": {"value": value, **unit}}


STATS = Operation(
    name="stats",
    handler=stats,
    definition=DEFINITION,
    resource_types=frozenset({"Observation"}),
    on_type=True,
)
