"""Leases of remote workers in SQLite. See `stepwell/store/leases.py`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial

from stepwell.store.leases import LeaseRow
from stepwell.store.sqlite.reader import Reader
from stepwell.store.sqlite.writer import Writer

_KEEP = "INSERT OR REPLACE INTO leases (call, token, function, worker, taken) VALUES (?, ?, ?, ?, ?)"

_DROP = "DELETE FROM leases WHERE call = ?"

_ALL = "SELECT call, token, function, worker, taken FROM leases"


class SqliteLeases:
    """See `Leases`."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def keep(self, row: LeaseRow) -> None:
        await self._writer.write(partial(_keep, row=row))

    async def drop(self, calls: Sequence[bytes]) -> None:
        await self._writer.write(partial(_drop, calls=calls))

    async def all(self) -> Sequence[LeaseRow]:
        return await self._reader.read(_all)


def _keep(connection: sqlite3.Connection, row: LeaseRow) -> None:
    connection.execute(_KEEP, (row.call, row.token, row.function, row.worker, row.taken))


def _drop(connection: sqlite3.Connection, calls: Sequence[bytes]) -> None:
    connection.executemany(_DROP, [(call,) for call in calls])


def _all(connection: sqlite3.Connection) -> Sequence[LeaseRow]:
    return [LeaseRow(*row) for row in connection.execute(_ALL).fetchall()]
