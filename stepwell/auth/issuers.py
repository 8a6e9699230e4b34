"""Verifies JSON Web Tokens of OpenID Connect issuers, Amazon Cognito among them.

Rules that must stay true here:
- The algorithms are those of the settings, never the token's choice; all of them use public keys.
- The issuer is chosen by the token's `iss`, and only among those that the settings name.
- Every check has a message of its own, so that a client knows whether to renew its token or to ask for another.

See RFC 7519, RFC 8725, and "Verifying JSON web tokens" in the Amazon Cognito developer guide.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, TypeGuard

import orjson
from msgspec import Struct

from stepwell.auth.caller import Caller, Role
from stepwell.auth.jwks import Jwks
from stepwell.auth.refusal import BearerRefused

LEEWAY: Final = 30
"""Seconds that an issuer's clock may be off."""

ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)


class IssuerRules(Struct, frozen=True, kw_only=True):
    """What is asked of an issuer's tokens.

    `audience` are the values of `aud`, or of `client_id` in a token without `aud`, that are taken. `token_use` is
    Cognito's claim. `roles_claim` names a claim (`a.b` one inside another) that holds a text of words, or a list of
    them; a word of `full` gives that role, else one of `read_only` that one. Without `roles_claim` every token has
    `role`.
    """

    issuer: str
    audience: frozenset[str]
    algorithms: tuple[str, ...] = ("RS256",)
    token_use: Literal["access", "id"] | None = None
    role: Role = "full"
    roles_claim: str | None = None
    full: frozenset[str] = frozenset()
    read_only: frozenset[str] = frozenset()


class Issuers:
    """Verifies the tokens of several issuers. `clock` gives seconds since 1970."""

    def __init__(self, issuers: Iterable[tuple[IssuerRules, Jwks]], clock: Callable[[], float] = time.time) -> None:
        self._issuers = {rules.issuer: (rules, keys) for rules, keys in issuers}
        self._clock = clock

    async def caller(self, token: str) -> Caller:
        """Raises BearerRefused, KeysUnavailable."""
        header, unverified = _parts(token)
        issuer = unverified.get("iss")
        found = self._issuers.get(issuer) if isinstance(issuer, str) else None
        if found is None:
            raise _refused("The token's issuer is not known here")
        rules, keys = found
        if header.get("alg") not in rules.algorithms:
            raise _refused("The token is signed with an algorithm that is not taken here")
        kid = header.get("kid")
        key = await keys.key(kid if isinstance(kid, str) else None)
        if key is None:
            raise _refused("The token is signed with an unknown key")
        claims = _verified(token, key, rules.algorithms)
        self._check(claims, rules)
        return Caller(str(claims.get("sub") or claims.get("client_id") or issuer), _role(claims, rules), "jwt")

    def _check(self, claims: Mapping[str, Any], rules: IssuerRules) -> None:
        now = self._clock()
        expires = claims.get("exp")
        if not _is_number(expires):
            raise _refused("The token has no exp")
        if expires + LEEWAY <= now:
            raise _refused("The token has expired")
        begins = claims.get("nbf", 0)
        if not _is_number(begins) or begins - LEEWAY > now:
            raise _refused("The token is not valid yet")
        if claims.get("iss") != rules.issuer:
            raise _refused("The token's issuer is not known here")
        if rules.token_use is not None and claims.get("token_use") != rules.token_use:
            raise _refused(f"The token's token_use is not {rules.token_use}")
        given = claims.get("aud", claims.get("client_id"))
        audience = given if isinstance(given, list) else [given]
        if not any(isinstance(one, str) and one in rules.audience for one in audience):
            raise _refused("The token is for another audience")


def _parts(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims, of which nothing is verified. Raises BearerRefused."""
    parts: list[Mapping[str, Any]] = []
    for text in token.split(".")[:2]:
        try:
            part = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (binascii.Error, ValueError):
            part = None
        if not isinstance(part, dict):
            raise _refused("The token is no JSON Web Token")
        parts.append(part)
    return parts[0], parts[1]


def _verified(token: str, key: Any, algorithms: tuple[str, ...]) -> Mapping[str, Any]:
    """The claims of a token whose signature holds. Raises BearerRefused."""
    from joserfc import jwt
    from joserfc.errors import JoseError

    try:
        return jwt.decode(token, key, algorithms=list(algorithms)).claims
    except (JoseError, ValueError, TypeError) as error:
        raise _refused("The token's signature does not hold") from error


def _role(claims: Mapping[str, Any], rules: IssuerRules) -> Role:
    """Raises BearerRefused where no role is given to the token."""
    if rules.roles_claim is None:
        return rules.role
    words = frozenset(_words(claims, rules.roles_claim))
    if words & rules.full:
        return "full"
    if words & rules.read_only:
        return "read-only"
    raise BearerRefused("insufficient_scope", f"Nothing in the token's {rules.roles_claim} gives a role here")


def _words(claims: Mapping[str, Any], name: str) -> list[str]:
    value: Any = claims.get(name)
    if value is None:
        value = claims
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return value.split()
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _refused(message: str) -> BearerRefused:
    return BearerRefused("invalid_token", message)
