"""Keeps the write-ahead log from growing without end.

SQLite begins its log anew only at a moment when nobody reads from it. Where one read follows the other there is no such
moment, and the log grows for as long as that lasts; so it is made.

Rules that must stay true here:
- A commit stands whatever comes of this: it takes place after it, and its failure is no failure of a commit.
- Reads of this process take milliseconds, and are waited for. Somebody else's may take long (a backup): they are left
  alone until the log has grown by as much again.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress

MOST = 64 * 1024 * 1024  # bytes of log
_PATIENCE = 100  # milliseconds for the reads that are under way


class LogBound:
    """Of the connection that writes; used on its thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._next = MOST

    def keep(self, size: int) -> None:
        """After a commit, when the log takes so many bytes."""
        if size <= self._next:
            self._next = max(MOST, min(self._next, size))
            return
        self._next = MOST if self._begin_anew() else size + MOST

    def _begin_anew(self) -> bool:
        """Move all of the log into the database, and let the next commit write from the log's beginning."""
        (before,) = self._connection.execute("PRAGMA busy_timeout").fetchone()
        self._connection.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
        try:
            with suppress(sqlite3.Error):  # a full disk, say: the next commit tells of it
                (busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
                return not busy
            return False
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {before}")
