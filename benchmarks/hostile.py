"""Inputs of up to 20 MB that look for whatever grows faster than its input.

Each is valid JSON or nearly so; what the validator says of it does not matter here, only that it
answers, and when. ``python -m benchmarks hostile`` validates each in process, then sends the
slowest through the door of a server while others read from it.
"""

import http.client
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.process import Server
from benchmarks.report import show
from fhir_server.definitions import load_registry
from fhir_server.model import FhirError, JsonLimits, decode_object
from fhir_server.terminology import Terminology
from fhir_server.validation import ValidationOptions, Validator

SIZE = 20_000_000
RESOURCE_SIZE = 5_000_000
SLOWEST = 6
UNSLICED = "https://fhir.esoz.ua/StructureDefinition/UaPatient"

Resource = dict[str, Any]


def main(_: list[str]) -> None:
    """Validate each in process, then the slowest over HTTP while others read."""
    registry = load_registry()
    options = ValidationOptions(best_practice=None, with_demands=True)
    validator = Validator(registry, Terminology(registry), options)
    limits = JsonLimits(max_bytes=2 * SIZE)
    measured: list[tuple[float, str, bytes]] = []
    lines: list[tuple[str, ...]] = []
    for name, make in inputs():
        body = make()
        started = time.process_time()
        try:
            told = str(len(validator.validate(decode_object(body, limits))))
        except FhirError:
            told = "refused"
        seconds = time.process_time() - started
        measured.append((seconds, name, body))
        lines.append((name, f"{len(body) / 1e6:.1f}", f"{seconds:.2f}", told))
    show("hostile inputs, in process", ("what", "MB", "CPU s", "issues"), lines)
    small = [entry for entry in measured if len(entry[2]) < RESOURCE_SIZE]
    waits = _while_others_read(sorted(small, reverse=True)[:SLOWEST])
    show("the slowest over HTTP", ("what", "s", "reads beside it", "longest read ms"), waits)


def _while_others_read(slowest: list[tuple[float, str, bytes]]) -> list[tuple[str, ...]]:
    """Send each to ``$validate``; search on another connection until it is answered."""
    rows: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Server(f"sqlite:///{folder / 'hostile.sqlite'}", folder=folder) as server:
            for _, title, body in slowest:
                sending = threading.Thread(target=_post, args=(server.base_url, body))
                started = time.perf_counter()
                sending.start()
                waits = list(_reads(server.base_url, sending))
                seconds = time.perf_counter() - started
                longest = max(waits, default=0) * 1000
                rows.append((title, f"{seconds:.1f}", str(len(waits)), f"{longest:.0f}"))
    return rows


def _post(base_url: str, body: bytes) -> None:
    url = urlsplit(base_url)
    connection = http.client.HTTPConnection(url.netloc, timeout=120)
    headers = {"Content-Type": "application/fhir+json"}
    connection.request("POST", f"{url.path}/Patient/$validate", body, headers)
    connection.getresponse().read()
    connection.close()


def _reads(base_url: str, sending: threading.Thread) -> Iterator[float]:
    """Yield how long each read takes."""
    url = urlsplit(base_url)
    connection = http.client.HTTPConnection(url.netloc, timeout=120)
    while sending.is_alive():
        started = time.perf_counter()
        connection.request("GET", f"{url.path}/Patient?_summary=count")
        connection.getresponse().read()
        yield time.perf_counter() - started
        time.sleep(0.02)
    connection.close()


