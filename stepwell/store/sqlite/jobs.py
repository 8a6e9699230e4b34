"""Queries on jobs, and the writes that are not part of a turn.

Rules that must stay true here:
- A job has an execution where there is one with its key: what a crash has left between the two is settled by that.
- What is looked for again and again (what runs, has expired, is to be told) is found by seeking: jobs that merely wait,
  and executions that are no jobs, cost nothing.
- A job that is gone though its row is not, because its execution was let go of, makes way for one with its id.
- The trace of a job that waits is kept as its execution's, whose key is the job's.
- A listing looks at no more than a fixed number of rows a page, whatever its filters let fall.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, Final

import orjson

from stepwell.store.jobs import JobFilter, JobRow, NewJob, Outcome, ProgressRow, QueuedJob
from stepwell.store.sqlite import trace_sql
from stepwell.store.sqlite.bulk import Bulk, Row
from stepwell.store.sqlite.reader import Reader
from stepwell.store.sqlite.turn_sql import job_row
from stepwell.store.sqlite.writer import Writer

_CHUNK: Final = 1_000
_LOOKED_AT: Final = 20_000  # rows a page
_LAST: Final = (1 << 63) - 1

_COLUMNS = """
    j.key, j.id, j.type, j.created_at, j.expires_at, j.group_key, j.caller, j.fingerprint, j.callback,
    j.queued AND p.key IS NULL, j.outcome, j.fraction, j.message, j.progress_at,
    p.status, p.start_date, ifnull(p.stop_date, j.ended_at), ifnull(p.error, j.error), ifnull(p.cause, j.cause)
"""

# A job whose execution has gone before it, as the store lets go of the past, has gone with it.
_IS_THERE = "(p.key IS NOT NULL OR j.queued OR j.outcome IS NOT NULL)"

_FIND = f"""
SELECT {_COLUMNS}, ifnull(e.input, j.input), p.output
FROM jobs AS j LEFT JOIN executions AS e USING (key) LEFT JOIN progress AS p USING (key)
WHERE j.id = ? AND {_IS_THERE}
"""  # noqa: S608

_LIST = f"SELECT {_COLUMNS} FROM jobs AS j LEFT JOIN progress AS p USING (key) WHERE {_IS_THERE} AND j.key < ?"  # noqa: S608

_QUEUED = """
INSERT OR REPLACE INTO jobs (key, id, type, created_at, expires_at, group_key, caller, fingerprint, callback,
                             queued, input)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)
"""

_ENDED = """
INSERT OR REPLACE INTO jobs (key, id, type, created_at, expires_at, group_key, caller, fingerprint, callback,
                             queued, ended, input, outcome, error, cause, ended_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 1, ?, 'FAILED', ?, ?, ?)
