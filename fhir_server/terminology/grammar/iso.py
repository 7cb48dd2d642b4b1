"""The code lists of ISO that FHIR names without a CodeSystem resource, from the data of CLDR.

Spec: https://hl7.org/fhir/R4/iso3166.html and https://hl7.org/fhir/R4/valueset-currencies.html
"""

from babel.core import get_global
from babel.localedata import load

from fhir_server.model import JsonObject
from fhir_server.terminology.listed_system import ListedSystem

_NO_COUNTRY = frozenset({
    "AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ",
})  # fmt: skip
"""Territories of CLDR whose codes ISO 3166-1 reserves or leaves to users."""
_NO_TENDER = frozenset({
    "BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW", "XAG", "XAU", "XBA", "XBB",
    "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX",
})  # fmt: skip
"""Codes of ISO 4217 that are in force though no country pays with them: funds, metals, testing."""
_NO_CURRENCY = frozenset({"CNH", "LTT", "LUC", "LUL", "XEU", "XFO", "XFU", "XRE"})
_FORMER_COUNTRY = frozenset({
    "BUR", "DDR", "FXX", "TMP", "YMD", "ZAR", "230", "249", "278", "280", "720", "736", "886",
})  # fmt: skip
"""Codes of states that are no more; CLDR keeps them as aliases of their successors."""
_ALPHA_2 = 2


def countries() -> ListedSystem:
    """ISO 3166-1 with alpha-2, alpha-3 and numeric codes, names in English and Ukrainian."""
    english, ukrainian = load("en")["territories"], load("uk")["territories"]
    alpha_2 = [c for c in sorted(english) if _is_alpha_2(c) and c not in _NO_COUNTRY]
    same: dict[str, list[str]] = {code: [code] for code in alpha_2}
    for other, targets in sorted(get_global("territory_aliases").items()):
        if len(other) > _ALPHA_2 and other not in _FORMER_COUNTRY and targets[0] in same:
            same[targets[0]].append(other)
    concepts = [
        _concept(code, english[country], ukrainian.get(country))
        for country, codes in same.items()
        for code in codes
    ]
    return _system("urn:iso:std:iso:3166", concepts)


def currencies() -> ListedSystem:
    """ISO 4217; currencies that are out of use are inactive."""
    english, ukrainian = load("en")["currency_names"], load("uk")["currency_names"]
    in_use = _NO_TENDER | {
        code
        for periods in get_global("territory_currencies").values()
        for code, _, end, _ in periods
        if end is None
    }
    concepts = [
        _concept(code, name, ukrainian.get(code), is_inactive=code not in in_use)
        for code, name in sorted(english.items())
        if code not in _NO_CURRENCY
    ]
    return _system("urn:iso:std:iso:4217", concepts)


def _is_alpha_2(code: str) -> bool:
    return len(code) == _ALPHA_2 and code.isalpha()


def _concept(
    code: str, english: str, ukrainian: str | None, *, is_inactive: bool = False
) -> JsonObject:
    concept: JsonObject = {"code": code, "display": english}
    if ukrainian is not None:
        concept["designation"] = [{"language": "uk", "value": ukrainian}]
    if is_inactive:
        concept["property"] = [{"code": "inactive", "valueBoolean": True}]
    return concept


def _system(url: str, concepts: list[JsonObject]) -> ListedSystem:
    return ListedSystem(
        {
            "resourceType": "CodeSystem",
            "url": url,
            "language": "en",
            "content": "complete",
            "caseSensitive": True,
            "concept": concepts,
        }
    )
