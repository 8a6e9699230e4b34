"""What is in a database, and whether it fits together: for `stepwell doctor`.

Rules that must stay true here:
- Nothing is changed, and a server may be at work on the database meanwhile: all is seen in one snapshot.
- A finding says what is wrong, and how often.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from stepwell.store.contents import Content
from stepwell.store.protocol import StoreError
from stepwell.store.sqlite.connection import INCREMENTAL, connect_reader
from stepwell.store.sqlite.faults import translate
from stepwell.store.sqlite.inside import content_findings, schema_findings
from stepwell.store.sqlite.schema import check_header, check_identity, migrations


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """`findings` is empty where all is well. Sizes are in bytes; `free` of the file is room that rows have left,
    which a server that runs hands back to the disk by itself where the file `gives_back`."""

    schema: int
    newest_schema: int
    size: int
    free: int
    gives_back: bool
    log: int
    executions: Mapping[str, int]
    timers_overdue: int
    effects: Mapping[str, int]
    findings: Sequence[str]


_EXECUTIONS = "SELECT status, count(*) FROM progress GROUP BY status ORDER BY status"
_OVERDUE = "SELECT count(*) FROM timers WHERE virtual = 0 AND due < ?"
_EFFECTS = "SELECT kind, count(*) FROM effects GROUP BY kind ORDER BY kind"

# What each finding says, and the query that counts it.
_RULES = (
    (
        "executions without their progress",
        "SELECT count(*) FROM executions AS e WHERE NOT EXISTS (SELECT 1 FROM progress WHERE key = e.key)",
    ),
    (
        "progress of executions that are gone",
        "SELECT count(*) FROM progress AS p WHERE NOT EXISTS (SELECT 1 FROM executions WHERE key = p.key)",
    ),
    *(
        (
            f"{table} of executions that are gone",
            f"SELECT count(*) FROM {table} AS t WHERE NOT EXISTS (SELECT 1 FROM progress WHERE key = t.execution)",  # noqa: S608
        )
        for table in ("frames", "timers", "history", "payloads")
    ),
    (
        "running executions that nothing will ever move: no frame, no timer, no task, no message",
        """
        SELECT count(*) FROM progress AS p
        WHERE p.status = 'RUNNING' AND p.machine_id <= 4294967296
            AND NOT EXISTS (SELECT 1 FROM frames WHERE execution = p.key)
            AND NOT EXISTS (SELECT 1 FROM timers WHERE execution = p.key)
            AND NOT EXISTS (SELECT 1 FROM effects WHERE execution = p.key)
        """,
    ),
    (
        "gaps in histories",
        """
        SELECT count(*) FROM (
            SELECT first_id - lag(last_id, 1, 0) OVER (PARTITION BY execution ORDER BY first_id) AS step FROM history
        ) WHERE step <> 1
        """,
    ),
    (
        "executions whose history lacks its end",
        """
        SELECT count(*) FROM progress AS p JOIN executions AS e USING (key)
        WHERE e.unlogged = 0 AND p.last_event_id > 0
            AND p.last_event_id <> ifnull((SELECT max(last_id) FROM history WHERE execution = p.key), 0)
        """,
    ),
    (
        "definitions that executions refer to and that are missing",
        """
        SELECT count(*) FROM (SELECT DISTINCT definition_hash AS hash FROM executions) AS used
        WHERE NOT EXISTS (SELECT 1 FROM definitions WHERE definitions.hash = used.hash)
        """,
    ),
)


def examine(database: Path, now: int, contents: Sequence[Content] = ()) -> Examined:
    """Look at a database, and into the rows of `contents`; `now` is in milliseconds since 1970.

    Raises StoreError where it cannot be read at all.
    """
    if not database.is_file():
        raise StoreError(f"{database} does not exist. Name the file of a database.")
    try:
        check_header(database)
        with closing(connect_reader(database)) as connection:
            check_identity(connection, database)
            connection.execute("BEGIN")
            return _examine(connection, database, now, contents)
    except (sqlite3.Error, OSError) as error:
        raise translate(error, database) from error


def _examine(connection: sqlite3.Connection, database: Path, now: int, contents: Sequence[Content]) -> Examined:
    def number(query: str, *values: int) -> int:
        (found,) = connection.execute(query, values).fetchone()
        return int(found)

    def counts(query: str) -> Mapping[str, int]:
        return dict(connection.execute(query).fetchall())

    damage = [row[0] for row in connection.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]
    damage += [] if damage else schema_findings(connection, number("PRAGMA user_version"))
    is_whole = not damage  # else what is asked of its tables may have no answer
    broken = [(number(query), what) for what, query in _RULES] if is_whole else []
    inside = list(content_findings(connection, contents)) if is_whole else []
    log = database.with_name(database.name + "-wal")
    return Examined(
        schema=number("PRAGMA user_version"),
        newest_schema=len(migrations()),
        size=database.stat().st_size,
        free=number("PRAGMA freelist_count") * number("PRAGMA page_size"),
        gives_back=number("PRAGMA auto_vacuum") == INCREMENTAL,
        log=log.stat().st_size if log.exists() else 0,
        executions=counts(_EXECUTIONS) if is_whole else {},
        timers_overdue=number(_OVERDUE, now - 60_000) if is_whole else 0,
        effects=counts(_EFFECTS) if is_whole else {},
        findings=[*damage, *(f"{count} {what}" for count, what in broken if count), *inside],
    )
