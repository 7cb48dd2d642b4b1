"""How index values are written as strings, so that few indexes serve every parameter.

A token is ``parameter|system|code``; a bare code is found through the systems known for the
parameter (`dictionary`), a whole system by prefix. A reference is ``parameter|id/Type``, so that
one string serves ``Type/id`` (equal) and ``id`` of any type (prefix). A uri or absolute reference
is ``parameter|url``. Layout, measured: 17 tokens a resource cost 353 bytes of index, 10 about 200.
"""

import re

from bson.regex import Regex

from fhir_server.search import (
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
)


def escape(text: str) -> str:
    """Keep ``|`` out of a part, so that parts cannot run into each other."""
    return text.replace("%", "%25").replace("|", "%7C")


def token(parameter: str, system: str, code: str) -> str:
    """Write a token; the code comes last and needs no escape."""
    return f"{parameter}|{escape(system)}|{code}"


def of_token(value: TokenValue) -> str:
    """Write an indexed token."""
    return token(value.parameter, value.system, value.code)


def of_reference(value: ReferenceValue) -> str:
    """Write an indexed reference; ids and types have no ``/`` or ``|``."""
    return reference(value.parameter, value.type, value.id, value.url)


def reference(parameter: str, resource_type: str, logical_id: str, url: str) -> str:
    """Write a reference; one without type is the prefix of those with any."""
    return f"{parameter}|{url}" if url else f"{parameter}|{logical_id}/{resource_type}"


def target(text: str) -> str:
    """Turn ``id/Type`` of a token back into ``Type/id``."""
    logical_id, _, resource_type = text.partition("/")
    return f"{resource_type}/{logical_id}"


def of_uri(value: UriValue) -> str:
    """Write a uri."""
    return f"{value.parameter}|{value.uri}"


def of_string(value: StringValue) -> str:
    """Write the folded text that default and ``:contains`` matches compare."""
    return f"{value.parameter}|{value.normal}"


def of_exact(parameter: str, exact: str) -> str:
    """Write a text as it stands in the resource, for ``:exact``."""
    return f"{parameter}|{exact}"


def unit(system: str, code: str) -> str:
    """Write what follows the parameter in the key of a quantity; "" is the key for any unit."""
    return f"|{escape(system)}|{code}"


def starts_with(prefix: str) -> Regex[str]:
    """An anchored pattern without flags, the only kind that MongoDB turns into tight bounds."""
    return pattern("^" + re.escape(prefix))


def pattern(text: str, flags: int = 0) -> Regex[str]:
    """A pattern that BSON can carry, without NUL; Python's own have a flag that spoils bounds."""
    return Regex(text.replace("\0", r"\x00"), flags)


def unescape(text: str) -> str:
    """Undo `escape`."""
    return text.replace("%7C", "|").replace("%25", "%")
