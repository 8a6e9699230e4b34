"""Recognises callers by a bearer token: a static one, or a JSON Web Token of a known issuer.

Rules that must stay true here:
- Static tokens are kept as SHA-256 hashes, and compared in constant time with every one there is.
- A caller who is refused hears what to do about it, never which tokens there are.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

from stepwell.auth.caller import Caller, Role
from stepwell.auth.refusal import BearerRefused

LONGEST: Final = 16_384
"""Characters of a token; longer ones are not looked at."""


class StaticToken(Struct, frozen=True):
    """A token that is known by its SHA-256."""

    name: str
    digest: bytes
    role: Role = "full"


class TokenIssuers(Protocol):
    """Verifies JSON Web Tokens."""

    async def caller(self, token: str) -> Caller:
        """Raises BearerRefused, KeysUnavailable."""


class Bearers:
    """Recognises callers. `issuers` is None where no JSON Web Token is taken."""

    def __init__(self, tokens: Sequence[StaticToken], issuers: TokenIssuers | None) -> None:
        self._tokens = tuple(tokens)
        self._issuers = issuers

    async def caller(self, authorization: str | None) -> Caller:
        """Who sends an Authorization header. Raises BearerRefused, KeysUnavailable."""
        if not authorization:
            raise BearerRefused(None, "A bearer token is needed: send it as 'Authorization: Bearer TOKEN'")
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise BearerRefused(None, "The Authorization header must be 'Bearer TOKEN'")
        if len(token) > LONGEST:
            raise BearerRefused("invalid_request", f"A token has at most {LONGEST} characters")
        found = self._static(token)
        if found is not None:
            return Caller(found.name, found.role, "token")
        if self._issuers is not None and token.count(".") == 2:
            return await self._issuers.caller(token)
        raise BearerRefused("invalid_token", "The token is not known here")

    def _static(self, token: str) -> StaticToken | None:
        digest = hashlib.sha256(token.encode()).digest()
        found = None
        for known in self._tokens:
            if hmac.compare_digest(known.digest, digest):
                found = known
        return found