"""

_NEXT = """
SELECT key, id, group_key, input, trace FROM jobs LEFT JOIN traces ON traces.execution = jobs.key
WHERE queued = 1 AND type = ? AND (group_key IS NULL OR group_key NOT IN (SELECT value FROM json_each(?)))
ORDER BY key LIMIT ?
"""

_STARTED = "UPDATE jobs SET queued = 0, input = NULL WHERE queued = 1 AND key IN (SELECT value FROM json_each(?))"

_SETTLE = """
UPDATE jobs SET queued = 0, input = NULL
WHERE queued = 1 AND EXISTS (SELECT 1 FROM executions AS e WHERE e.key = jobs.key)
"""

_END = """
UPDATE jobs SET queued = 0, ended = 1, outcome = ?, error = ?, cause = ?, ended_at = ?
WHERE key = ? AND queued = 1 AND NOT EXISTS (SELECT 1 FROM executions AS e WHERE e.key = jobs.key)
"""

_RUNNING = """
SELECT key, type, group_key FROM jobs WHERE ended = 0 AND queued = 0 AND type IN (SELECT value FROM json_each(?))
"""

_TO_BE_TOLD = """
SELECT id FROM jobs AS j
WHERE ended = 1 AND callback IS NOT NULL AND (outcome IS NOT NULL OR EXISTS (SELECT 1 FROM progress WHERE key = j.key))
LIMIT ?
"""

_REPORT = Bulk(
    4,
    """
    UPDATE jobs SET fraction = v.column2, message = v.column3, progress_at = v.column4
    FROM (VALUES {rows}) AS v WHERE jobs.id = v.column1
    """,
)

_EXPIRED = """
SELECT key FROM jobs WHERE ended = 1 AND expires_at <= ? ORDER BY expires_at, key LIMIT ?
"""


class SqliteJobs:
    """See `Jobs`."""

    def __init__(self, writer: Writer, reader: Reader, lister: Reader) -> None:
        self._writer = writer
        self._reader = reader
        self._lister = lister

    async def find(self, id: str) -> JobRow | None:
        return await self._reader.read(partial(_find, id_=id))

    async def list(self, which: JobFilter, below: int | None, limit: int) -> tuple[Sequence[JobRow], int | None]:
        return await self._lister.read(partial(_list, which=which, below=below, limit=limit))

    async def enqueue(self, key: int, job: NewJob, input: str, trace: str | None = None) -> None:
        row = (*job_row(key, job), input)

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(_QUEUED, row)
            if trace is not None:
                trace_sql.write(connection, [(key, trace)])

        await self._writer.write(write)

    async def next_queued(self, type: str, without: Collection[str], limit: int) -> Sequence[QueuedJob]:
        parameters = (type, _json(list(without)), limit)
        return await self._lister.read(
            lambda connection: [QueuedJob(*row) for row in connection.execute(_NEXT, parameters).fetchall()]
        )

    async def dequeue(self, keys: Sequence[int]) -> None:
        await self._write(_STARTED, (_json(keys),))

    async def end_queued(self, key: int, outcome: Outcome, error: str, cause: str, now: int) -> bool:
        def write(connection: sqlite3.Connection) -> bool:
            ended = connection.execute(_END, (outcome, error, cause, now, key)).rowcount == 1
            if ended:
                trace_sql.delete(connection, key)
            return ended

        return await self._writer.write(write)

    async def keep_ended(self, key: int, job: NewJob, input: str, error: str, cause: str) -> None:
        await self._write(_ENDED, (*job_row(key, job), input, error, cause, job.created_at))

    async def position(self, key: int, type: str, group: str | None, *, of_group: bool) -> int:
        query = "SELECT count(*) FROM jobs WHERE queued = 1 AND type = ? AND key <= ?"
        parameters: tuple[str | int | None, ...] = (type, key)
        if of_group:
            query, parameters = f"{query} AND group_key IS ?", (*parameters, group)
        return await self._lister.read(lambda connection: int(connection.execute(query, parameters).fetchone()[0]))

    async def settle_queue(self) -> None:
        await self._write(_SETTLE, ())

    async def count_queued(self) -> Sequence[tuple[str, int]]:
        query = "SELECT type, count(*) FROM jobs WHERE queued = 1 GROUP BY type"
        return await self._lister.read(lambda connection: connection.execute(query).fetchall())

    async def running(self, types: Collection[str]) -> Sequence[tuple[int, str, str | None]]:
        parameters = (_json(list(types)),)
        return await self._lister.read(lambda connection: connection.execute(_RUNNING, parameters).fetchall())

    async def to_be_told(self, limit: int) -> Sequence[str]:
        return await self._lister.read(
            lambda connection: [row[0] for row in connection.execute(_TO_BE_TOLD, (limit,)).fetchall()]
        )

    async def was_told(self, id: str) -> None:
        await self._write("UPDATE jobs SET callback = NULL WHERE id = ?", (id,))

    async def report(self, rows: Sequence[ProgressRow]) -> None:
        values: list[Row] = [(row.id, row.fraction, row.message, row.at) for row in rows]
        await self._writer.write(lambda connection: _REPORT.write(connection, values))

    async def expired(self, now: int, limit: int) -> Sequence[int]:
        return await self._lister.read(
            lambda connection: [row[0] for row in connection.execute(_EXPIRED, (now, limit)).fetchall()]
        )

    async def next_expiry(self) -> int | None:
        query = "SELECT min(expires_at) FROM jobs WHERE ended = 1"
        return await self._lister.read(lambda connection: connection.execute(query).fetchone()[0])

    async def remove(self, keys: Sequence[int]) -> None:
        await self._write(
            "DELETE FROM jobs WHERE ended = 1 AND key IN (SELECT value FROM json_each(?))", (_json(keys),)
        )

    async def _write(self, statement: str, parameters: Sequence[object]) -> int:
        """Carry out one statement; how many rows it has changed."""
        return await self._writer.write(lambda connection: connection.execute(statement, parameters).rowcount)


def _find(connection: sqlite3.Connection, id_: str) -> JobRow | None:
    row = connection.execute(_FIND, (id_,)).fetchone()
    return None if row is None else _row(row)


def _list(
    connection: sqlite3.Connection, which: JobFilter, below: int | None, limit: int
) -> tuple[Sequence[JobRow], int | None]:
    query = _LIST
    parameters: list[str | int] = []
    for condition, value in (
        ("j.type = ?", which.type),
        ("j.group_key = ?", which.group),
        ("j.created_at >= ?", which.created_from),
        ("j.created_at < ?", which.created_before),
    ):
        if value is not None:
            query, parameters = f"{query} AND {condition}", [*parameters, value]
    query += " ORDER BY j.key DESC LIMIT ?"
    found: list[JobRow] = []
    position = _LAST if below is None else below
    chunk = _CHUNK if _lets_fall(which) else limit + 1
    for _ in range(_LOOKED_AT // _CHUNK):
        rows = connection.execute(query, (position, *parameters, chunk)).fetchall()
        for row in map(_row, rows):
            if len(found) == limit:
                return found, position
            position = row.key
            if _is_meant(row, which):
                found.append(row)
        if len(rows) < chunk:
            return found, None
    return found, position


def _lets_fall(which: JobFilter) -> bool:
    """Whether it chooses by what is only known of a row that was read."""
    return which.statuses is not None or which.outcome is not None or which.queued is not None


def _is_meant(row: JobRow, which: JobFilter) -> bool:
    return not _lets_fall(which) or (
        (which.queued is True and row.queued)
        or (which.outcome is not None and row.outcome == which.outcome)
        or (which.statuses is not None and row.status in which.statuses)
    )


def _row(columns: Sequence[Any]) -> JobRow:
    (
        key,
        id_,
        type_,
        created_at,
        expires_at,
        group,
        caller,
        fingerprint,
        callback,
        queued,
        outcome,
        fraction,
        message,
        progress_at,
        status,
        started_at,
        ended_at,
        error,
        cause,
        *payload,
    ) = columns
    new = NewJob(
        id=id_,
        type=type_,
        created_at=created_at,
        expires_at=expires_at,
        group=group,
        caller=caller,
        fingerprint=fingerprint,
        callback=callback,
    )
    return JobRow(
        key=key,
        new=new,
        queued=bool(queued),
        outcome=outcome,
        fraction=fraction,
        message=message,
        progress_at=progress_at,
        status=status,
        started_at=started_at,
        ended_at=ended_at,
        error=error,
        cause=cause,
        input=payload[0] if payload else None,
        output=payload[1] if payload else None,
    )


def _json(values: Sequence[object]) -> str:
    return orjson.dumps(values).decode()
