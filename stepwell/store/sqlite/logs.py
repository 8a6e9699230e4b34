"""Log lines in SQLite. See `stepwell/store/logs.py`.

Rules that must stay true here:
- Each call is one small write or read: a long one would keep turns waiting.
- A group that was deleted stays as a row that keeps lines for 0 days, and is told to nobody.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial

from stepwell.store.logs import LogChunk, LogGroupRow, LogStreamRow
from stepwell.store.sqlite.bulk import below
from stepwell.store.sqlite.reader import Reader
from stepwell.store.sqlite.writer import Writer

_ROW = 200  # bytes that a chunk takes beside its lines
_PRUNED = 200  # chunks that are removed at once, at most

_COLUMNS = "log_group, stream, first_time, last_time, first_place, last_place, lines, data, id"

_ADD_GROUP = """
INSERT INTO log_groups (name, created) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET created = excluded.created, days = NULL WHERE days IS 0
"""

_DELETE_GROUP = "UPDATE log_groups SET days = 0 WHERE name = ? AND days IS NOT 0"

_DELETED = "SELECT 1 FROM log_groups WHERE name = ? AND days IS 0"

_SET_DAYS = "UPDATE log_groups SET days = ? WHERE name = ? AND days IS NOT 0"

_ADD = """
INSERT INTO log_chunks (log_group, stream, first_time, last_time, first_place, last_place, lines, size, data)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

_OVERDUE = """
DELETE FROM log_chunks WHERE id IN (
    SELECT chunk.id FROM log_chunks AS chunk LEFT JOIN log_groups AS log_group ON log_group.name = chunk.log_group
    WHERE chunk.last_time < max(?, coalesce(? - log_group.days * 86400000, 0)) LIMIT ?
)
"""

_TAKEN = "SELECT coalesce(sum(size), 0) FROM log_chunks"

_OLDEST = "SELECT id, size FROM log_chunks ORDER BY id LIMIT ?"

_GROUPS = """
SELECT name, created, days, (SELECT coalesce(sum(size), 0) FROM log_chunks WHERE log_group = name)
FROM log_groups WHERE name > ? AND name >= ? AND name < ? AND days IS NOT 0 ORDER BY name LIMIT ?
"""

_GROUP = """
SELECT name, created, days, (SELECT coalesce(sum(size), 0) FROM log_chunks WHERE log_group = name)
FROM log_groups WHERE name = ? AND days IS NOT 0
"""

_STREAMS = """
SELECT stream, min(first_time), max(last_time), max(last_place)
FROM log_chunks WHERE log_group = ? GROUP BY stream ORDER BY stream
"""

_FORWARD = f"""
SELECT {_COLUMNS} FROM log_chunks
WHERE log_group = ?1 AND (?2 IS NULL OR stream = ?2) AND last_time >= ?3 AND first_time <= ?4 AND last_place > ?5
ORDER BY id LIMIT ?6
"""  # noqa: S608  # names of columns

_BACKWARD = f"""
SELECT {_COLUMNS} FROM log_chunks
WHERE log_group = ?1 AND (?2 IS NULL OR stream = ?2) AND last_time >= ?3 AND first_time <= ?4 AND first_place < ?5
ORDER BY id DESC LIMIT ?6
"""  # noqa: S608  # names of columns

_NEWEST = f"SELECT {_COLUMNS} FROM log_chunks WHERE log_group >= ? AND log_group < ? ORDER BY id DESC LIMIT ?"  # noqa: S608


