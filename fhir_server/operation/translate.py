"""``ConceptMap/$translate``: from one code system to another.

Spec: https://hl7.org/fhir/R4/conceptmap-operation-translate.html
"""

from collections.abc import Iterator

from fhir_server.model import InvalidRequest, JsonObject, Language, issue
from fhir_server.operation.parameters import OperationParameters, answer
from fhir_server.operation.terminology_input import reader_language
from fhir_server.terminology import Terminology, Translation, TranslationQuery


def run(
    terminology: Terminology,
    parameters: JsonObject,
    *,
    target: JsonObject | None = None,
    language: str = "",
) -> JsonObject:
    """Translate a code, a Coding or the codings of a CodeableConcept.

    Args:
        terminology: The definitions in force.
        parameters: A Parameters resource.
        target: The ConceptMap the operation was called on.
        language: The header ``Accept-Language`` as sent, for the message.

    Returns:
        Parameters with ``result`` and a ``match`` for each translation, usable ones first.

    Raises:
        InvalidRequest: A parameter is missing or malformed.
        NotFound: A concept map is not here.
    """
    given = OperationParameters(parameters)
    maps = list(_maps(terminology, given, target))
    queries = list(_queries(given))
    found = [
        translation
        for query in queries
        for translation in terminology.concept_maps.translate(maps, query)
    ]
    asked = ", ".join(query.code for query in queries)
    return answer(_entries(found, asked, reader_language(given, language)))


def _maps(
    terminology: Terminology, given: OperationParameters, target: JsonObject | None
) -> Iterator[JsonObject]:
    """Find the maps that are meant: one that is named, or all between two value sets."""
    inline = target or given.resource("conceptMap", "ConceptMap")
    if inline is not None:
        yield inline
        return
    url = given.text("url")
    if url is not None:
        version = given.text("conceptMapVersion")
        yield terminology.concept_maps.find(f"{url}|{version}" if version else url)
        return
    source, goal = given.text("source"), given.text("target")
    if given.boolean("reverse") is True:
        source, goal = goal, source
    yield from terminology.concept_maps.between(source, goal)


def _queries(given: OperationParameters) -> Iterator[TranslationQuery]:
    given.require("code", "coding", "codeableConcept")
    coding = given.json("coding", "Coding")
    concept = given.json("codeableConcept", "CodeableConcept")
    if concept is not None:
        codings = list(concept.get("coding", ()))
    elif coding is not None:
        codings = [coding]
    else:
        given.require("system")
        keys = ("system", "code", "version")
        codings = [{key: given.text(key) for key in keys}]
    for one in codings:
        if not one.get("code"):
            raise InvalidRequest.of("operation-parameter-missing", expected="code")
        yield TranslationQuery(
            system=one.get("system") or "",
            code=one["code"],
            version=one.get("version"),
            target_system=given.text("targetsystem"),
            dependencies=tuple(_dependencies(given)),
            is_reverse=given.boolean("reverse") is True,
        )


def _dependencies(given: OperationParameters) -> Iterator[tuple[str, str]]:
    for entry in given.entries("dependency"):
        parts = OperationParameters({"parameter": entry.get("part", ())})
        name = parts.text("element")
        concept = parts.json("concept", "CodeableConcept") or {}
        for coding in concept.get("coding", ()):
            if name is not None and coding.get("code"):
                yield name, coding["code"]


def _entries(found: list[Translation], asked: str, language: Language) -> Iterator[JsonObject]:
    is_translated = any(translation.is_match for translation in found)
    yield {"name": "result", "valueBoolean": is_translated}
    if not is_translated:
        text = issue("translation-none", found=asked).text
        yield {"name": "message", "valueString": text.in_language(language)}
    for translation in found:
        yield {"name": "match", "part": list(_match(translation))}


def _match(translation: Translation) -> Iterator[JsonObject]:
    yield {"name": "equivalence", "valueCode": translation.equivalence}
    coding = {
        "system": translation.system,
        "version": translation.version,
        "code": translation.code,
        "display": translation.display,
    }
    if translation.code is not None:
        kept = {key: value for key, value in coding.items() if value is not None}
        yield {"name": "concept", "valueCoding": kept}
    for product in translation.products:
        yield {"name": "product", "part": _product(product)}
    if translation.comment is not None:
        yield {"name": "message", "valueString": translation.comment}
    if translation.source:
        yield {"name": "source", "valueUri": translation.source}


def _product(product: JsonObject) -> list[JsonObject]:
    concept = {
        key: product[name]
        for key, name in (("system", "system"), ("code", "value"), ("display", "display"))
        if name in product
    }
    return [
        {"name": "element", "valueUri": product.get("property", "")},
        {"name": "concept", "valueCoding": concept},
    ]
