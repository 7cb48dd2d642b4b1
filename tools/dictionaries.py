"""Make CodeSystems and ValueSets from the ЕСОЗ dictionaries.

Call: ``python -m tools.dictionaries FILE.json``. What is made, and what is left out, is told in
docs/decisions/0080-dictionaries-become-code-systems.md.
Spec: https://hl7.org/fhir/R4/codesystem.html and https://hl7.org/fhir/R4/valueset.html
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

BASE = "https://fhir.esoz.ua"
VERSION = "0.1.0"
DATE = "2026-11-25"
TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
LOINC = "http://loinc.org"

COMPLETE = ("2019 seed, complete", "complete per source")
"""How the ``completeness`` of a dictionary starts when it lists every code."""

SOFTWARE_ONLY = frozenset(
    {
        "SCOPES",
        "DICTIONARY_LABELS",
        "KVEDS_ALLOWED",
        "KVEDS_ALLOWED_PHARMACY",
        "KVEDS_ALLOWED_MSP",
    }
)
"""Settings of the ЕСОЗ software: access scopes, dictionary labels, subsets of the KVED register."""

CHOICES_OF_OTHERS = {
    "PATIENT_SUMMARY_CONDITION_CODES": ("icpc2-condition-codes", "icd10-am-condition-codes"),
    "PATIENT_SUMMARY_OBSERVATION_CODES": ("loinc-observation-codes",),
    "PATIENT_SUMMARY_DIAGNOSTIC_REPORT_CODES": ("service-catalogue",),
}
"""Lists that choose codes of other dictionaries: they become value sets and no code system."""

PANELS = {
    "85354-9": {"uk": "Артеріальний тиск, систолічний і діастолічний", "en": "Blood pressure panel"}
}
"""LOINC codes that FHIR demands where the dictionary has only the parts.

The two pressures are components of one observation: https://hl7.org/fhir/R4/bp.html
"""

PROPERTIES = {
    "added_from": ("addedFrom", "Where the code was found when the dictionary itself lacks it"),
    "value_type": ("valueType", "The value[x] an observation of this code carries"),
    "unit": ("unit", "UCUM unit of the value"),
    "value_dictionary_or_range": ("valueRange", "Dictionary or range the value comes from"),
    "categories": ("category", "Observation category of the code"),
    "vaccines": ("vaccine", "Vaccine code allowed against this disease"),
    "blank": ("blankType", "Prescription form of the programme"),
    "funding_source": ("fundingSource", "Who pays"),
    "era": ("era", "current, or 2019 for a code that is no longer used"),
}

Json = dict[str, Any]


def slug(dictionary: str) -> str:
    """Turn a dictionary's name into the last step of its canonical.

    ``eHealth/ICPC2/condition_codes`` becomes ``icpc2-condition-codes``: the prefix ``eHealth/``
    goes, letters become small, everything but letters and digits becomes one hyphen.
    """
    return re.sub(r"[^a-z0-9]+", "-", dictionary.removeprefix("eHealth/").lower()).strip("-")


def pascal(name: str) -> str:
    """Turn a slug into a computer-friendly name: ``icpc2-reasons`` becomes ``Icpc2Reasons``."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("-"))


