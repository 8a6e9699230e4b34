"""Tokens, kept out of the state machine: it carries a reference, the handlers open it.

A token is sealed (JWE, A256GCM) in a SQLite file that only its owner may read; the key stands in a file of its own. So
a copy of a database, a backup, a log or an execution's history gives nobody a token. It does not protect against
someone who can read both files, which is whoever can run code as this user.

Rules that must stay true here:
- A clear token never leaves this module but as the return value of `open_tokens`; no message and no `repr` holds one.
- A reference says nothing about the token, and is worth nothing without both files.
- A token stays no longer than a day: a poll ends after 50 minutes.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

LIFETIME_SECONDS = 24 * 3600

_SCHEMA = "CREATE TABLE IF NOT EXISTS sealed (reference TEXT PRIMARY KEY, box TEXT NOT NULL, expires INTEGER NOT NULL)"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What calls the vendor in the caller's name. `refresh` is None where the vendor gave none."""

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)


class TokenUnavailable(Exception):
    """Nothing is sealed under the reference, or it cannot be opened with this key."""


class SealedTokens:
    """The file of sealed tokens at `path`, with its key at `key_file`; both are created when first needed."""

    def __init__(self, path: Path, key_file: Path) -> None:
        self._path = path
        self._key_file = key_file

    def seal(self, reference: str, tokens: Tokens) -> None:
        """Keep tokens under a reference, in place of what stood there. Drops those that are past their lifetime."""
        now = int(time.time())
        clear = json.dumps({"reference": reference, "access": tokens.access, "refresh": tokens.refresh})
        box = jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM"}, clear, self._key())
        with self._file() as file:
            file.execute("DELETE FROM sealed WHERE expires < ?", (now,))
            file.execute("INSERT OR REPLACE INTO sealed VALUES (?, ?, ?)", (reference, box, now + LIFETIME_SECONDS))

    def open_tokens(self, reference: str) -> Tokens:
        """The tokens behind a reference. Raises TokenUnavailable."""
        with self._file() as file:
            row = file.execute("SELECT box FROM sealed WHERE reference = ?", (reference,)).fetchone()
        if row is None:
            raise TokenUnavailable(f"no token is kept for {reference}")
        try:
            clear = json.loads(jwe.decrypt_compact(row[0], self._key()).plaintext or b"{}")
        except JoseError as error:
            raise TokenUnavailable(f"the token of {reference} cannot be opened with this key") from error
        if clear.get("reference") != reference:
            raise TokenUnavailable(f"the token of {reference} was sealed for another reference")
        return Tokens(clear["access"], clear["refresh"])

    def forget(self, reference: str) -> None:
        """Destroy what is kept under a reference, if anything."""
        with self._file() as file:
            file.execute("DELETE FROM sealed WHERE reference = ?", (reference,))

    @contextmanager
    def _file(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(0o600)
        file = sqlite3.connect(self._path)
        try:
            file.execute("PRAGMA secure_delete = ON")
            file.execute(_SCHEMA)
            with file:
                yield file
        finally:
            file.close()

    def _key(self) -> OctKey:
        if not self._key_file.exists():
            self._create_key()
        return OctKey.import_key(json.loads(self._key_file.read_text("ascii")))

    def _create_key(self) -> None:
        """Write a new key whole and link it into place, so that whoever comes second finds the first one's."""
        self._key_file.parent.mkdir(parents=True, exist_ok=True)
        new = self._key_file.with_name(f"{self._key_file.name}.{os.getpid()}")
        new.touch(0o600)
        new.write_text(json.dumps(OctKey.generate_key(256).as_dict(private=True)), "ascii")
        with suppress(FileExistsError):
            self._key_file.hardlink_to(new)
        new.unlink()
