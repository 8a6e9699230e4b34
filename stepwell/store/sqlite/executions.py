"""Queries on executions: one, all that a turn needs, listings, history, payloads.

Rules that must stay true here:
- A listing and a page of history seek to where they begin; nothing is skipped by reading it, but for the other statuses
  among the executions of one version or alias.
- A listing touches neither input nor output.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from stepwell.store.protocol import (
    EventRecord,
    ExecutionChange,
    ExecutionRow,
    ListPosition,
    LoadedExecution,
    NewExecution,
)
from stepwell.store.sqlite import trace_sql, vault_sql
from stepwell.store.sqlite.bulk import Bulk

_LAST = (1 << 63) - 1

_COLUMNS = """
    e.key, e.arn, e.machine_arn, e.machine_id, e.name, e.definition_hash, e.revision_id, e.role_arn, e.start_date,
    e.trace_header, p.version_arn, p.alias_arn, e.test_case, e.parent_key, e.parent_token, e.awaited_by, e.map_run_arn,
    e.item_count, e.tokens_hold_clock, e.unlogged,
    p.version, p.status, p.last_event_id, p.clock, p.stop_date, p.error, p.cause, p.redrive_count, p.redrive_date,
    p.data
"""

_BY_ARN = f"SELECT {_COLUMNS}, e.input, p.output FROM executions AS e JOIN progress AS p USING (key) WHERE e.arn = ?"  # noqa: S608

_BY_KEY = f"SELECT {_COLUMNS}, e.input, p.output FROM executions AS e JOIN progress AS p USING (key) WHERE e.key = ?"  # noqa: S608


def _listing(which: str) -> str:
    return f"""
SELECT p.listed_at, {_COLUMNS}, '', NULL
FROM progress AS p CROSS JOIN executions AS e USING (key)
WHERE p.machine_id = ? AND {which} (p.listed_at, p.key) < (?, ?)
ORDER BY p.listed_at DESC, p.key DESC LIMIT ?
"""  # noqa: S608


_LIST = _listing("")
_LIST_BY_STATUS = _listing("p.status = ? AND")
# The plus keeps the index on the status out of it, which holds the executions of all versions.
_LIST_OF_VERSION = _listing("p.version_arn = ? AND (? IS NULL OR +p.status = ?) AND")
_LIST_OF_ALIAS = _listing("p.alias_arn = ? AND (? IS NULL OR +p.status = ?) AND")

_CHILDREN = f"""
SELECT {_COLUMNS}, e.input, p.output
FROM progress AS p CROSS JOIN executions AS e USING (key)
WHERE p.machine_id > 4294967296 AND p.machine_id = ? AND p.key > ?
ORDER BY p.key LIMIT ?
"""  # noqa: S608

# The records that overlap [low, high]. Ids have no gap, so the first of them is the last that begins at or before low.
_HISTORY = """
SELECT first_id, last_id, data FROM history
WHERE execution = :key AND last_id >= :low AND first_id <= :high AND first_id >= ifnull(
    (SELECT max(first_id) FROM history WHERE execution = :key AND first_id <= :low), 0)
