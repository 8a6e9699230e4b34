"""Queries on what waits: timers, and the effects of the outbox.

Rules that must stay true here:
- Timers on a virtual clock are never told as due: they are not in the index that these queries use.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from stepwell.store.protocol import EffectRow, OutboxRow, TimerRow
from stepwell.store.sqlite.turn_sql import EFFECTS_REMOVED

_DUE = "SELECT execution, name, due FROM timers WHERE virtual = 0 AND due <= ? ORDER BY due LIMIT ?"

_NEXT = "SELECT due FROM timers WHERE virtual = 0 AND due > ? ORDER BY due LIMIT 1"

_VIRTUAL = "SELECT DISTINCT execution FROM timers WHERE virtual = 1 AND execution > ? ORDER BY execution LIMIT ?"

_OF_KIND = """
SELECT execution, id, kind, target, path, data FROM effects
WHERE kind = ? AND (execution, id) > (?, ?) ORDER BY execution, id LIMIT ?
"""

_OF_TARGET = """
SELECT execution, id, kind, target, path, data FROM effects
WHERE kind = ? AND target = ? ORDER BY execution, id LIMIT ?
"""

_ONE = "SELECT id, kind, target, path, data FROM effects WHERE execution = ? AND id = ?"


def due_timers(connection: sqlite3.Connection, until: int, limit: int) -> Sequence[TimerRow]:
    return [TimerRow(*row) for row in connection.execute(_DUE, (until, limit)).fetchall()]


def next_timer(connection: sqlite3.Connection, after: int) -> int | None:
    row = connection.execute(_NEXT, (after,)).fetchone()
    return None if row is None else int(row[0])


def virtual(connection: sqlite3.Connection, after: int, limit: int) -> Sequence[int]:
    return [row[0] for row in connection.execute(_VIRTUAL, (after, limit)).fetchall()]


def outbox(connection: sqlite3.Connection, kind: str, after: tuple[int, int], limit: int) -> Sequence[OutboxRow]:
    rows = connection.execute(_OF_KIND, (kind, *after, limit)).fetchall()
    return [OutboxRow(row[0], EffectRow(*row[1:])) for row in rows]


def outbox_of(connection: sqlite3.Connection, kind: str, target: str, limit: int) -> Sequence[OutboxRow]:
    rows = connection.execute(_OF_TARGET, (kind, target, limit)).fetchall()
    return [OutboxRow(row[0], EffectRow(*row[1:])) for row in rows]


def settle(connection: sqlite3.Connection, effects: Sequence[tuple[int, int]]) -> None:
    EFFECTS_REMOVED.write(connection, effects)


def effect(connection: sqlite3.Connection, key: int, effect_id: int) -> EffectRow | None:
    row = connection.execute(_ONE, (key, effect_id)).fetchone()
    return None if row is None else EffectRow(*row)
