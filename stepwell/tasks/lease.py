"""Leases of calls that workers hold: their tokens, and where they are kept.

Rules that must stay true here:
- A token names its call and holds a secret of its own: a call that is given to another worker has another token.
- Only a digest of a token is kept.
"""

from __future__ import annotations

import binascii
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, Protocol

from msgspec import Struct

_FORM: Final = 2  # the engine's own task tokens begin with 1
_CALL: Final = 16
_SECRET: Final = 19
_LENGTH: Final = 1 + _CALL + _SECRET  # a multiple of three: no padding


class KeptLease(Struct, frozen=True):
    """`call` names the call, `digest` the token; `worker` is the name that the worker gave."""

    call: bytes
    digest: bytes
    function: str
    worker: str | None


class LeaseBook(Protocol):
    """Keeps leases beyond the end of the server."""

    async def keep(self, lease: KeptLease) -> None:
        """Keep a lease, in the place of another of the same call. Raises what the store raises."""
        ...

    async def drop(self, call: bytes) -> None: ...

    async def all(self) -> Sequence[KeptLease]: ...


def call_name(key: str) -> bytes:
    """The name of the call with an idempotency key."""
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_CALL).digest()


def new_token(call: bytes) -> str:
    """A token for a call, which nobody can guess."""
    return urlsafe_b64encode(bytes([_FORM]) + call + os.urandom(_SECRET)).decode()


def digest(token: str) -> bytes:
    return blake2b(token.encode(), digest_size=32).digest()


def call_of(token: str) -> bytes | None:
    """The call that a token names; None where it is no lease's token."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii"))
    except (UnicodeError, binascii.Error):
        return None
    return raw[1 : 1 + _CALL] if len(raw) == _LENGTH and raw[0] == _FORM else None
