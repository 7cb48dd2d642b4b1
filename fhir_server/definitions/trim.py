"""What the compiler leaves out of a definition: prose that no rule, code or answer needs.

Narrative, mappings and the long texts of elements make up two thirds of the R4 package (29 MB).
``definition`` stays: a snapshot without it breaks invariant sdf-3 when it is handed out.

Spec: https://hl7.org/fhir/R4/structuredefinition.html and https://hl7.org/fhir/R4/narrative.html
"""

from fhir_server.model import JsonObject

_ROOT = frozenset({"text", "contact", "purpose", "copyright", "keyword"})
_STRUCTURE = _ROOT | {"mapping"}
_HL7 = "http://hl7.org/fhir/StructureDefinition/structuredefinition-"
_OF_ONE_RELEASE = frozenset(
    _HL7 + name
    for name in ("standards-status", "standards-status-reason", "normative-version", "fmm")
)
_ELEMENT = frozenset({"comment", "requirements", "alias", "example", "mapping"})


def trimmed(resource: JsonObject) -> JsonObject:
    """Return a definition without its prose; the argument stays as it is."""
    if resource.get("resourceType") != "StructureDefinition":
        return {key: value for key, value in resource.items() if key not in _ROOT}
    kept = {key: value for key, value in resource.items() if key not in _STRUCTURE}
    if "snapshot" in kept and kept.get("derivation") != "constraint":
        kept.pop("differential", None)  # of a base type it repeats what the snapshot says
    for part in ("snapshot", "differential"):
        if isinstance(kept.get(part), dict):
            elements = kept[part].get("element", ())
            kept[part] = {**kept[part], "element": [_trimmed_element(e) for e in elements]}
    return kept


def _trimmed_element(element: JsonObject) -> JsonObject:
    kept = {key: value for key, value in element.items() if key not in _ELEMENT}
    if "constraint" in kept:
        kept["constraint"] = [
            {key: value for key, value in rule.items() if key != "xpath"}
            for rule in kept["constraint"]
        ]
    if "extension" in kept:  # a profile does not inherit how mature an element of its base is
        left = [e for e in kept.pop("extension") if e.get("url") not in _OF_ONE_RELEASE]
        if left:
            kept["extension"] = left
    return kept
