"""The one document a resource has: exact JSON bytes beside readable index arrays.

Keys are this module's own short names; no key of a resource ever becomes a key of BSON.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bson.int64 import Int64

from fhir_server.model import LogicalId, ResourceType, VersionId
from fhir_server.search import (
    CompositeValue,
    DateValue,
    IndexValue,
    IndexValues,
    NumberValue,
    PositionValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
)
from fhir_server.storage.decimal_key import decimal_key
from fhir_server.storage.mongodb import tokens
from fhir_server.storage.store import StoredVersion, Write

Document = dict[str, Any]

TOMBSTONE = "-"
"""``rt`` of a deletion: no search by type can meet it."""
DAY_US = 86_400_000_000
DURATION_CLASSES: tuple[tuple[str, int | None], ...] = (
    ("", DAY_US),
    ("+", 32 * DAY_US),
    ("~", None),
)
"""Suffix of a date key -> the longest interval in it, microseconds; None: no limit.

Knowing the longest interval closes the scan of an overlap query on both ends: one month of 130,000
Observations examined 1,893 keys instead of 88,757.
"""
REPEATED = "*"
"""Suffix of the date keys of a parameter that has several values in the resource.

Only where there is one value may two conditions (``ge`` and ``lt``) be tested on the same entry.
"""
INDEX_FIELDS = frozenset({"t", "s", "e", "d", "q", "n", "g", "k", "pk", "sd"})
"""Everything in a document that index values make."""
CANONICAL = ":ucum"
"""End of the parameters whose quantities are in canonical units (search/values.py)."""
RANGE = "~"
"""Suffix of the quantity keys of values whose two ends differ; the others are points."""
PATIENT_PARAMETERS = frozenset({"patient", "subject"})
PATIENT_DATE = "date"
"""The parameter by which the records of a patient lie in order."""
LEAST_DATE = -(2**63)
"""``sd`` of records without such a date: they come last."""
MAX_SORT_TEXT = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def key(resource_type: str, logical_id: str) -> str:
    """``_id`` of the current version."""
    return f"{resource_type}/{logical_id}"


def write_key(write: Write) -> str:
    """``_id`` of what a write makes current."""
    return key(write.version.resource_type, write.version.logical_id)


def version_key(resource_type: str, logical_id: str, version_id: int) -> str:
    """``_id`` of a superseded version."""
    return f"{resource_type}/{logical_id}/{version_id}"


def microseconds(instant: datetime) -> Int64:
    """Whole microseconds since 1970 UTC."""
    delta = instant - _EPOCH
    return Int64((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds)


def instant(value: int) -> datetime:
    """The instant ``value`` microseconds after 1970 UTC."""
    seconds, rest = divmod(int(value), 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def current_document(write: Write, creation: int) -> Document:
    """Write the current version of a resource.

    Args:
        write: The version and its index values.
        creation: Creation number: orders default pages and never changes afterwards, because an
            update that moves it would move every token's index entry (1.2 ms of mongod, not 0.6).
    """
    version = write.version
    head: Document = {
        "_id": key(version.resource_type, version.logical_id),
        "rt": version.resource_type,
        "v": version.version_id,
        "lu": microseconds(version.last_updated),
        "m": version.method,
        "c": Int64(creation),
    }
    if version.body is None or write.values is None:
        return {**head, "rt": TOMBSTONE, "dt": version.resource_type}
    return {**head, **index_fields(version, write.values), "j": version.body}


def index_fields(version: StoredVersion, values: IndexValues) -> Document:
    """Write what a version is found by: some of `INDEX_FIELDS`."""
    single: list[IndexValue] = [
        *values.tokens,
        *values.strings,
        *values.dates,
        *values.numbers,
        *values.quantities,
        *values.references,
        *values.uris,
        *values.positions,
    ]
    groups = []
    for composite in values.composites:
        folded = fold(composite)
        single.extend(folded)
        if not folded:
            groups.append({"p": composite.parameter, **index_arrays(composite.components)})
    index = index_arrays(single)
    if groups:
        index["g"] = groups
    if sort_keys := dict(_sort_keys(version, values.dates, values.strings)):
        index["k"] = sort_keys
    if (patient := _patient(values.references)) is not None:
        index["pk"] = patient
        dates = (value.low for value in values.dates if value.parameter == PATIENT_DATE)
        index["sd"] = Int64(max(dates, default=LEAST_DATE))
    return index


_KEPT = ("v", "lu", "m", "c", "j", "b", "w")


def superseded_document(current: Mapping[str, Any], until: datetime) -> Document:
    """Turn a current document, which is replaced at ``until``, into its entry in the history."""
    resource_type = current.get("dt") or current["rt"]
    kept = {name: current[name] for name in _KEPT if name in current}
    identity = f"{current['_id']}/{current['v']}"
    head = {"_id": identity, "r": current["_id"], "rt": resource_type}
    return {**head, **kept, "u": microseconds(until)}


def stored_version(document: Mapping[str, Any]) -> StoredVersion:
    """Read a document of either collection."""
    resource_type, logical_id = document["_id"].split("/")[:2]
    body = document.get("j")
    return StoredVersion(
        resource_type=ResourceType(resource_type),
        logical_id=LogicalId(logical_id),
        version_id=VersionId(int(document["v"])),
        last_updated=instant(document["lu"]),
        method=document["m"],
        body=None if body is None else bytes(body),
    )


def index_arrays(values: Iterable[IndexValue]) -> Document:
    """Write index values as the arrays of a resource, or of one composite group.

    ``t`` tokens, references, uris; ``s`` folded strings; ``e`` strings as written (not indexed);
    ``d`` dates; ``q`` numbers, quantities, positions; ``n`` positions (not indexed).
    """
    arrays: dict[str, list[Any]] = {name: [] for name in "tsedqn"}
    dates = []
    for value in values:
        if isinstance(value, DateValue):
            dates.append(value)
        else:
            _WRITERS[type(value)](value, arrays)
    arrays["d"] = list(_dates(dates))
    for name in "tse":
        arrays[name] = sorted(set(arrays[name]))
    return {name: entries for name, entries in arrays.items() if entries}


def fold(composite: CompositeValue) -> list[IndexValue]:
    """Write a pair that starts with a token as values of a longer parameter name.

    ``code-value-quantity`` with the code 8480-6 becomes a quantity of the parameter
    ``code-value-quantity&&http://loinc.org|8480-6``: the index on quantities then answers both
    parts at once, and no match mixes two groups. Empty: the composite has another shape.
    """
    name = composite.parameter
    first = [v for v in composite.components if v.parameter == f"{name}$0"]
    second = [v for v in composite.components if v.parameter.startswith(f"{name}$1")]
    is_pair = len(first) + len(second) == len(composite.components)
    if not is_pair or not all(isinstance(v, TokenValue) for v in first):
        return []
    return [
        value._replace(parameter=folded_name(name, value.parameter, token.system, token.code))
        for token in first
        if isinstance(token, TokenValue)
        for value in second
    ]


def folded_name(composite: str, second: str, system: str, code: str) -> str:
    """Name of the parameter that ``second`` becomes for one value of the first component.

    ``second`` is ``<composite>$1`` or a variant of it, such as ``<composite>$1:ucum``.
    """
    marked = tokens.escape(code)
    for suffix in (RANGE, REPEATED, "+"):
        marked = marked.replace(suffix, f"%{ord(suffix):02X}")
    variant = second.removeprefix(f"{composite}$1")
    return f"{composite}&{variant}&{tokens.escape(system)}|{marked}"


def is_folded(parameter: str) -> bool:
    """Say whether a parameter name is one of `folded_name`."""
    return "&" in parameter


def duration_class(low: int, high: int) -> str:
    """Return the suffix of the class that an interval's length falls in."""
    return next(name for name, limit in DURATION_CLASSES if limit is None or high - low <= limit)