ORDER BY first_id
"""

_LAST_EVENT = "SELECT last_id FROM history WHERE execution = ? ORDER BY first_id DESC LIMIT 1"

_PAYLOADS = Bulk(
    2,
    """
    SELECT p.hash, p.text FROM (VALUES {rows}) AS v CROSS JOIN payloads AS p
    WHERE p.execution = v.column1 AND p.hash = v.column2
    """,
)


def find(connection: sqlite3.Connection, arn: str) -> ExecutionRow | None:
    row = connection.execute(_BY_ARN, (arn,)).fetchone()
    return None if row is None else _row(row)


def key_of(connection: sqlite3.Connection, arn: str) -> int | None:
    row = connection.execute("SELECT key FROM executions WHERE arn = ?", (arn,)).fetchone()
    return None if row is None else int(row[0])


def load(connection: sqlite3.Connection, key: int) -> LoadedExecution | None:
    found = by_key(connection, key)
    if found is None:
        return None
    frames = connection.execute("SELECT path, data FROM frames WHERE execution = ?", (key,)).fetchall()
    timers = connection.execute("SELECT name, due FROM timers WHERE execution = ?", (key,)).fetchall()
    return LoadedExecution(found, dict(frames), dict(timers))


def by_key(connection: sqlite3.Connection, key: int) -> ExecutionRow | None:
    stored = connection.execute(_BY_KEY, (key,)).fetchone()
    if stored is None:
        return None
    found = _row(stored)
    brand = vault_sql.brand_of(connection, key)
    if brand is not None:
        found = replace(found, new=replace(found.new, brand=brand))
    trace = trace_sql.of(connection, key)
    if trace is not None:
        found = replace(found, new=replace(found.new, trace=trace))
    return found


def newest_first(
    connection: sqlite3.Connection,
    machine_id: int,
    status: str | None,
    after: ListPosition | None,
    limit: int,
    qualified_arn: str | None = None,
) -> Sequence[tuple[ListPosition, ExecutionRow]]:
    behind = (_LAST, _LAST) if after is None else (after.date, after.key)
    if qualified_arn is not None:
        query = _LIST_OF_VERSION if qualified_arn.rpartition(":")[2].isdigit() else _LIST_OF_ALIAS
        which: tuple[str | None, ...] = (qualified_arn, status, status)
    elif status is not None:
        query, which = _LIST_BY_STATUS, (status,)
    else:
        query, which = _LIST, ()
    rows = connection.execute(query, (machine_id, *which, *behind, limit)).fetchall()
    return [(ListPosition(row[0], row[1]), _row(row[1:])) for row in rows]


def has_any(connection: sqlite3.Connection, machine_id: int, status: str) -> bool:
    query = "SELECT 1 FROM progress WHERE machine_id = ? AND status = ? LIMIT 1"
    return connection.execute(query, (machine_id, status)).fetchone() is not None


def running(connection: sqlite3.Connection, after: int, limit: int) -> Sequence[int]:
    query = "SELECT key FROM progress WHERE status = 'RUNNING' AND key > ? ORDER BY key LIMIT ?"
    return [row[0] for row in connection.execute(query, (after, limit)).fetchall()]


def count_running(connection: sqlite3.Connection, most: int) -> int:
    query = "SELECT count(*) FROM (SELECT 1 FROM progress WHERE status = 'RUNNING' LIMIT ?)"
    return int(connection.execute(query, (most,)).fetchone()[0])


def children(connection: sqlite3.Connection, map_run: int, after: int, limit: int) -> Sequence[ExecutionRow]:
    return [_row(row) for row in connection.execute(_CHILDREN, (map_run, after, limit)).fetchall()]


def history(connection: sqlite3.Connection, key: int, from_id: int, limit: int, reverse: bool) -> Sequence[EventRecord]:
    if limit < 1:
        return ()
    if not reverse:
        low = max(from_id, 1)
        high = min(low + limit - 1, _LAST)
    else:
        last = connection.execute(_LAST_EVENT, (key,)).fetchone()
        high = 0 if last is None else min(from_id, last[0])
        low = max(high - limit + 1, 1)
    found = connection.execute(_HISTORY, {"key": key, "low": low, "high": high}).fetchall()
    records = [EventRecord(*row) for row in found]
    return records[::-1] if reverse else records


def payloads(connection: sqlite3.Connection, key: int, hashes: Sequence[bytes]) -> Mapping[bytes, str]:
    return {row[0]: row[1] for row in _PAYLOADS.read(connection, [(key, hash_) for hash_ in hashes])}


def delete(connection: sqlite3.Connection, key: int) -> None:
    """Remove an execution and all that belongs to it."""
    vault_sql.delete(connection, key)
    trace_sql.delete(connection, key)
    for table in ("effects", "timers", "frames", "payloads", "history"):
        connection.execute(f"DELETE FROM {table} WHERE execution = ?", (key,))  # noqa: S608
    connection.execute("DELETE FROM progress WHERE key = ?", (key,))
    connection.execute("DELETE FROM executions WHERE key = ?", (key,))


def _row(columns: Sequence[Any]) -> ExecutionRow:
    (
        key,
        arn,
        machine_arn,
        machine_id,
        name,
        definition_hash,
        revision_id,
        role_arn,
        start_date,
        trace_header,
        version_arn,
        alias_arn,
        test_case,
        parent_key,
        parent_token,
        awaited_by,
        map_run_arn,
        item_count,
        tokens_hold_clock,
        unlogged,
        version,
        status,
        last_event_id,
        clock,
        stop_date,
        error,
        cause,
        redrive_count,
        redrive_date,
        data,
        input_,
        output,
    ) = columns
    new = NewExecution(
        key=key,
        arn=arn,
        machine_arn=machine_arn,
        machine_id=machine_id,
        name=name,
        definition_hash=definition_hash,
        revision_id=revision_id,
        role_arn=role_arn,
        start_date=start_date,
        input=input_,
        trace_header=trace_header,
        version_arn=version_arn,
        alias_arn=alias_arn,
        test_case=test_case,
        parent_key=parent_key,
        parent_token=parent_token,
        awaited_by=awaited_by,
        map_run_arn=map_run_arn,
        item_count=item_count,
        tokens_hold_clock=bool(tokens_hold_clock),
        unlogged=bool(unlogged),
    )
    change = ExecutionChange(
        status=status,
        last_event_id=last_event_id,
        clock=clock,
        stop_date=stop_date,
        output=output,
        error=error,
        cause=cause,
        redrive_count=redrive_count,
        redrive_date=redrive_date,
        data=data,
    )
    return ExecutionRow(new=new, change=change, version=version)
