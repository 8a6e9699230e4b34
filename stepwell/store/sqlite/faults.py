"""What SQLite's errors mean to the house.

Rules that must stay true here:
- Every error that leaves this package is a `StoreError`; its message names the file, what is wrong, and the way out.
- Only here are SQLite's result codes interpreted.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from stepwell.store.protocol import StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreUnavailable

_PRIMARY = 0xFF  # an extended result code carries the primary one in its low byte


def translate(error: Exception, path: Path) -> StoreError:
    """The store's own error for one that SQLite, or the system, raised on the database at `path`."""
    if isinstance(error, StoreError):
        return error
    match _code(error):
        case sqlite3.SQLITE_FULL:
            return StoreFull(f"{path}: the disk is full. Nothing of this was stored; free some space and try again.")
        case sqlite3.SQLITE_READONLY:
            return StoreFull(
                f"{path} cannot be written ({error}). Make the file and its folder writable for this user, "
                "or name another path."
            )
        case sqlite3.SQLITE_IOERR:
            if _is_read_only(path):
                return StoreFull(
                    f"{path} cannot be written: its file system is read-only. Nothing of this was stored; look at the "
                    "disk (the kernel's log tells why), and mount it for writing again."
                )
            return StoreFull(
                f"{path} cannot be read or written ({error}). Nothing of this was stored; look at the disk, its free "
                "space and the limits on the size of files, and try again."
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return corrupt(path, str(error))
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreBusy(f"{path} is locked by another program ({error}). Close that program and try again.")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return StoreError(
                f"{path} cannot be opened ({error}). The file and its folder must be readable and writable for this "
                "user, because the log is kept next to the file."
            )
    return StoreError(f"{path}: {type(error).__name__}: {error}")


def corrupt(path: Path, finding: str) -> StoreCorrupt:
    """The error for a file that is not a sound database of Stepwell."""
    return StoreCorrupt(
        f"{path} is not a sound database: {finding}. It was left as it is; restore a backup, or name another path."
    )


def lies_in_the_data(error: Exception) -> bool:
    """Whether what was to be written caused the error, so that other writes may well succeed."""
    if isinstance(error, StoreUnavailable):
        return False
    code = _code(error)
    return code is None or code in (
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_RANGE,
    )


def _is_read_only(path: Path) -> bool:
    """Whether nothing can be written to the file system that a file lies on: a disk with a fault is mounted so."""
    try:
        return hasattr(os, "statvfs") and bool(os.statvfs(path.parent).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _code(error: Exception) -> int | None:
    """SQLite's primary result code; None where the error did not come out of the SQLite library."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY
