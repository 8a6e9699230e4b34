"""The `[auth]` table of stepwell.toml, and the variables that say the same in short: docs/auth.md.

Rules that must stay true here:
- A secret is never part of a message, of a text that a debugger prints, or of the table's own text form.
- A token stands in a file as a hash only; the clear text comes from the environment or from a file of its own.
- Nothing is opened here: where a secret comes from is checked when the server starts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from stepwell.auth.caller import Role

KEYS_VARIABLE: Final = "STEPWELL_ACCESS_KEYS"
TOKENS_VARIABLE: Final = "STEPWELL_TOKENS"
VARIABLES: Final = (KEYS_VARIABLE, TOKENS_VARIABLE)

_KEY_ID: Final = r"^[A-Za-z0-9_.-]{1,128}$"
_ROLES: Final = ("full", "read-only")


class AuthError(Exception):
    """Something in the settings of who may call; the message names the place and the way out, never a secret."""


class Elsewhere(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a secret is: in a variable, or in a file whose first line it is."""

    env: str | None = None
    file: str | None = None


class KeyTable(Struct, frozen=True, forbid_unknown_fields=True, repr_omit_defaults=True):
    """`[auth.keys.ACCESS_KEY_ID]`"""

    secret: str | Elsewhere
    role: Role = "full"
    name: str = ""
    session_token: str | Elsewhere | None = None

    def __repr__(self) -> str:
        return f"KeyTable(role={self.role!r}, name={self.name!r})"


class TokenTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[auth.tokens.NAME]`"""

    sha256: Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{64}$")] | None = None
    token: Elsewhere | None = None
    role: Role = "full"


class IssuerTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[auth.issuers.NAME]`"""

    issuer: str
    audience: str | tuple[str, ...]
    jwks_url: str | None = None
    algorithms: tuple[str, ...] = ("RS256",)
    token_use: Literal["access", "id"] | None = None
    role: Role = "full"
    roles_claim: str | None = None
    full: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()


class AuthTable(Struct, frozen=True, forbid_unknown_fields=True):
    """Who may call."""

    keys: dict[Annotated[str, Meta(pattern=_KEY_ID)], KeyTable] = {}
    tokens: dict[str, TokenTable] = {}
    issuers: dict[str, IssuerTable] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nobody is asked."""
        return not (self.keys or self.tokens or self.issuers)


def read_table(value: object, file: Path) -> AuthTable:
    """The table of a file; the files that it names are relative to that one. Raises AuthError."""
    try:
        table = msgspec.convert(value, AuthTable, strict=True)
    except msgspec.ValidationError as error:
        raise AuthError(f"{file}: [auth]: {error}. docs/auth.md shows the table.") from error
    folder = file.parent
    return AuthTable(
        {
            id: msgspec.structs.replace(
                key, secret=_placed(key.secret, folder), session_token=_placed(key.session_token, folder)
            )
            for id, key in table.keys.items()
        },
        {
            name: msgspec.structs.replace(token, token=_placed(token.token, folder))
            for name, token in table.tokens.items()
        },
        table.issuers,
    )


def with_variables(table: AuthTable, environ: Mapping[str, str]) -> AuthTable:
    """The table with what the variables add to it, and override.

    `STEPWELL_ACCESS_KEYS` holds `ID:SECRET` or `ID:SECRET:ROLE`, `STEPWELL_TOKENS` `NAME:TOKEN` or `NAME:TOKEN:ROLE`,
    with commas between. Raises AuthError.
    """
    keys = {id: KeyTable(secret, role) for id, secret, role in _entries(KEYS_VARIABLE, "ID:SECRET[:ROLE]", environ)}
    tokens = {
        name: TokenTable(sha256=digest(checked_secret(token, f"{TOKENS_VARIABLE}: {name}")).hex(), role=role)
        for name, token, role in _entries(TOKENS_VARIABLE, "NAME:TOKEN[:ROLE]", environ)
    }
    return AuthTable({**table.keys, **keys}, {**table.tokens, **tokens}, table.issuers)


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


def checked_secret(text: str, place: str) -> str:
    """Raises AuthError where a secret is too short to be one, or is no text."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise AuthError(f"{place}: it is no UTF-8 text.")
    if len(text) < 16:
        raise AuthError(f"{place}: it has {len(text)} characters; a secret has at least 16, drawn at random.")
    return text


def _entries(variable: str, form: str, environ: Mapping[str, str]) -> list[tuple[str, str, Role]]:
    entries: list[tuple[str, str, Role]] = []
    for number, entry in enumerate(filter(None, map(str.strip, environ.get(variable, "").split(","))), 1):
        name, *rest = entry.split(":")
        secret, role = (rest[0], "full") if len(rest) == 1 else (rest[0], rest[1]) if len(rest) == 2 else ("", "")
        if not (name and secret) or role not in _ROLES:
            raise AuthError(f"{variable}: entry {number} is not {form}, where ROLE is full or read-only.")
        entries.append((name, secret, "full" if role == "full" else "read-only"))
    return entries


def _placed(secret: str | Elsewhere | None, folder: Path) -> str | Elsewhere | None:
    if isinstance(secret, Elsewhere) and secret.file is not None:
        return msgspec.structs.replace(secret, file=str(folder / secret.file))
    return secret