def _dates(values: list[DateValue]) -> Iterator[Document]:
    counts = Counter(value.parameter for value in values)
    for value in values:
        is_repeated = counts[value.parameter] > 1
        suffix = REPEATED if is_repeated else duration_class(value.low, value.high)
        yield {"p": value.parameter + suffix, "lo": Int64(value.low), "hi": Int64(value.high)}


def _write_string(value: StringValue, arrays: dict[str, list[Any]]) -> None:
    arrays["s"].append(tokens.of_string(value))
    arrays["e"].append(tokens.of_exact(value.parameter, value.exact))


def _write_number(value: NumberValue, arrays: dict[str, list[Any]]) -> None:
    _write_interval(value, "", arrays)


def _write_quantity(value: QuantityValue, arrays: dict[str, list[Any]]) -> None:
    """Without unit and with it: an entry each, but for what only one of them can be asked of.

    Values of one code mostly have one unit, so that a folded composite keeps its units beside the
    one entry; in canonical units nobody asks without one. A blood pressure has 24 entries, not 40.
    """
    unit = tokens.unit(value.system, value.code)
    if is_folded(value.parameter):
        entry = _write_interval(value, "", arrays)
        if unit not in entry.setdefault("u", []):
            entry["u"].append(unit)
        return
    if not value.parameter.endswith(CANONICAL):
        _write_interval(value, "", arrays)
    _write_interval(value, unit, arrays)


