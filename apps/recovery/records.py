"""The record of each execution: what is shown of it, and what its waves have done so far.

Rules that must stay true here:
- A record is written before what it tells of leaves the house, and again when that has come back: who reads it between
  knows what may have happened.
- What has ended stays as it is, until somebody resumes it.
- A connection lives for one call, so any process may use the file at any time.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

Status: TypeAlias = Literal["PENDING", "IN_PROGRESS", "COMPLETED", "FAILED", "STOPPED"]
Runner: TypeAlias = Literal["step_functions", "handler"]

ENDED: Final = frozenset({"COMPLETED", "FAILED", "STOPPED"})
_LEASE: Final = 300  # seconds that one who advances an execution has it for himself

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS execution (
    execution_id   TEXT PRIMARY KEY,
    plan_id        TEXT,
    execution_type TEXT NOT NULL,
    status         TEXT NOT NULL,
    runner         TEXT NOT NULL,
    attempt        INTEGER NOT NULL DEFAULT 1,
    execution_arn  TEXT,
    error          TEXT,
    created_at     REAL NOT NULL,
    updated_at     REAL NOT NULL,
    leased_until   REAL NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS wave (
    execution_id    TEXT NOT NULL REFERENCES execution,
    position        INTEGER NOT NULL,
    wave_number     INTEGER NOT NULL,
    definition      TEXT NOT NULL,  -- JSON: the wave as the plan has it
    status          TEXT NOT NULL,
    job_id          TEXT,
    message         TEXT,
    intended_at     REAL,           -- when StartRecovery was about to be called
    ended_at        REAL,
    job_status      TEXT,
    server_statuses TEXT NOT NULL,  -- JSON: {server: {"status", "instance_id", "timestamp"}}
    failed_servers  TEXT NOT NULL,  -- JSON
    to_notify       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (execution_id, wave_number)
);
CREATE TABLE IF NOT EXISTS job (  -- every DRS job that an execution here has started
    job_id       TEXT PRIMARY KEY,
    execution_id TEXT NOT NULL,
    wave_number  INTEGER NOT NULL
);
"""

# A job that may still run is gone on with: DRS would refuse its servers to another one.
_IS_OVER: Final = "(job_status IN ('COMPLETED', 'FAILED') OR message = 'Job not found')"
_REOPEN_WAVES: Final = f"""
UPDATE wave SET status = 'PENDING', ended_at = NULL, failed_servers = '[]', to_notify = 0, message = NULL,
    job_id = CASE WHEN {_IS_OVER} THEN NULL ELSE job_id END,
    intended_at = CASE WHEN {_IS_OVER} THEN NULL ELSE intended_at END,
    job_status = NULL
WHERE execution_id = ? AND status != 'COMPLETED'
"""  # noqa: S608  # nothing of a client's is in it


@dataclass(frozen=True, slots=True)
class WaveRecord:
    """One wave. Times are seconds since 1970."""

    execution_id: str
    position: int
    wave_number: int
    definition: Mapping[str, Any]
    status: Status
    job_id: str | None
    message: str | None
    intended_at: float | None
    ended_at: float | None
    job_status: str | None
    server_statuses: Mapping[str, Mapping[str, Any]]
    failed_servers: Sequence[str]


@dataclass(frozen=True, slots=True)
class ExecutionRecord:
    execution_id: str
    plan_id: str | None
    execution_type: str
    status: Status
    runner: Runner
    attempt: int
    execution_arn: str | None
    error: str | None
    created_at: float
    updated_at: float
    waves: tuple[WaveRecord, ...]


