"""Letting go of the past in SQLite: see `RetentionStore`.

Rules that must stay true here:
- What is due is found by seeking: each machine and status by the index of the listings, never by reading executions
  that stay.
- A tree is taken apart from its leaves. Rows of a leaf are removed first, then the leaf.
- Whoever goes is not found any more from the first piece on, and no turn that was computed before stands: it cannot be
  redriven while half of it is there. Its row in `progress` goes last, which sweeps find it by.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Final

from stepwell.store.retention import SweepPosition
from stepwell.store.sqlite import trace_sql, vault_sql
from stepwell.store.sqlite.connection import INCREMENTAL
from stepwell.store.sqlite.reader import Reader
from stepwell.store.sqlite.writer import Writer

# Machines have small ids; above are the keys of executions, which map runs and their children are listed under.
_DUE = """
WITH RECURSIVE machine(id) AS (
    SELECT min(machine_id) FROM progress
    UNION ALL
    SELECT (SELECT min(p.machine_id) FROM progress AS p WHERE p.machine_id > machine.id) FROM machine
    WHERE machine.id <= 4294967296
)
SELECT p.key
FROM machine CROSS JOIN (VALUES {statuses}) AS ending CROSS JOIN progress AS p
WHERE machine.id <= 4294967296 AND p.machine_id = machine.id AND p.status = ending.column1
    AND p.listed_at >= ? AND p.listed_at < ? AND {condition}