class SqliteLogs:
    """See `LogStore`."""

    def __init__(self, writer: Writer, lister: Reader) -> None:
        self._writer = writer
        self._lister = lister

    async def append(self, chunks: Sequence[LogChunk], now: int) -> None:
        await self._writer.write(partial(_append, chunks=chunks, now=now))

    async def prune(self, now: int, oldest: int, size: int) -> None:
        while await self._writer.write(partial(_remove_overdue, now=now, oldest=oldest)) == _PRUNED:
            pass
        excess = await self._lister.read(_taken) - size
        while excess > 0:
            gone = await self._writer.write(partial(_remove_oldest, excess=excess))
            if gone == 0:
                return
            excess -= gone

    async def create_group(self, name: str, now: int) -> bool:
        return await self._writer.write(partial(_create_group, name=name, now=now))

    async def delete_group(self, name: str) -> bool:
        return await self._writer.write(partial(_delete_group, name=name))

    async def was_deleted(self, name: str) -> bool:
        return await self._lister.read(partial(_was_deleted, name=name))

    async def set_days(self, name: str, days: int | None) -> bool:
        return await self._writer.write(partial(_set_days, name=name, days=days))

    async def find_group(self, name: str) -> LogGroupRow | None:
        return await self._lister.read(partial(_find_group, name=name))

    async def groups(self, prefix: str, after: str, limit: int) -> Sequence[LogGroupRow]:
        return await self._lister.read(partial(_groups, prefix=prefix, after=after, limit=limit))

    async def streams(self, group: str) -> Sequence[LogStreamRow]:
        return await self._lister.read(partial(_streams, group=group))

    async def forward(
        self, group: str, stream: str | None, times: tuple[int, int], after: int, limit: int
    ) -> Sequence[LogChunk]:
        return await self._lister.read(partial(_chunks, query=_FORWARD, values=(group, stream, *times, after, limit)))

    async def backward(
        self, group: str, stream: str | None, times: tuple[int, int], before: int, limit: int
    ) -> Sequence[LogChunk]:
        return await self._lister.read(partial(_chunks, query=_BACKWARD, values=(group, stream, *times, before, limit)))

    async def newest(self, prefix: str, limit: int) -> Sequence[LogChunk]:
        return await self._lister.read(partial(_chunks, query=_NEWEST, values=(*below(prefix), limit)))


def _append(connection: sqlite3.Connection, chunks: Sequence[LogChunk], now: int) -> None:
    for group in {chunk.group for chunk in chunks}:
        connection.execute(_ADD_GROUP, (group, now))
    for chunk in chunks:
        times = (chunk.first_time, chunk.last_time, chunk.first_place, chunk.last_place)
        size = len(chunk.data) + _ROW
        connection.execute(_ADD, (chunk.group, chunk.stream, *times, chunk.lines, size, chunk.data))


def _remove_overdue(connection: sqlite3.Connection, now: int, oldest: int) -> int:
    return connection.execute(_OVERDUE, (oldest, now, _PRUNED)).rowcount


def _taken(connection: sqlite3.Connection) -> int:
    (taken,) = connection.execute(_TAKEN).fetchone()
    return int(taken)


def _remove_oldest(connection: sqlite3.Connection, excess: int) -> int:
    """The bytes that are free now."""
    gone = 0
    last = None
    for id_, size in connection.execute(_OLDEST, (_PRUNED,)).fetchall():
        last = id_
        gone += size
        if gone >= excess:
            break
    if last is not None:
        connection.execute("DELETE FROM log_chunks WHERE id <= ?", (last,))
    return gone


def _create_group(connection: sqlite3.Connection, name: str, now: int) -> bool:
    return connection.execute(_ADD_GROUP, (name, now)).rowcount == 1


def _delete_group(connection: sqlite3.Connection, name: str) -> bool:
    connection.execute("DELETE FROM log_chunks WHERE log_group = ?", (name,))
    return connection.execute(_DELETE_GROUP, (name,)).rowcount == 1


def _was_deleted(connection: sqlite3.Connection, name: str) -> bool:
    return connection.execute(_DELETED, (name,)).fetchone() is not None


def _set_days(connection: sqlite3.Connection, name: str, days: int | None) -> bool:
    return connection.execute(_SET_DAYS, (days, name)).rowcount == 1


def _find_group(connection: sqlite3.Connection, name: str) -> LogGroupRow | None:
    row = connection.execute(_GROUP, (name,)).fetchone()
    return None if row is None else LogGroupRow(*row)


def _groups(connection: sqlite3.Connection, prefix: str, after: str, limit: int) -> Sequence[LogGroupRow]:
    return [LogGroupRow(*row) for row in connection.execute(_GROUPS, (after, *below(prefix), limit)).fetchall()]


def _streams(connection: sqlite3.Connection, group: str) -> Sequence[LogStreamRow]:
    return [LogStreamRow(*row) for row in connection.execute(_STREAMS, (group,)).fetchall()]


def _chunks(connection: sqlite3.Connection, query: str, values: Sequence[int | str | None]) -> Sequence[LogChunk]:
    return [
        LogChunk(
            group=row[0],
            stream=row[1],
            first_time=row[2],
            last_time=row[3],
            first_place=row[4],
            last_place=row[5],
            lines=row[6],
            data=row[7],
            id=row[8],
        )
        for row in connection.execute(query, values).fetchall()
    ]