def _write_interval(
    value: NumberValue | QuantityValue, unit: str, arrays: dict[str, list[Any]]
) -> Document:
    low = decimal_key(value.low)
    high = low if value.high == value.low else decimal_key(value.high)
    name = f"{value.parameter}{'' if low == high else RANGE}{unit}"
    entries: list[Document] = arrays["q"]
    for entry in entries:
        if entry["k"] == name and entry["lo"] == low and entry["hi"] == high:
            return entry
    made: Document = {"k": name, "lo": low, "hi": high}
    entries.append(made)
    return made


def _write_position(value: PositionValue, arrays: dict[str, list[Any]]) -> None:
    latitude, longitude = float(value.latitude), float(value.longitude)
    arrays["q"].append({"k": f"{value.parameter}|lat", "lo": latitude, "hi": latitude})
    arrays["n"].append({"p": value.parameter, "lat": latitude, "lon": longitude})


_WRITERS: Mapping[type, Any] = {
    TokenValue: lambda value, arrays: arrays["t"].append(tokens.of_token(value)),
    ReferenceValue: lambda value, arrays: arrays["t"].append(tokens.of_reference(value)),
    UriValue: lambda value, arrays: arrays["t"].append(tokens.of_uri(value)),
    StringValue: _write_string,
    NumberValue: _write_number,
    QuantityValue: _write_quantity,
    PositionValue: _write_position,
}


def _patient(references: Iterable[ReferenceValue]) -> str | list[str] | None:
    """Whose record the resource belongs to; several: to each of theirs."""
    found = {
        reference.id
        for reference in references
        if reference.type == "Patient" and reference.parameter in PATIENT_PARAMETERS
    }
    return min(found, default=None) if len(found) < 2 else sorted(found)  # noqa: PLR2004


def _sort_keys(
    version: StoredVersion, dates: Iterable[DateValue], strings: Iterable[StringValue]
) -> Iterator[tuple[str, str]]:
    """Scalars for index 9; the hash of the id makes them almost unique."""
    by_name: dict[str, list[str]] = {}
    for date in dates:
        if is_sorted_by_index(date.parameter):
            by_name.setdefault(date.parameter, []).append(date_sort_key(date.low))
    for string in strings:
        if is_sorted_by_index(string.parameter):
            by_name.setdefault(string.parameter, []).append(string.normal[:MAX_SORT_TEXT])
    hashed = hashlib.blake2b(version.logical_id.encode(), digest_size=6).digest()
    digest = urlsafe_b64encode(hashed).decode()
    for parameter, found in by_name.items():
        for is_descending, chosen in ((False, min(found)), (True, max(found))):
            yield sort_field(version.resource_type, parameter, is_descending), f"{chosen}\0{digest}"


def date_sort_key(low: int) -> str:
    """Write microseconds so that text order is time order."""
    return f"{low + 2**62:020d}"


def is_sorted_by_index(parameter: str) -> bool:
    """Say whether a date or string parameter has a sort key; what nobody sorts by has none."""
    return not parameter.startswith("address") and parameter.replace("-", "").isalnum()


def sort_field(resource_type: str, parameter: str, is_descending: bool) -> str:
    """Name of a sort key below ``k``: one a direction, as several values have two ends."""
    return f"{resource_type}_{parameter}_{'z' if is_descending else 'a'}"
