"""Language tags, ``urn:ietf:bcp:47``: well-formed by RFC 5646, with a primary language that exists.

Spec: https://www.rfc-editor.org/rfc/rfc5646#section-2.1
"""

import re

from babel.core import get_global
from babel.localedata import load

from fhir_server.terminology.concept import Concept

BCP_47 = "urn:ietf:bcp:47"

_TAG = re.compile(
    r"""(?P<language>[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})
        (?:-(?P<script>[a-z]{4}))?
        (?:-(?P<region>[a-z]{2}|[0-9]{3}))?
        (?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*
        (?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*
        (?:-x(?:-[a-z0-9]{1,8})+)?""",
    re.VERBOSE | re.IGNORECASE,
)
_PRIVATE = re.compile(r"x(?:-[a-z0-9]{1,8})+", re.IGNORECASE)
_GRANDFATHERED = frozenset({
    "en-gb-oed", "i-ami", "i-bnn", "i-default", "i-enochian", "i-hak", "i-klingon", "i-lux",
    "i-mingo", "i-navajo", "i-pwn", "i-tao", "i-tay", "i-tsu", "sgn-be-fr", "sgn-be-nl",
    "sgn-ch-de", "art-lojban", "cel-gaulish", "no-bok", "no-nyn", "zh-guoyu", "zh-hakka",
    "zh-min", "zh-min-nan", "zh-xiang",
})  # fmt: skip
_SHORT = 2


def language_concept(code: str) -> Concept | None:
    """Return the concept of a language tag, with names in English and Ukrainian; None: it is none.

    Two-letter languages and regions must exist (ISO 639-1, ISO 3166-1); of the 7,000 three-letter
    languages only the form is checked.
    """
    if _PRIVATE.fullmatch(code) is not None or code.lower() in _GRANDFATHERED:
        return Concept(code=code)
    match = _TAG.fullmatch(code)
    if match is None:
        return None
    language = match["language"].lower()
    region = (match["region"] or "").upper()
    if len(language) == _SHORT and not _is_language(language):
        return None
    if len(region) == _SHORT and region not in load("en")["territories"]:
        return None
    script = (match["script"] or "").title()
    english, ukrainian = (_name(in_, language, script, region) for in_ in ("en", "uk"))
    designations = () if ukrainian is None else ({"language": "uk", "value": ukrainian},)
    return Concept(code=code, display=english, designations=designations)


def _is_language(code: str) -> bool:
    return code in load("en")["languages"] or code in get_global("language_aliases")


def _name(in_language: str, language: str, script: str, region: str) -> str | None:
    names = load(in_language)
    name: str | None = names["languages"].get(language)
    if name is None:
        return None
    details = [names["scripts"].get(script), names["territories"].get(region)]
    shown = ", ".join(detail for detail in details if detail)
    return f"{name} ({shown})" if shown else name
