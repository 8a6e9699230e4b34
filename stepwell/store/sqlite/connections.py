"""Connections in SQLite. See `stepwell/store/connections.py`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial

from msgspec.structs import astuple

from stepwell.store.connections import ConnectionRow
from stepwell.store.sqlite.reader import Reader
from stepwell.store.sqlite.writer import Writer

_COLUMNS = "place, name, arn, kind, description, shown, box, version, created, modified"

_ADD = f"INSERT OR IGNORE INTO connections ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - columns

_FIND = f"SELECT {_COLUMNS} FROM connections WHERE place = ? AND name = ?"  # noqa: S608 - columns

_REPLACE = """
UPDATE connections SET kind = ?, description = ?, shown = ?, box = ?, version = ?, modified = ?
WHERE place = ? AND name = ? AND version = ?
"""

_REMOVE = "DELETE FROM connections WHERE place = ? AND name = ?"

_LIST = f"""
SELECT {_COLUMNS} FROM connections
WHERE place = ? AND name > ? AND substr(name, 1, ?) = ?
ORDER BY name LIMIT ?
"""  # noqa: S608 - columns


class SqliteConnections:
    """See `ConnectionStore`."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def add(self, row: ConnectionRow) -> bool:
        return await self._writer.write(partial(_changes, sql=_ADD, values=astuple(row)))

    async def find(self, place: str, name: str) -> ConnectionRow | None:
        found = await self._reader.read(partial(_rows, sql=_FIND, values=(place, name)))
        return found[0] if found else None

    async def replace(self, row: ConnectionRow, version: str) -> bool:
        new = (row.kind, row.description, row.shown, row.box, row.version, row.modified)
        return await self._writer.write(partial(_changes, sql=_REPLACE, values=(*new, row.place, row.name, version)))

    async def remove(self, place: str, name: str) -> bool:
        return await self._writer.write(partial(_changes, sql=_REMOVE, values=(place, name)))

    async def listed(self, place: str, prefix: str, after: str, limit: int) -> Sequence[ConnectionRow]:
        values = (place, after, len(prefix), prefix, limit)
        return await self._reader.read(partial(_rows, sql=_LIST, values=values))


def _changes(connection: sqlite3.Connection, sql: str, values: Sequence[object]) -> bool:
    return connection.execute(sql, values).rowcount > 0


def _rows(connection: sqlite3.Connection, sql: str, values: Sequence[object]) -> Sequence[ConnectionRow]:
    names = _COLUMNS.split(", ")
    found = connection.execute(sql, values).fetchall()
    return [ConnectionRow(**dict(zip(names, row, strict=True))) for row in found]
