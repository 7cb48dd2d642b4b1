"""Which profile of vital signs an Observation must meet because of its code.

Spec: https://hl7.org/fhir/R4/observation-vitalsigns.html
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from fhir_server.model import JsonObject
from fhir_server.validation.reading import object_of, objects

_LOINC = "http://loinc.org"
_BASE = "http://hl7.org/fhir/StructureDefinition/"
_CODES = {
    "vitalspanel": "85353-1",
    "resprate": "9279-1",
    "heartrate": (
        "8867-4 8889-8 40443-4 8890-6 8891-4 8892-2 8893-0 69000-8 68999-2 11328-2 76477-9 76476-1"
    ),
    "oxygensat": "2708-6 59408-5 20564-1 2710-2 51733-4",
    "bodytemp": "8310-5 8328-7 8329-5 8330-3 8331-1 8332-9 8333-7 8334-5",
    "bodyheight": "8302-2 3137-7 3138-5 8306-3 8308-9",
    "headcircum": "9843-4 8287-5",
    "bodyweight": "29463-7 3141-9 3142-7 8350-1 8351-9 75292-3 79348-9",
    "bmi": "39156-5 89270-3",
    "bp": "85354-9 8480-6 55284-4 35094-2 76534-7 8459-0",
}
"""The code each profile demands, and LOINC's codes for the same measured in a special way."""
_PROFILES: Mapping[str, str] = MappingProxyType(
    {code: _BASE + name for name, codes in _CODES.items() for code in codes.split()}
)


def profiles_by_code(resource: JsonObject) -> Iterator[str]:
    """Yield the canonical of the profile that the LOINC code of an Observation stands for."""
    if resource.get("resourceType") != "Observation":
        return
    for _, coding in objects(object_of(resource, "code"), "coding"):
        if coding.get("system") == _LOINC:
            profile = _PROFILES.get(str(coding.get("code")))
            if profile is not None:
                yield profile
                return