LIMIT ?
"""

_ENDED = _DUE.format(
    statuses="('SUCCEEDED'), ('FAILED'), ('TIMED_OUT'), ('ABORTED')",
    condition="NOT EXISTS (SELECT 1 FROM effects WHERE effects.execution = p.key)",
)

_STOPPED = """
SELECT p.listed_at, p.key, EXISTS (SELECT 1 FROM frames WHERE frames.execution = p.key)
FROM progress AS p
WHERE p.machine_id = ? AND p.status = ? AND (p.listed_at, p.key) > (?, ?) AND p.listed_at < ?
ORDER BY p.listed_at, p.key LIMIT ?
"""
_STOPS: Final = ("FAILED", "TIMED_OUT", "ABORTED")

_NEXT_MACHINE = "SELECT min(machine_id) FROM progress WHERE machine_id > ? AND machine_id <= 4294967296"

_CHILD = "SELECT key FROM progress WHERE machine_id > 4294967296 AND machine_id = ? AND key > ? ORDER BY key LIMIT 1"

_FIRST: Final = -1  # below the id of every machine
_LAST: Final = (1 << 63) - 1

_KEPT: Final = 8  # an eighth of the file stays free: what comes next need not grow it again

_PARTS = (
    "DELETE FROM effects WHERE execution = ?1 AND id IN (SELECT id FROM effects WHERE execution = ?1 LIMIT ?2)",
    *(
        f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE execution = ?1 LIMIT ?2)"  # noqa: S608
        for table in ("timers", "frames", "payloads", "history")
    ),
)

_BEGIN = "UPDATE progress SET version = version + 1 WHERE key = ? AND status <> 'RUNNING'"

# The frames of a tree; the root's own come last: by them the tree is found again.
_TREE = """
WITH RECURSIVE node(key, depth) AS (
    VALUES (?, 0)
    UNION ALL
    SELECT p.key, node.depth + 1 FROM node CROSS JOIN progress AS p
    WHERE p.machine_id > 4294967296 AND p.machine_id = node.key
)
SELECT f.rowid FROM node CROSS JOIN frames AS f ON f.execution = node.key ORDER BY node.depth DESC
"""


class SqliteRetention:
    """See `RetentionStore`."""

    def __init__(self, writer: Writer, lister: Reader) -> None:
        self._writer = writer
        self._lister = lister

    async def ended(self, before: int, limit: int) -> Sequence[int]:
        return await self._lister.read(partial(_keys, query=_ENDED, after=0, before=before, limit=limit))

    async def resumable(
        self, since: int, before: int, position: SweepPosition | None, limit: int
    ) -> tuple[Sequence[int], SweepPosition | None]:
        begin = (_FIRST, 0, since - 1, _LAST) if position is None else position
        return await self._lister.read(partial(_resumable, since=since, before=before, position=begin, limit=limit))

    async def delete(self, roots: Sequence[int], rows: int) -> int:
        return await self._writer.write(partial(_delete, roots=roots, rows=rows))

    async def give_back(self, pages: int) -> bool:
        return await self._writer.write(partial(_give_back, pages=pages))

    async def forget_frames(self, root: int, rows: int) -> None:
        frames = await self._lister.read(partial(_frames_of_tree, root=root))
        for start in range(0, len(frames), rows):
            await self._writer.write(partial(_forget, frames=frames[start : start + rows]))


def _keys(connection: sqlite3.Connection, query: str, after: int, before: int, limit: int) -> Sequence[int]:
    return [row[0] for row in connection.execute(query, (after, before, limit)).fetchall()]


def _resumable(
    connection: sqlite3.Connection, since: int, before: int, position: SweepPosition, limit: int
) -> tuple[Sequence[int], SweepPosition | None]:
    machine, stop, listed_at, key = position
    found: list[int] = []
    while limit > 0:
        rows = connection.execute(_STOPPED, (machine, _STOPS[stop], listed_at, key, before, limit)).fetchall()
        found += [row[1] for row in rows if row[2]]
        if len(rows) == limit:
            return found, (machine, stop, *rows[-1][:2])
        limit -= len(rows) + 1  # a look costs about as much as a row
        stop, listed_at, key = stop + 1, since - 1, _LAST
        if stop == len(_STOPS):
            (following,) = connection.execute(_NEXT_MACHINE, (machine,)).fetchone()
            if following is None:
                return found, None
            machine, stop = following, 0
    return found, (machine, stop, listed_at, key)


def _delete(connection: sqlite3.Connection, roots: Sequence[int], rows: int) -> int:
    left = rows
    for gone, root in enumerate(roots):
        if not connection.execute(_BEGIN, (root,)).rowcount:
            continue
        connection.execute("DELETE FROM executions WHERE key = ?", (root,))
        while True:
            leaf = _leaf(connection, root)
            for part in _PARTS:
                left -= connection.execute(part, (leaf, left)).rowcount
                if left <= 0:
                    return gone
            left -= 1
            vault_sql.delete(connection, leaf)
            trace_sql.delete(connection, leaf)
            connection.execute("DELETE FROM progress WHERE key = ?", (leaf,))
            connection.execute("DELETE FROM executions WHERE key = ?", (leaf,))
            if leaf == root:
                break
        if left <= 0:
            return gone + 1
    return len(roots)


def _leaf(connection: sqlite3.Connection, root: int) -> int:
    """An execution or map run of the tree that nothing hangs from."""
    node = root
    while (child := connection.execute(_CHILD, (node, 0)).fetchone()) is not None:
        node = child[0]
    return node


def _frames_of_tree(connection: sqlite3.Connection, root: int) -> Sequence[tuple[int]]:
    return connection.execute(_TREE, (root,)).fetchall()


def _give_back(connection: sqlite3.Connection, pages: int) -> bool:
    (mode,) = connection.execute("PRAGMA auto_vacuum").fetchone()
    if mode != INCREMENTAL:
        return False
    (size,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    excess = free - size // _KEPT
    for _ in range(min(pages, excess)):  # Python's module would leave a statement for many pages after the first
        connection.execute("PRAGMA incremental_vacuum(1)")
    return bool(excess > pages)


def _forget(connection: sqlite3.Connection, frames: Sequence[tuple[int]]) -> None:
    connection.executemany("DELETE FROM frames WHERE rowid = ?", frames)