class Records:
    """The records in a SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def create(
        self, execution_id: str, plan_id: str | None, kind: str, waves: Sequence[Mapping[str, Any]], runner: Runner
    ) -> ExecutionRecord:
        """The record of an execution that is about to start; the one that is there where there is one."""
        now = time.time()
        with self._open() as db:
            db.execute(
                "INSERT INTO execution (execution_id, plan_id, execution_type, status, runner, created_at, updated_at)"
                " VALUES (?, ?, ?, 'PENDING', ?, ?, ?) ON CONFLICT DO NOTHING",
                (execution_id, plan_id, kind, runner, now, now),
            )
            for position, wave in enumerate(waves):
                _add_wave(db, execution_id, position, wave)
            return _execution(db, execution_id)

    def add_wave(self, execution_id: str, kind: str, wave: Mapping[str, Any]) -> WaveRecord:
        """The record of a wave; made where an execution was started without the HTTP routes."""
        self.create(execution_id, None, kind, (), "step_functions")
        with self._open() as db:
            (count,) = db.execute("SELECT count(*) FROM wave WHERE execution_id = ?", (execution_id,)).fetchone()
            if _add_wave(db, execution_id, count, wave):
                db.execute(  # it was not the last wave after all
                    "UPDATE execution SET status = 'IN_PROGRESS' WHERE execution_id = ? AND status = 'COMPLETED'",
                    (execution_id,),
                )
        return self.wave(execution_id, wave["WaveNumber"])

    def find(self, execution_id: str) -> ExecutionRecord | None:
        with self._open() as db:
            found = db.execute("SELECT 1 FROM execution WHERE execution_id = ?", (execution_id,)).fetchone()
            return None if found is None else _execution(db, execution_id)

    def wave(self, execution_id: str, number: int) -> WaveRecord:
        with self._open() as db:
            row = db.execute(
                "SELECT * FROM wave WHERE execution_id = ? AND wave_number = ?", (execution_id, number)
            ).fetchone()
        return _wave(row)

    def newest(self, limit: int) -> list[ExecutionRecord]:
        """Newest first."""
        with self._open() as db:
            ids = db.execute("SELECT execution_id FROM execution ORDER BY created_at DESC LIMIT ?", (limit,)).fetchall()
            return [_execution(db, row["execution_id"]) for row in ids]

    def under_way(self, runner: Runner) -> list[str]:
        """The ids of executions that somebody has to go on with."""
        with self._open() as db:
            rows = db.execute(
                "SELECT execution_id FROM execution WHERE runner = ? AND status IN ('PENDING', 'IN_PROGRESS')"
                " ORDER BY created_at",
                (runner,),
            ).fetchall()
        return [row["execution_id"] for row in rows]

    def known_jobs(self) -> frozenset[str]:
        with self._open() as db:
            return frozenset(row["job_id"] for row in db.execute("SELECT job_id FROM job"))

    def intend(self, wave: WaveRecord) -> None:
        """A wave's job is about to be started."""
        with self._open() as db:
            db.execute(
                "UPDATE wave SET intended_at = ?, status = 'IN_PROGRESS' WHERE execution_id = ? AND wave_number = ?",
                (time.time(), wave.execution_id, wave.wave_number),
            )
            _go_on(db, wave.execution_id)

    def started(self, wave: WaveRecord, job_id: str, message: str) -> None:
        """A wave's job runs."""
        with self._open() as db:
            db.execute(
                "INSERT INTO job VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (job_id, wave.execution_id, wave.wave_number),
            )
            db.execute(
                "UPDATE wave SET job_id = ?, message = ?, status = 'IN_PROGRESS' WHERE execution_id = ? AND"
                " wave_number = ?",
                (job_id, message, wave.execution_id, wave.wave_number),
            )
            _go_on(db, wave.execution_id)

    def checked(
        self,
        wave: WaveRecord,
        status: Status,
        job_status: str | None,
        servers: Mapping[str, Mapping[str, Any]],
        failed: Sequence[str],
        message: str | None = None,
    ) -> None:
        """What is known of a wave now. One that has ended is to be told of, and may end its execution."""
        ended = status in ENDED
        with self._open() as db:
            db.execute(
                "UPDATE wave SET status = ?, job_status = ?, server_statuses = ?, failed_servers = ?,"
                " message = coalesce(?, message), ended_at = ?, to_notify = max(to_notify, ?)"
                " WHERE execution_id = ? AND wave_number = ? AND status IN ('PENDING', 'IN_PROGRESS')",
                (
                    *(status, job_status, json.dumps(servers), json.dumps(list(failed)), message),
                    *(time.time() if ended else None, int(ended), wave.execution_id, wave.wave_number),
                ),
            )
            if ended:
                _end_with_wave(db, wave, status, message)

    def begun(self, execution_id: str, arn: str | None) -> None:
        """An execution has been handed to whoever runs it."""
        with self._open() as db:
            db.execute("UPDATE execution SET execution_arn = ? WHERE execution_id = ?", (arn, execution_id))
            _go_on(db, execution_id)

    def end(self, execution_id: str, status: Status, error: str | None) -> None:
        """End an execution that has not ended; its open waves never go on."""
        with self._open() as db:
            ended = db.execute(
                "UPDATE execution SET status = ?, error = ?, updated_at = ? WHERE execution_id = ?"
                " AND status IN ('PENDING', 'IN_PROGRESS')",
                (status, error, time.time(), execution_id),
            ).rowcount
            if ended:
                db.execute(
                    "UPDATE wave SET status = ?, message = ?, ended_at = ?, to_notify = 1 WHERE execution_id = ?"
                    " AND status = 'IN_PROGRESS'",
                    (status, error, time.time(), execution_id),
                )

    def resume(self, execution_id: str, runner: Runner) -> ExecutionRecord | None:
        """Open an execution that failed or was stopped, from its first wave that is not complete; None where there is
        nothing to resume. What its servers have done stays known."""
        with self._open() as db:
            opened = db.execute(
                "UPDATE execution SET status = 'PENDING', error = NULL, attempt = attempt + 1, runner = ?,"
                " updated_at = ? WHERE execution_id = ? AND status IN ('FAILED', 'STOPPED')",
                (runner, time.time(), execution_id),
            ).rowcount
            if not opened:
                return None
            db.execute(_REOPEN_WAVES, (execution_id,))
            return _execution(db, execution_id)

    def to_notify(self, execution_id: str) -> list[WaveRecord]:
        """The waves whose end has not been told yet."""
        with self._open() as db:
            rows = db.execute(
                "SELECT * FROM wave WHERE execution_id = ? AND to_notify = 1 ORDER BY position", (execution_id,)
            ).fetchall()
        return [_wave(row) for row in rows]

    def all_to_notify(self) -> list[str]:
        """The ids of executions with waves whose end has not been told yet."""
        with self._open() as db:
            rows = db.execute("SELECT DISTINCT execution_id FROM wave WHERE to_notify = 1").fetchall()
        return [row["execution_id"] for row in rows]

    def notified(self, wave: WaveRecord) -> None:
        with self._open() as db:
            db.execute(
                "UPDATE wave SET to_notify = 0 WHERE execution_id = ? AND wave_number = ?",
                (wave.execution_id, wave.wave_number),
            )

    def lease(self, execution_id: str) -> bool:
        """Whether the caller may advance an execution: nobody else does at the same time."""
        now = time.time()
        with self._open() as db:
            taken = db.execute(
                "UPDATE execution SET leased_until = ? WHERE execution_id = ? AND leased_until < ?",
                (now + _LEASE, execution_id, now),
            )
            return taken.rowcount == 1

    def release(self, execution_id: str) -> None:
        with self._open() as db:
            db.execute("UPDATE execution SET leased_until = 0 WHERE execution_id = ?", (execution_id,))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        try:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(_SCHEMA)
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        finally:
            db.close()