def inputs() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield the name of each input and what makes it."""
    yield from _MAKERS.items()


def _filled(item: Callable[[int], Any], around: Callable[[list[Any]], Any], size: int) -> bytes:
    """Put as many items into something as fit."""
    each = len(json.dumps(item(10_000), ensure_ascii=False).encode()) + 2
    return _text(around([item(number) for number in range(size // each)]))


def _text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _patient(**more: Any) -> Resource:
    return {"resourceType": "Patient", **more}


def _bundle(entries: list[Any], bundle_type: str = "collection") -> Resource:
    return {"resourceType": "Bundle", "type": bundle_type, "entry": entries}


def _repeated_keys() -> bytes:
    """An object of two million keys, the last of which repeats."""
    keys = ",".join(f'"a{number}":1' for number in range(SIZE // 12))
    return f'{{"resourceType":"Patient",{keys},"z":1,"z":2}}'.encode()


def _unknown_properties() -> bytes:
    """Names that are nearly right: each wants the nearest one."""
    return _text({"resourceType": "Patient"} | {f"nam{n}": 1 for n in range(RESOURCE_SIZE // 15)})


def _unknown_codes() -> bytes:
    """Codes that are nearly right, each another."""
    return _filled(
        lambda n: {"system": f"phon{n}", "value": "1"}, lambda t: _patient(telecom=t), RESOURCE_SIZE
    )


def _wrong_codings() -> bytes:
    """Codes that a large system does not have, each another."""
    system = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    return _filled(
        lambda n: {"system": system, "code": f"ACTCODE{n}"},
        lambda codings: _patient(maritalStatus={"coding": codings}),
        RESOURCE_SIZE,
    )


def _wrong_types() -> bytes:
    """Entries whose resource types are nearly right."""
    return _filled(lambda n: {"resource": {"resourceType": f"Patien{n}"}}, _bundle, RESOURCE_SIZE)


def _lost_references() -> bytes:
    """References to contained resources that are not there, beside many that are."""

    def around(links: list[Any]) -> Resource:
        contained = [{"resourceType": "Basic", "id": f"c{n}"} for n in range(20_000)]
        return _patient(contained=contained, generalPractitioner=links)

    return _filled(lambda n: {"reference": f"#x{n}"}, around, RESOURCE_SIZE // 2)


def _deep() -> bytes:
    """Sixty levels of extensions, as often as they fit."""

    def nested(depth: int) -> Resource:
        inner: Resource = {"url": "http://example.org/a"}
        return inner | ({"extension": [nested(depth - 1)]} if depth else {"valueString": "a"})

    return _filled(lambda _: nested(27), lambda e: _patient(extension=e), RESOURCE_SIZE)


def _wide() -> bytes:
    """A hundred thousand names."""
    return _filled(
        lambda n: {"family": f"Тестовий{n}", "given": ["Іван"]},
        lambda names: _patient(name=names),
        RESOURCE_SIZE,
    )


def _sliced() -> bytes:
    """Identifiers and extensions for slices that allow one of each."""
    identifiers = [
        {"system": "https://fhir.esoz.ua/sid/rnokpp", "value": f"{n:010d}"} for n in range(30_000)
    ]
    extensions = [
        {"url": "https://fhir.esoz.ua/StructureDefinition/no-tax-id", "valueBoolean": True}
    ] * 20_000
    meta = {"profile": [UNSLICED]}
    return _text(_patient(meta=meta, identifier=identifiers, extension=extensions))


def _long_text() -> bytes:
    """One string of 20 MB where a megabyte is allowed."""
    return _text(_patient(name=[{"family": "а" * (SIZE // 2 - 200)}]))


def _long_narrative() -> bytes:
    """A narrative with a link and an id in every paragraph."""
    paragraphs = "".join(
        f'<p id="p{n}"><a href="#p{n + 1}">{n}</a></p>' for n in range(RESOURCE_SIZE // 50)
    )
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>'
    return _text(_patient(text={"status": "generated", "div": div}))


def _long_base64() -> bytes:
    """Base64 that is wrong in its last character."""
    return _text({
        "resourceType": "Binary", "contentType": "text/plain", "data": "AAAA" * (SIZE // 5) + "A",
    })  # fmt: skip


def _references() -> bytes:
    """Entries that refer to each other, by relative links and by links to nothing."""

    def entry(number: int) -> Resource:
        observation = {
            "resourceType": "Observation", "id": f"o{number}", "status": "final",
            "code": {"text": "a"}, "subject": {"reference": f"Patient/o{number * 7}"},
            "performer": [{"reference": f"urn:uuid:{number:032x}"}],
        }  # fmt: skip
        return {"fullUrl": f"http://example.org/Observation/o{number}", "resource": observation}

    return _filled(entry, _bundle, SIZE)


def _same_full_url() -> bytes:
    """Entries under one URL, told apart by their versions only (bdl-7)."""

    def entry(number: int) -> Resource:
        resource = {"resourceType": "Basic", "id": "a", "meta": {"versionId": str(number)}}
        return {"fullUrl": "http://example.org/Basic/a", "resource": resource}

    return _filled(entry, _bundle, SIZE)


def _document() -> bytes:
    """A document whose sections lead to every entry."""

    def entry(number: int) -> Resource:
        resource = {"resourceType": "Basic", "id": str(number), "code": {"text": "a"}}
        return {"fullUrl": f"http://example.org/Basic/{number}", "resource": resource}

    def document(entries: list[Any]) -> Resource:
        links = [{"reference": entry["fullUrl"]} for entry in entries]
        composition = {
            "resourceType": "Composition", "status": "final", "type": {"text": "a"},
            "date": "2024-05-06", "author": links[:1], "title": "a", "section": [{"entry": links}],
        }  # fmt: skip
        first = {"fullUrl": "http://example.org/Composition/a", "resource": composition}
        return _bundle([first, *entries], "document")

    return _filled(entry, document, SIZE // 2)


def _contained() -> bytes:
    """Contained resources, each referred to by the next (dom-3)."""

    def contained(number: int) -> Resource:
        link = {"reference": f"#c{number + 1}"}
        return {"resourceType": "Observation", "id": f"c{number}", "status": "final",
                "code": {"text": "a"}, "hasMember": [link]}  # fmt: skip

    def around(resources: list[Any]) -> Resource:
        return {
            "resourceType": "Observation", "contained": resources, "status": "final",
            "code": {"text": "a"}, "hasMember": [{"reference": "#c0"}],
        }  # fmt: skip

    return _filled(contained, around, RESOURCE_SIZE)


def _unreferenced() -> bytes:
    """Contained resources that nothing refers to."""
    return _filled(
        lambda n: {"resourceType": "Basic", "id": f"c{n}", "code": {"text": "a"}},
        lambda resources: _patient(contained=resources),
        RESOURCE_SIZE,
    )


def _element_ids() -> bytes:
    """Every element has an id, and half of them repeat."""
    return _filled(
        lambda n: {"id": f"i{n // 2}", "family": "а"}, lambda t: _patient(name=t), RESOURCE_SIZE
    )


def _questions() -> bytes:
    """Items that each depend on one far away."""

    def item(number: int) -> Resource:
        when = {"question": f"q{number // 2}", "operator": "exists", "answerBoolean": True}
        return {"linkId": f"q{number}", "type": "string", "text": "a", "enableWhen": [when]}

    return _filled(item, _questionnaire, RESOURCE_SIZE)


def _lost_conditions() -> bytes:
    """Items that depend on items that are not there."""

    def item(number: int) -> Resource:
        when = {"question": f"p{number}", "operator": "exists", "answerBoolean": True}
        return {"linkId": f"q{number}", "type": "string", "text": "a", "enableWhen": [when]}

    return _filled(item, _questionnaire, RESOURCE_SIZE)


def _same_questions() -> bytes:
    """Items under one link id."""
    return _filled(
        lambda _: {"linkId": "q", "type": "string", "text": "a"}, _questionnaire, RESOURCE_SIZE
    )


def _questionnaire(items: list[Any]) -> Resource:
    return {"resourceType": "Questionnaire", "status": "active", "item": items}


def _answers() -> bytes:
    """Answers to a contained questionnaire of as many items."""

    def around(items: list[Any]) -> Resource:
        asked = [{"linkId": i["linkId"], "type": "string", "text": "a"} for i in items]
        form = _questionnaire(asked) | {"id": "q"}
        return {
            "resourceType": "QuestionnaireResponse", "status": "completed", "contained": [form],
            "questionnaire": "#q", "item": items,
        }  # fmt: skip

    return _filled(
        lambda n: {"linkId": f"q{n}", "answer": [{"valueString": "a"}]}, around, RESOURCE_SIZE // 2
    )


def _concepts() -> bytes:
    """A code system in which every code is there twice."""
    return _filled(
        lambda n: {"code": f"c{n // 2}", "display": "a"},
        lambda concepts: {
            "resourceType": "CodeSystem",
            "status": "active",
            "content": "complete",
            "url": "http://example.org/cs",
            "concept": concepts,
        },
        RESOURCE_SIZE,
    )


def _value_set() -> bytes:
    """A value set that lists a hundred thousand codes of a system that is here."""
    return _filled(
        lambda n: {"code": f"c{n}"},
        lambda concepts: {
            "resourceType": "ValueSet",
            "status": "active",
            "url": "http://example.org/vs",
            "compose": {
                "include": [
                    {"system": "http://hl7.org/fhir/administrative-gender", "concept": concepts},
                ]
            },
        },
        RESOURCE_SIZE,
    )


def _elements() -> bytes:
    """A profile of as many elements as fit, with ids that repeat."""
    return _filled(
        lambda n: {"id": f"Patient.name:s{n}", "path": "Patient.name", "sliceName": f"s{n}"},
        lambda elements: {
            "resourceType": "StructureDefinition",
            "url": "http://example.org/sd",
            "name": "Sd",
            "status": "draft",
            "kind": "resource",
            "abstract": False,
            "type": "Patient",
            "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
            "derivation": "constraint",
            "differential": {"element": elements},
        },
        RESOURCE_SIZE,
    )


def _components() -> bytes:
    """An Observation whose components repeat its own code (obs-7)."""
    coding = {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]}
    value = {"value": 1, "unit": "a"}
    return _filled(
        lambda _: {"code": coding, "valueQuantity": value},
        lambda components: {
            "resourceType": "Observation",
            "status": "final",
            "code": coding,
            "valueQuantity": value,
            "component": components,
        },
        RESOURCE_SIZE,
    )


def _profiles() -> bytes:
    """A resource that claims fifty thousand profiles."""
    claims = [f"http://example.org/p{n}" for n in range(RESOURCE_SIZE // 100)]
    return _text(_patient(meta={"profile": claims}))


_MAKERS: dict[str, Callable[[], bytes]] = {
    "two million keys, one repeats": _repeated_keys,
    "unknown properties": _unknown_properties,
    "unknown codes": _unknown_codes,
    "codes unknown in a large system": _wrong_codings,
    "unknown resource types": _wrong_types,
    "references to nothing contained": _lost_references,
    "deep extensions": _deep,
    "many names": _wide,
    "many values for slices": _sliced,
    "a string of 20 MB": _long_text,
    "a long narrative": _long_narrative,
    "long base64": _long_base64,
    "a Bundle of references": _references,
    "a Bundle under one URL (bdl-7)": _same_full_url,
    "a document": _document,
    "contained in a chain (dom-3)": _contained,
    "contained, not referred to": _unreferenced,
    "element ids": _element_ids,
    "a Questionnaire with conditions": _questions,
    "conditions on nothing": _lost_conditions,
    "a Questionnaire under one linkId": _same_questions,
    "a QuestionnaireResponse": _answers,
    "a CodeSystem": _concepts,
    "a ValueSet": _value_set,
    "a StructureDefinition": _elements,
    "components (obs-7)": _components,
    "claims of profiles": _profiles,
}
