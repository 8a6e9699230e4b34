"""Page tokens: where a listing goes on, in the hands of the client.

Rules that must stay true here:
- A token is bound to its operation and to the arguments that chose the listing; the page size may change between pages.
- What was not issued by this store, was altered, or is older than a day is InvalidToken, and nothing more is told.
- Tokens need no state: they outlive a restart, and are good at every server of the store.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest
from typing import NoReturn

import orjson

from stepwell.api import faults

LIFETIME = 24 * 60 * 60 * 1000  # milliseconds (API reference, `nextToken` of the listings)

_MAC = 16


class PageTokens:
    """Issues and opens the tokens of one store, with its key (32 bytes)."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, operation: str, arguments: tuple[object, ...], position: tuple[int | str, ...], now: int) -> str:
        """A token for the position behind the last row of a page. `now` is in milliseconds."""
        payload = orjson.dumps([now, *position])
        return _text_of(self._mac(operation, arguments, payload) + payload)

    def open(self, token: str, operation: str, arguments: tuple[object, ...], now: int) -> list[int | str]:
        """The position of a token that `issue` made for this very listing. Raises InvalidToken."""
        try:
            raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except ValueError:
            _refuse()
        mac, payload = raw[:_MAC], raw[_MAC:]
        if _text_of(raw) != token or not compare_digest(mac, self._mac(operation, arguments, payload)):
            _refuse()
        issued, *position = orjson.loads(payload)
        if not 0 <= now - issued <= LIFETIME:
            _refuse()
        found: list[int | str] = position
        return found

    def _mac(self, operation: str, arguments: tuple[object, ...], payload: bytes) -> bytes:
        bound = orjson.dumps([operation, *arguments])
        digest = blake2b(bound, key=self._key, digest_size=_MAC, person=b"page-token")
        digest.update(payload)
        return digest.digest()


def _text_of(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _refuse() -> NoReturn:
    raise faults.invalid_page_token() from None
