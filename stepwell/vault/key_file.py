"""Keys from a file: one a line, the newest first; made with the first value that is to be sealed.

Rules that must stay true here:
- Only its owner may read the file; one that others may read is not used.
- The file appears whole or not at all, and of two processes that make it at once both find the same.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from stepwell.disk import sync
from stepwell.vault.errors import VaultUnavailable
from stepwell.vault.keys import KEY_BYTES, Keys, read_keys

_HEAD = "# What Stepwell's vault seals with, the newest key first. Keep it apart from copies of the database.\n"


class KeyFile:
    """The file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def load(self) -> Keys:
        return await asyncio.to_thread(self._load)

    def _load(self) -> Keys:
        try:
            if not self._path.exists():
                self._make()
            mode = stat.S_IMODE(self._path.stat().st_mode)
            if mode & 0o077 and os.name == "posix":
                raise VaultUnavailable(
                    f"{self._path} holds the vault's keys, and others may read it (mode {mode:o}). Run: chmod 600"
                    f" {self._path}"
                )
            lines = self._path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise VaultUnavailable(
                f"The vault's key file {self._path} cannot be read or made: {reason}. Give the server the right to, or"
                " give it a key in STEPWELL_VAULT_KEY."
            ) from error
        return read_keys([line for line in lines if line.strip() and not line.startswith("#")], str(self._path))

    def _make(self) -> None:
        """Write a file whole and link it into place, so that whoever comes second finds the first one's."""
        text = _HEAD + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n"
        new = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            with suppress(FileExistsError):
                self._path.hardlink_to(new)
        finally:
            new.unlink()
        if os.name == "posix":  # elsewhere a folder cannot be opened
            sync(self._path.parent)
