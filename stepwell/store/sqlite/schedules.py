"""Schedules in SQLite; see `stepwell/store/schedules.py`.

Rules that must stay true here:
- What is due is found by an index: ten thousand schedules that wait cost no more than one.
- A column has the name of the field of the row that it holds.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Any

from msgspec.structs import astuple, fields, replace

from stepwell.store.schedules import DISABLED, Advance, GroupRow, NotWritten, RunRow, ScheduleRow
from stepwell.store.sqlite.bulk import below
from stepwell.store.sqlite.reader import Reader
from stepwell.store.sqlite.writer import Writer


def _columns(row: type) -> str:
    return ", ".join(f'"{field.name}"' for field in fields(row))


_SCHEDULE = _columns(ScheduleRow)
_GROUP = _columns(GroupRow)
_WIDTH = len(fields(ScheduleRow))
_NAMES = tuple(field.name for field in fields(ScheduleRow))

_INSERT = f"INSERT INTO schedules ({_SCHEDULE}) VALUES ({','.join('?' * (_WIDTH - 1))}, NULL)"  # noqa: S608
_REPLACE = f"REPLACE INTO schedules ({_SCHEDULE}) VALUES ({','.join('?' * _WIDTH)})"  # noqa: S608
_FIND = f"SELECT {_SCHEDULE} FROM schedules WHERE arn = ?"  # noqa: S608
_LIST = f"""
SELECT {_SCHEDULE} FROM schedules
WHERE arn > ? AND arn >= ? AND arn < ? AND name >= ? AND name < ? AND (? IS NULL OR state = ?) ORDER BY arn LIMIT ?
"""  # noqa: S608
_DECLARED = f"SELECT {_SCHEDULE} FROM schedules WHERE declared IS NOT NULL ORDER BY id"  # noqa: S608
_DUE = f"SELECT {_SCHEDULE} FROM schedules WHERE next_due <= ? ORDER BY next_due LIMIT ?"  # noqa: S608
_MOVE = "UPDATE schedules SET next_due = ? WHERE id = ? AND revision = ? AND next_due = ?"
_ADD_RUN = "INSERT OR IGNORE INTO schedule_runs (schedule, due, first_try, try_at, attempts) VALUES (?, ?, ?, ?, 0)"
_RUNS = f"""
SELECT {", ".join(f's."{field.name}"' for field in fields(ScheduleRow))}, r.due, r.first_try, r.try_at, r.attempts
FROM schedule_runs AS r JOIN schedules AS s ON s.id = r.schedule
WHERE r.try_at <= ? AND r.schedule NOT IN (SELECT value FROM json_each(?)) ORDER BY r.try_at, r.schedule, r.due LIMIT ?
"""  # noqa: S608
_NEXT = """
SELECT min(moment) FROM (
    SELECT min(next_due) AS moment FROM schedules WHERE next_due IS NOT NULL
    UNION ALL SELECT min(try_at) FROM schedule_runs WHERE try_at > ?)
