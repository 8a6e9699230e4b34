"""From the settings to what recognises callers: secrets are read, and everything wrong with them is told.

Rules that must stay true here:
- All secrets are read once, when the server starts; a variable or a file that is missing stops it.
"""

from __future__ import annotations

import importlib.util
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from stepwell.auth.bearer import Bearers, StaticToken
from stepwell.auth.issuers import ALGORITHMS, IssuerRules, Issuers
from stepwell.auth.jwks import Jwks
from stepwell.auth.signatures import AccessKey, Signatures
from stepwell.auth.table import AuthError, AuthTable, Elsewhere, IssuerTable, TokenTable, checked_secret, digest


class Auth(Struct, frozen=True):
    """What recognises callers. `own_key` is the server's own access key, for what it runs itself."""

    signatures: Signatures
    bearers: Bearers
    own_key: AccessKey


def open_auth(
    table: AuthTable, environ: Mapping[str, str], own_key_id: str, clock: Callable[[], float] = time.time
) -> Auth | None:
    """What the settings ask for; None where nobody is asked. `own_key_id` names a key with a secret that is drawn here.

    Raises AuthError.
    """
    if table.is_empty:
        return None
    keys = [
        AccessKey(
            id,
            _secret(key.secret, environ, f"auth.keys.{id}.secret"),
            key.role,
            key.name,
            None if key.session_token is None else _secret(key.session_token, environ, f"auth.keys.{id}.session_token"),
        )
        for id, key in table.keys.items()
    ]
    if own_key_id in table.keys:
        raise AuthError(f"auth.keys.{own_key_id}: the server's own access key has this id. Give yours another one.")
    own = AccessKey(own_key_id, secrets.token_urlsafe(30), name="this server")
    tokens = [_static(name, token, environ) for name, token in table.tokens.items()]
    issuers = [_issuer(name, issuer) for name, issuer in table.issuers.items()]
    bearers = Bearers(tokens, Issuers(issuers, clock) if issuers else None)
    return Auth(Signatures([own, *keys], clock), bearers, own)


def _static(name: str, table: TokenTable, environ: Mapping[str, str]) -> StaticToken:
    place = f"auth.tokens.{name}"
    if (table.sha256 is None) == (table.token is None):
        raise AuthError(f"{place}: give either sha256 = the token's SHA-256 in hex, or token = {{ env = … }}.")
    if table.sha256 is not None:
        return StaticToken(name, bytes.fromhex(table.sha256), table.role)
    assert table.token is not None
    return StaticToken(name, digest(_secret(table.token, environ, f"{place}.token")), table.role)


def _issuer(name: str, table: IssuerTable) -> tuple[IssuerRules, Jwks]:
    place = f"auth.issuers.{name}"
    if importlib.util.find_spec("joserfc") is None:
        raise AuthError(f"{place}: JSON Web Tokens need a package more: pip install 'stepwell[jwt]'.")
    audience = frozenset({table.audience} if isinstance(table.audience, str) else table.audience)
    if not audience or "" in audience:
        raise AuthError(f"{place}.audience: name the audience, or the client id, that tokens are made for.")
    if not table.algorithms or not ALGORITHMS.issuperset(table.algorithms):
        raise AuthError(f"{place}.algorithms: they are some of {', '.join(sorted(ALGORITHMS))}.")
    if table.roles_claim is None and (table.full or table.read_only):
        raise AuthError(f"{place}: full and read_only are words of a claim: name it as roles_claim.")
    if table.roles_claim is not None and not (table.full or table.read_only):
        raise AuthError(f"{place}: no word of {table.roles_claim} gives a role: list some as full or read_only.")
    try:
        keys = Jwks(table.issuer, table.jwks_url)
    except ValueError as error:
        raise AuthError(f"{place}: {error}.") from error
    rules = IssuerRules(
        issuer=table.issuer,
        audience=audience,
        algorithms=table.algorithms,
        token_use=table.token_use,
        role=table.role,
        roles_claim=table.roles_claim,
        full=frozenset(table.full),
        read_only=frozenset(table.read_only),
    )
    return rules, keys


def _secret(given: str | Elsewhere, environ: Mapping[str, str], place: str) -> str:
    """Raises AuthError."""
    if isinstance(given, str):
        return checked_secret(given, place)
    if (given.env is None) == (given.file is None):
        raise AuthError(f"{place}: say either {{ env = … }} or {{ file = … }}.")
    if given.env is not None:
        if not environ.get(given.env):
            raise AuthError(f"{place}: the variable {given.env} is not set.")
        return checked_secret(environ[given.env], place)
    assert given.file is not None
    try:
        lines = Path(given.file).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise AuthError(f"{place}: {given.file} cannot be read: {reason}.") from error
    return checked_secret(lines[0].strip() if lines else "", place)
