"""Page tokens: everything the next page needs, sealed, so that nothing is stored between pages.

A token holds the parameters of the search and where the last page ended. Both are patient data (a
name that is searched, a birth date that is sorted by), and links end up in logs and histories: a
token is encrypted and authenticated (AES-256-GCM) and carries no other text.

Spec: https://hl7.org/fhir/R4/http.html#paging
"""

import secrets
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fhir_server.model import InvalidRequest, LogicalId, ResourceType
from fhir_server.search.tree import PagePosition

PAGE_PARAMETER = "_page"
"""The only parameter of a next link."""

_NONCE_BYTES = 12
_MAX_STATE_BYTES = 1_000_000
_SHORTEST_KEY_BYTES = 16


_Key = str | int | float | None


class _Fields(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """What is sealed; what was added later has defaults, so that older links still open."""

    parameters: tuple[tuple[str, str], ...]
    keys: tuple[_Key, ...]
    resource_type: str
    logical_id: str
    is_contained: bool = False
    given: str = ""


_FIELDS = msgspec.json.Decoder(_Fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageState:
    """What a page link stands for.

    Attributes:
        parameters: The parameters of the search that count, in order.
        after: Where the page before ended; None: the search begins.
        is_contained: Whether ``after`` is a place among resources that contain matches.
        given: Of the resource that follows, the last contained match that was given
            (``MedicationRequest/23#m1``); "": none.
    """

    parameters: tuple[tuple[str, str], ...]
    after: PagePosition | None = None
    is_contained: bool = False
    given: str = ""


class PageTokens:
    """Seals and opens page tokens.

    Args:
        keys: Secrets of at least 16 bytes; the first one seals, any of them opens, so that a key
            can be replaced while links with the old one are still out.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) < _SHORTEST_KEY_BYTES for key in keys):
            raise ValueError(f"page keys must have {_SHORTEST_KEY_BYTES} bytes or more")
        self._ciphers = tuple(AESGCM(sha256(b"page token\0" + key).digest()) for key in keys)

    def seal(self, state: PageState, *, bound_to: str) -> str:
        """Return the token of a page.

        Args:
            state: What the link stands for.
            bound_to: What must be the same when it is opened, such as the path ``Patient``.
        """
        after = state.after
        fields = _Fields(
            parameters=state.parameters,
            keys=() if after is None else after.keys,
            resource_type="" if after is None else after.resource_type,
            logical_id="" if after is None else after.logical_id,
            is_contained=state.is_contained,
            given=state.given,
        )
        plain = zlib.compress(msgspec.json.encode(fields))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._ciphers[0].encrypt(nonce, plain, bound_to.encode())
        return urlsafe_b64encode(nonce + sealed).decode().rstrip("=")

    def open(self, token: str, *, bound_to: str) -> PageState:
        """Return what a token stands for.

        Raises:
            InvalidRequest: It was not made by this server, was changed, or belongs elsewhere.
        """
        plain = self._decrypt(token, bound_to.encode())
        if plain is None:
            raise InvalidRequest.of("search-page-token-invalid", expression="http._page")
        unpacked = zlib.decompressobj().decompress(plain, _MAX_STATE_BYTES)
        fields = _FIELDS.decode(unpacked)
        after = PagePosition(
            keys=fields.keys,
            resource_type=ResourceType(fields.resource_type),
            logical_id=LogicalId(fields.logical_id),
        )
        return PageState(
            parameters=fields.parameters,
            after=after if fields.resource_type else None,
            is_contained=fields.is_contained,
            given=fields.given,
        )

    def _decrypt(self, token: str, bound_to: bytes) -> bytes | None:
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (NotBase64, ValueError):
            return None
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(nonce, rest, bound_to)
            except (InvalidTag, ValueError):
                continue
        return None
