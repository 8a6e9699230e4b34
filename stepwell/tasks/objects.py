"""Objects in buckets, wherever they are kept.

Rules that must stay true here:
- An object is read from a file on this machine: whoever reads it never holds it in memory.
- `pin` names the version of an object that was read; a changed object is not read on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from msgspec import Struct


class ObjectError(Exception):
    """An object cannot be read or written; the message says why, as the service does."""


class Fetched(Struct, frozen=True):
    """An object as a file. `temporary` says that the file is the reader's own and is removed by it."""

    path: Path
    pin: str
    temporary: bool

    def discard(self) -> None:
        if self.temporary:
            self.path.unlink(missing_ok=True)


class Entry(Struct, frozen=True):
    """An object as a listing tells it. `modified` is in seconds since 1970."""

    key: str
    size: int
    etag: str
    modified: int
    storage_class: str = "STANDARD"


class Objects(Protocol):
    async def fetch(self, bucket: str, key: str, version: str | None, pin: str | None) -> Fetched:
        """Raises ObjectError, also where the object is no longer the one of `pin`."""
        ...

    def entries(self, bucket: str, prefix: str, after: str) -> AsyncIterator[Entry]:
        """The objects whose key begins with `prefix`, behind the key `after`, in order. Raises ObjectError."""
        ...

    async def store(self, bucket: str, key: str, path: Path) -> None:
        """Keep a file as an object. Raises ObjectError."""
        ...


CHANGED = "The object s3://{bucket}/{key} has changed while it was read."
