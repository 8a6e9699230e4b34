"""Connections: how a database file is opened for writing and for reading.

Rules that must stay true here:
- What is committed has reached the disk: WAL with `synchronous = FULL`, and `fullfsync` where a plain fsync stops at
  the disk's cache (macOS). Only what is committed to a temporary database need not.
- The log is moved into the database by a connection of its own: no commit does so (`wal_autocheckpoint = 0`).
- Readers cannot write. A new file is for its owner alone: it holds what clients and tasks have sent.
- No statement opens a transaction behind our back (`isolation_level=None`).
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from stepwell.store.protocol import StoreError

OLDEST_SQLITE = (3, 37, 0)  # STRICT tables; UPDATE ... FROM

_WAIT = 5.0  # seconds to wait for another program that has the file locked
_WRITER_CACHE = 4 * 1024  # KiB
_READER_CACHE = 2 * 1024  # KiB
_LOG_KEPT = 64 * 1024 * 1024  # bytes; a log that has grown beyond is cut back to this

# Of a file that is still empty; one that was made without it keeps the room that rows leave, until it is compacted.
INCREMENTAL = 2  # what `PRAGMA auto_vacuum` answers then
GIVES_BACK = "PRAGMA auto_vacuum = INCREMENTAL"

_LOG = """
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA wal_autocheckpoint = 0;
"""

_WRITER = f"""
PRAGMA journal_size_limit = {_LOG_KEPT};
PRAGMA cache_size = -{_WRITER_CACHE};
PRAGMA temp_store = MEMORY;
PRAGMA secure_delete = FAST;
PRAGMA foreign_keys = OFF;
"""

_READER = f"""
PRAGMA query_only = ON;
PRAGMA cache_size = -{_READER_CACHE};
PRAGMA temp_store = MEMORY;
"""


def connect(path: Path) -> sqlite3.Connection:
    """A connection that may write, with nothing set up yet. Creates the file where there is none."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreError(
            f"This Python comes with SQLite {sqlite3.sqlite_version}; Stepwell needs 3.37 or newer. Use another Python."
        )
    make_private(path)
    return _connect(path, "rwc", 256)


def make_private(path: Path) -> None:
    """Make an empty file that nobody but its owner may read, as SQLite then makes what lies beside it. One that is
    there stays as it is: who else may read it has been decided."""
    with suppress(OSError):  # SQLite says better what is wrong
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def set_up_writer(connection: sqlite3.Connection, path: Path, durable: bool = True) -> None:
    """Switch to the write-ahead log, and to commits that are durable, unless the database is a temporary one."""
    connection.execute(_synchronous(durable))
    connection.execute(GIVES_BACK)
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreError(
            f"{path}: the write-ahead log cannot be used here ({mode}). Keep the database on a local disk."
        )
    connection.executescript(_LOG + _WRITER)


def connect_checkpointer(path: Path, durable: bool = True) -> sqlite3.Connection:
    """A connection that moves the log into the database, and does nothing else."""
    connection = _connect(path, "rw", 8)
    connection.execute(_synchronous(durable))
    connection.executescript(_LOG)
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that can only read."""
    connection = _connect(path, "ro", 128)
    connection.executescript(_READER)
    return connection


def _connect(path: Path, mode: str, statements: int) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=_WAIT,
        isolation_level=None,
        check_same_thread=False,  # opened in one thread, then used in one other: never in two at a time
        cached_statements=statements,
    )


def _synchronous(durable: bool) -> str:
    return "PRAGMA synchronous = FULL" if durable else "PRAGMA synchronous = OFF"