def _add_wave(db: sqlite3.Connection, execution_id: str, position: int, wave: Mapping[str, Any]) -> bool:
    """Whether it was not there."""
    added = db.execute(
        "INSERT INTO wave (execution_id, position, wave_number, definition, status, server_statuses, failed_servers)"
        " VALUES (?, ?, ?, ?, 'PENDING', '{}', '[]') ON CONFLICT DO NOTHING",
        (execution_id, position, wave["WaveNumber"], json.dumps(wave)),
    )
    return added.rowcount == 1


def _go_on(db: sqlite3.Connection, execution_id: str) -> None:
    db.execute(
        "UPDATE execution SET status = 'IN_PROGRESS', updated_at = ? WHERE execution_id = ?"
        " AND status IN ('PENDING', 'IN_PROGRESS')",
        (time.time(), execution_id),
    )


def _end_with_wave(db: sqlite3.Connection, wave: WaveRecord, status: Status, message: str | None) -> None:
    """A failed wave ends its execution, and so does the last one that completes."""
    (left,) = db.execute(
        "SELECT count(*) FROM wave WHERE execution_id = ? AND status != 'COMPLETED'", (wave.execution_id,)
    ).fetchone()
    if status == "COMPLETED" and left:
        return
    error = None if status == "COMPLETED" else f"wave {wave.wave_number}: {message}"
    db.execute(
        "UPDATE execution SET status = ?, error = ?, updated_at = ? WHERE execution_id = ?"
        " AND status IN ('PENDING', 'IN_PROGRESS')",
        (status, error, time.time(), wave.execution_id),
    )


def _execution(db: sqlite3.Connection, execution_id: str) -> ExecutionRecord:
    row = db.execute("SELECT * FROM execution WHERE execution_id = ?", (execution_id,)).fetchone()
    waves = db.execute("SELECT * FROM wave WHERE execution_id = ? ORDER BY position", (execution_id,)).fetchall()
    members = {name: row[name] for name in row.keys() if name != "leased_until"}  # noqa: SIM118  # a row has no items
    return ExecutionRecord(**members, waves=tuple(map(_wave, waves)))


def _wave(row: sqlite3.Row) -> WaveRecord:
    members = {name: row[name] for name in row.keys() if name != "to_notify"}  # noqa: SIM118
    for name in ("definition", "server_statuses", "failed_servers"):
        members[name] = json.loads(members[name])
    return WaveRecord(**members)