def is_loinc(code: str) -> bool:
    """Say whether ``code`` is a LOINC number, by its form and check digit (mod 10, Luhn)."""
    if not re.fullmatch(r"\d{1,7}-\d", code):
        return False
    body, check = code.split("-")
    total = 0
    for place, digit in enumerate(reversed(body)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return (10 - total % 10) % 10 == int(check)


def resources(dictionaries: Mapping[str, Json]) -> Iterator[Json]:
    """Make every CodeSystem and ValueSet, in the order of the dictionaries."""
    for name, dictionary in dictionaries.items():
        if name in SOFTWARE_ONLY:
            continue
        if name in CHOICES_OF_OTHERS:
            yield _choice(name, dictionary)
        else:
            yield _code_system(name, dictionary)
            yield _value_set(name, [{"system": f"{BASE}/CodeSystem/{slug(name)}"}], dictionary)
    yield _observation_codes(dictionaries["eHealth/LOINC/observation_codes"])


def _head(kind: str, name: str, what: str, text: str) -> Json:
    """The metadata that both kinds share; ``what`` is the dictionary's name."""
    return {
        "resourceType": kind,
        "id": name,
        "language": "en",
        "url": f"{BASE}/{kind}/{name}",
        "version": VERSION,
        "name": pascal(name),
        "title": f"ЕСОЗ dictionary {what}",
        "_title": _translated(f"Довідник ЕСОЗ {what}"),
        "status": "draft",
        "experimental": True,
        "date": DATE,
        "publisher": "fhir-server project",
        "description": text,
        "_description": _translated(
            f"Коди довідника ЕСОЗ {what}; пропозиція проєкту, офіційної публікації у FHIR немає."
        ),
    }


def _translated(text: str) -> Json:
    return {
        "extension": [
            {
                "url": TRANSLATION,
                "extension": [
                    {"url": "lang", "valueCode": "uk"},
                    {"url": "content", "valueString": text},
                ],
            }
        ]
    }


def _code_system(name: str, dictionary: Json) -> Json:
    values: Mapping[str, Json] = dictionary["values"]
    made = _head("CodeSystem", slug(name), name, _description(dictionary))
    made["identifier"] = [{"system": f"{BASE}/sid/dictionary", "value": name}]
    made["copyright"] = f"Source: {dictionary['source']}"
    made["caseSensitive"] = True
    made["valueSet"] = f"{BASE}/ValueSet/{slug(name)}"
    made["content"] = _content(dictionary)
    if values:
        made["count"] = len(values)
        made.update(_properties(values.values()))
        made["concept"] = [_concept(code, value) for code, value in values.items()]
    return made


def _description(dictionary: Json) -> str:
    return f"{dictionary['description']} Completeness: {dictionary['completeness']}."


def _content(dictionary: Json) -> str:
    if not dictionary["values"]:
        return "not-present"
    return "complete" if dictionary["completeness"].startswith(COMPLETE) else "fragment"


def _properties(values: Iterable[Json]) -> Json:
    used = {key for value in values for key in value}
    declared = [
        {
            "code": code,
            "uri": f"{BASE}/CodeSystem/concept-properties#{code}",
            "description": description,
            "type": "string",
        }
        for key, (code, description) in PROPERTIES.items()
        if key in used
    ]
    return {"property": declared} if declared else {}


def _concept(code: str, value: Json) -> Json:
    """One concept; its display is English where the dictionary has it, Ukrainian otherwise."""
    made: Json = {"code": code.strip()}
    display = value.get("en") or value.get("uk")
    if display:
        made["display"] = " ".join(display.split())
    designations = [
        {"language": language, "value": " ".join(value[language].split())}
        for language in ("uk", "en")
        if value.get(language)
    ]
    if designations:
        made["designation"] = designations
    properties = [
        {"code": property_code, "valueString": str(item)}
        for key, (property_code, _) in PROPERTIES.items()
        for item in _items(value.get(key))
    ]
    if properties:
        made["property"] = properties
    return made


def _items(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _value_set(name: str, include: list[Json], dictionary: Json) -> Json:
    made = _head("ValueSet", slug(name), name, _description(dictionary))
    made["copyright"] = f"Source: {dictionary['source']}"
    made["compose"] = {"include": include}
    return made


def _choice(name: str, dictionary: Json) -> Json:
    """A value set of codes of other dictionaries; a code with a dot can only be ICD-10-AM."""
    *first, last = CHOICES_OF_OTHERS[name]
    codes: dict[str, list[Json]] = {}
    for code in dictionary["values"]:
        for system in (last,) if "." in code or not first else (*first, last):
            codes.setdefault(system, []).append({"code": code})
    include = [
        {"system": f"{BASE}/CodeSystem/{system}", "concept": concepts}
        for system, concepts in codes.items()
    ]
    return _value_set(name, include, dictionary)


def _observation_codes(dictionary: Json) -> Json:
    """What Observation.code takes: LOINC numbers in LOINC's system, own codes in the local one."""
    values: Mapping[str, Json] = dictionary["values"]
    made = _head(
        "ValueSet",
        "observation-codes",
        "eHealth/LOINC/observation_codes",
        "Codes of observations: LOINC numbers in the system http://loinc.org, codes that only ЕСОЗ "
        "has in the system of its dictionary.",
    )
    made["copyright"] = (
        "This material contains content from LOINC (http://loinc.org), copyright Regenstrief "
        "Institute, Inc. and the LOINC Committee, available at no cost under the license at "
        f"http://loinc.org/license. Source of the labels: {dictionary['source']}"
    )
    numbers = {code: value for code, value in values.items() if is_loinc(code)}
    loinc = [_label(code, value) for code, value in (numbers | PANELS).items()]
    own = [_label(code, value) for code, value in values.items() if not is_loinc(code)]
    made["compose"] = {
        "include": [
            {"system": LOINC, "concept": loinc},
            {"system": f"{BASE}/CodeSystem/loinc-observation-codes", "concept": own},
        ]
    }
    return made


def _label(code: str, value: Json) -> Json:
    """A concept of a value set; labels are designations, as no display of LOINC is claimed."""
    designations = [
        {"language": language, "value": value[language]}
        for language in ("uk", "en")
        if value.get(language)
    ]
    return {"code": code} | ({"designation": designations} if designations else {})


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as people read it, and as git compares it well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def main(source: str, target: str = "terminology") -> None:
    """Write one file each below ``target``; files of dictionaries that are gone stay."""
    folders = {"CodeSystem": "code-systems", "ValueSet": "value-sets"}
    dictionaries = json.loads(Path(source).read_text(encoding="utf-8"))
    for made in resources(dictionaries):
        folder = Path(target) / folders[made["resourceType"]] / "dictionaries"
        write_json(folder / f"{made['id']}.json", made)


if __name__ == "__main__":
    main(*sys.argv[1:])
