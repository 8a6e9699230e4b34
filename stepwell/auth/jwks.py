"""The public keys of one issuer, read over HTTP and kept.

Rules that must stay true here:
- Keys are read when the first token needs them, again when they are old, and once more when a token names one that is
  not among them; never more often than every `PAUSE` seconds, whatever tokens arrive.
- However many requests wait for the keys, they are read once.
- Keys that cannot be read anew go on being used until they are `OLDEST` seconds old: an issuer's outage is not ours.
- Nothing but https is read, except from this machine; no redirect is followed; an answer has at most `LARGEST` bytes.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
import time
import urllib.request
from collections.abc import Callable
from typing import IO, Any, Final
from urllib.parse import urlsplit

import orjson

from stepwell.auth.refusal import KeysUnavailable

FRESH: Final = 3600
OLDEST: Final = 86_400
PAUSE: Final = 30
LARGEST: Final = 262_144
MOST: Final = 64
"""Keys of a set; those behind are passed over."""

_TIMEOUT: Final = 5  # seconds
_DISCOVERY: Final = "/.well-known/openid-configuration"

_log = logging.getLogger("stepwell.auth")


class Jwks:
    """The keys of an issuer. `url` is where its key set is; where None is given, the issuer's discovery document tells.
    `clock` gives seconds, and never goes back."""

    def __init__(self, issuer: str, url: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises ValueError where an address is none that keys may be read from."""
        self._issuer = issuer
        self._url = url
        self._clock = clock
        self._keys: dict[str | None, Any] = {}
        self._read_at = -math.inf
        self._tried_at = -math.inf
        self._reading = asyncio.Lock()
        check_address(url or issuer)

    async def key(self, kid: str | None) -> Any | None:
        """The key of that name; where a token names none, the only key there is. Raises KeysUnavailable."""
        if self._clock() - self._read_at > FRESH or self._found(kid) is None:
            await self._refresh(kid)
        if self._clock() - self._read_at > OLDEST:
            raise KeysUnavailable(self._issuer, PAUSE)
        return self._found(kid)

    def _found(self, kid: str | None) -> Any | None:
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    async def _refresh(self, kid: str | None) -> None:
        async with self._reading:
            now = self._clock()
            is_fresh = now - self._read_at <= FRESH and self._found(kid) is not None
            if is_fresh or now - self._tried_at < PAUSE:
                return
            self._tried_at = now
            try:
                self._keys = await asyncio.to_thread(self._read)
                self._read_at = now
            except Exception as error:  # whatever an issuer answers, it is no defect of this server
                _log.warning("the keys of %s cannot be read: %s: %s", self._issuer, type(error).__name__, error)

    def _read(self) -> dict[str | None, Any]:
        url = self._url
        if url is None:
            url = _get(self._issuer.rstrip("/") + _DISCOVERY)["jwks_uri"]
            check_address(url)
        return _keys(_get(url)["keys"])


def check_address(url: str) -> None:
    """Raises ValueError where no keys may be read from an address."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_this_machine(parts.hostname or "")):
        raise ValueError(f"{url!r} is no https address; http is taken from this machine only")


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def _get(url: str) -> dict[str, Any]:
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310  # checked addresses only
    answer: IO[bytes]
    with _opener.open(request, timeout=_TIMEOUT) as answer:
        text = answer.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise ValueError(f"{url} has more than {LARGEST} bytes")
    found = orjson.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"{url} is no JSON object")
    return found


def _keys(found: list[dict[str, Any]]) -> dict[str | None, Any]:
    """The keys that verify signatures, by name. What is no such key, or of a kind not known here, is passed over."""
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    keys: dict[str | None, Any] = {}
    for data in found[:MOST]:
        if data.get("kty") not in ("RSA", "EC", "OKP") or data.get("use", "sig") != "sig":
            continue
        try:
            keys[data.get("kid")] = import_key(data)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return keys