"""
_TELL = """
UPDATE schedules SET last_due = ?, last_error = ?, last_execution = coalesce(?, last_execution) WHERE id = ?
"""
_RETRY = "UPDATE schedule_runs SET try_at = ?, attempts = ? WHERE schedule = ? AND due = ?"
_TELL_RETRY = "UPDATE schedules SET last_error = ? WHERE id = ?"
_DONE = """
DELETE FROM schedules WHERE id = ? AND delete_when_done = 1 AND next_due IS NULL AND state = 'ENABLED'
AND NOT EXISTS (SELECT 1 FROM schedule_runs WHERE schedule = schedules.id)
"""


class SqliteSchedules:
    """See `Schedules`."""

    def __init__(self, writer: Writer, reader: Reader, lister: Reader) -> None:
        self._writer = writer
        self._reader = reader
        self._lister = lister

    async def create(self, row: ScheduleRow) -> ScheduleRow | NotWritten:
        return await self._writer.write(partial(_create, row=row))

    async def update(self, row: ScheduleRow) -> ScheduleRow | NotWritten:
        return await self._writer.write(partial(_update, row=row))

    async def delete(self, arn: str) -> bool:
        return await self._writer.write(partial(_delete, arn=arn))

    async def find(self, arn: str) -> ScheduleRow | None:
        return await self._reader.read(partial(_find, arn=arn))

    async def list(
        self, arn_prefix: str, name_prefix: str, state: str | None, after: str, limit: int
    ) -> Sequence[ScheduleRow]:
        found = (after, *below(arn_prefix), *below(name_prefix), state, state, limit)
        return await self._lister.read(lambda connection: _schedules(connection, _LIST, found))

    async def declared(self) -> Sequence[ScheduleRow]:
        return await self._lister.read(lambda connection: _schedules(connection, _DECLARED, ()))

    # -- what falls due
    async def due(self, until: int, limit: int) -> Sequence[ScheduleRow]:
        return await self._reader.read(lambda connection: _schedules(connection, _DUE, (until, limit)))

    async def advance(self, moves: Sequence[Advance]) -> None:
        await self._writer.write(partial(_advance, moves=moves))

    async def runs(self, until: int, without: Sequence[int], limit: int) -> Sequence[RunRow]:
        return await self._reader.read(partial(_runs, until=until, without=without, limit=limit))

    async def next_moment(self, after: int) -> int | None:
        return await self._reader.read(partial(_next_moment, after=after))

    async def settle(self, run: RunRow, execution: str | None, error: str | None) -> None:
        await self._writer.write(partial(_settle, run=run, execution=execution, error=error))

    async def retry(self, run: RunRow, try_at: int, error: str) -> None:
        await self._writer.write(partial(_retry, run=run, try_at=try_at, error=error))

    # -- groups
    async def create_group(self, row: GroupRow) -> GroupRow | None:
        return await self._writer.write(partial(_create_group, row=row))

    async def find_group(self, arn: str) -> GroupRow | None:
        return await self._reader.read(partial(_find_group, arn=arn))

    async def list_groups(self, arn_prefix: str, name_prefix: str, after: str, limit: int) -> Sequence[GroupRow]:
        return await self._lister.read(
            partial(_list_groups, arn_prefix=arn_prefix, name_prefix=name_prefix, after=after, limit=limit)
        )

    async def delete_group(self, arn: str) -> bool:
        return await self._writer.write(partial(_delete_group, arn=arn))


def _row(found: Sequence[Any]) -> ScheduleRow:
    row = ScheduleRow(**dict(zip(_NAMES, found[:_WIDTH], strict=True)))
    return replace(row, delete_when_done=bool(row.delete_when_done))


def _schedules(connection: sqlite3.Connection, query: str, parameters: Sequence[Any]) -> Sequence[ScheduleRow]:
    return [_row(found) for found in connection.execute(query, parameters).fetchall()]


def _find(connection: sqlite3.Connection, arn: str) -> ScheduleRow | None:
    found = _schedules(connection, _FIND, (arn,))
    return found[0] if found else None


def _create(connection: sqlite3.Connection, row: ScheduleRow) -> ScheduleRow | NotWritten:
    if _find_group(connection, row.group_arn) is None:
        return NotWritten.NO_GROUP
    if _find(connection, row.arn) is not None:
        return NotWritten.EXISTS
    id_ = connection.execute(_INSERT, astuple(row)[:-1]).lastrowid
    assert id_ is not None
    return replace(row, id=id_)


def _update(connection: sqlite3.Connection, row: ScheduleRow) -> ScheduleRow | NotWritten:
    stored = _find(connection, row.arn)
    if stored is None or (stored.id, stored.revision) != (row.id, row.revision):
        return NotWritten.GONE
    kept = stored.next_due if _when(row) == _when(stored) else row.next_due  # it may have moved on meanwhile
    written = replace(
        row,
        next_due=kept,
        revision=row.revision + 1,
        last_due=stored.last_due,
        last_execution=stored.last_execution,
        last_error=stored.last_error,
    )
    connection.execute(_REPLACE, astuple(written))
    if row.state == DISABLED:
        connection.execute("DELETE FROM schedule_runs WHERE schedule = ?", (row.id,))
    return written


def _when(row: ScheduleRow) -> tuple[object, ...]:
    return row.expression, row.timezone, row.start, row.end, row.anchor, row.state


def _delete(connection: sqlite3.Connection, arn: str) -> bool:
    stored = _find(connection, arn)
    if stored is None:
        return False
    connection.execute("DELETE FROM schedule_runs WHERE schedule = ?", (stored.id,))
    connection.execute("DELETE FROM schedules WHERE id = ?", (stored.id,))
    return True


def _advance(connection: sqlite3.Connection, moves: Sequence[Advance]) -> None:
    for move in moves:
        row = move.schedule
        if not connection.execute(_MOVE, (move.next_due, row.id, row.revision, row.next_due)).rowcount:
            continue
        connection.executemany(_ADD_RUN, [(row.id, due, try_at, try_at) for due, try_at in move.runs])
        connection.execute(_DONE, (row.id,))


def _runs(connection: sqlite3.Connection, until: int, without: Sequence[int], limit: int) -> Sequence[RunRow]:
    found = connection.execute(_RUNS, (until, json.dumps(without), limit)).fetchall()
    return [RunRow(_row(each), *each[_WIDTH:]) for each in found]


def _next_moment(connection: sqlite3.Connection, after: int) -> int | None:
    (found,) = connection.execute(_NEXT, (after,)).fetchone()
    return None if found is None else int(found)


def _settle(connection: sqlite3.Connection, run: RunRow, execution: str | None, error: str | None) -> None:
    id_ = run.schedule.id
    connection.execute("DELETE FROM schedule_runs WHERE schedule = ? AND due = ?", (id_, run.due))
    connection.execute(_TELL, (run.due, error, execution, id_))
    connection.execute(_DONE, (id_,))


def _retry(connection: sqlite3.Connection, run: RunRow, try_at: int, error: str) -> None:
    connection.execute(_RETRY, (try_at, run.attempts + 1, run.schedule.id, run.due))
    connection.execute(_TELL_RETRY, (error, run.schedule.id))


def _create_group(connection: sqlite3.Connection, row: GroupRow) -> GroupRow | None:
    if _find_group(connection, row.arn) is not None:
        return None
    connection.execute(f"INSERT INTO schedule_groups ({_GROUP}) VALUES (?, ?, ?, ?, ?)", astuple(row))  # noqa: S608
    return row


def _find_group(connection: sqlite3.Connection, arn: str) -> GroupRow | None:
    found = connection.execute(f"SELECT {_GROUP} FROM schedule_groups WHERE arn = ?", (arn,)).fetchone()  # noqa: S608
    return None if found is None else _group(found)


def _list_groups(
    connection: sqlite3.Connection, arn_prefix: str, name_prefix: str, after: str, limit: int
) -> Sequence[GroupRow]:
    query = f"SELECT {_GROUP} FROM schedule_groups WHERE arn > ? AND arn >= ? AND arn < ? ORDER BY arn LIMIT ?"  # noqa: S608
    return [_group(found) for found in connection.execute(query, (after, *below(arn_prefix + name_prefix), limit))]


def _group(found: Sequence[Any]) -> GroupRow:
    return GroupRow(**dict(zip((field.name for field in fields(GroupRow)), found, strict=True)))


def _delete_group(connection: sqlite3.Connection, arn: str) -> bool:
    if not connection.execute("DELETE FROM schedule_groups WHERE arn = ?", (arn,)).rowcount:
        return False
    connection.execute(
        "DELETE FROM schedule_runs WHERE schedule IN (SELECT id FROM schedules WHERE group_arn = ?)", (arn,)
    )
    connection.execute("DELETE FROM schedules WHERE group_arn = ?", (arn,))
    connection.execute("DELETE FROM tags WHERE arn = ?", (arn,))
    return True
