"""Notifications in SQLite; see `stepwell/store/notices.py`.

Rules that must stay true here:
- Destinations are found by seeking from one to the next: a million rows that wait for one cost no more than one row.
- Bodies are read one by one: a listing of deliveries never holds them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from functools import partial

from stepwell.store.notices import DeliveryRow, NewDelivery, RuleRow
from stepwell.store.sqlite.reader import Reader
from stepwell.store.sqlite.turn_sql import EFFECTS_REMOVED
from stepwell.store.sqlite.writer import Writer

_RULES = "SELECT id, machine, statuses, channel, declared, created FROM notice_rules ORDER BY id"
_ADD_RULE = """
INSERT INTO notice_rules (machine, statuses, channel, declared, created) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET statuses = excluded.statuses, declared = excluded.declared RETURNING id
"""
_ADD = """
INSERT OR IGNORE INTO deliveries (event_id, lane, destination, channel, created, attempts, next_try, body)
SELECT ?1, ?2, ?3, ?4, ?5, 0,
       CASE WHEN EXISTS (SELECT 1 FROM deliveries WHERE lane = ?2 AND died IS NULL) THEN NULL ELSE ?5 END, ?6
"""
_DESTINATIONS = """
WITH RECURSIVE each(name) AS (
    SELECT min(destination) FROM deliveries WHERE next_try IS NOT NULL
    UNION ALL
    SELECT (SELECT min(destination) FROM deliveries WHERE next_try IS NOT NULL AND destination > each.name)
    FROM each WHERE each.name IS NOT NULL)
SELECT name, (SELECT min(next_try) FROM deliveries WHERE destination = name AND next_try IS NOT NULL)
FROM each WHERE name IS NOT NULL
"""
_ROW = "id, event_id, destination, channel, created, attempts, died, error"
_DUE = f"SELECT {_ROW} FROM deliveries WHERE destination = ? AND next_try <= ? ORDER BY next_try, id LIMIT ?"  # noqa: S608
_DEAD = f"SELECT {_ROW} FROM deliveries WHERE died IS NOT NULL AND id > ? ORDER BY id LIMIT ?"  # noqa: S608
_NEXT_OF_LANE = """
UPDATE deliveries SET next_try = ?1
WHERE id = (SELECT min(id) FROM deliveries WHERE lane = ?2 AND died IS NULL) AND next_try IS NULL
"""
_BURY = (
    "UPDATE deliveries SET next_try = NULL, died = ?, error = ?, attempts = attempts + 1 WHERE id = ? RETURNING lane"
)
_POSTPONE = "UPDATE deliveries SET next_try = ?, error = ?, attempts = attempts + 1 WHERE id = ? AND died IS NULL"
# One that is tried again no longer waits for others of its lane: they have gone on without it.
_REVIVE = """
UPDATE deliveries SET next_try = ?1, died = NULL, attempts = 0, lane = lane || ' again ' || id
WHERE died IS NOT NULL AND (?2 IS NULL OR id = ?2)
"""
_DROP = "DELETE FROM deliveries WHERE died IS NOT NULL AND (?1 IS NULL OR id = ?1)"


class SqliteNotices:
    """See `Notices`."""

    def __init__(self, writer: Writer, reader: Reader, lister: Reader) -> None:
        self._writer = writer
        self._reader = reader
        self._lister = lister

    # -- rules
    async def rules(self) -> Sequence[RuleRow]:
        return await self._reader.read(_rules)

    async def add_rule(self, row: RuleRow) -> RuleRow:
        return await self._writer.write(partial(_add_rule, row=row))

    async def remove_rule(self, id: int) -> bool:
        return await self._writer.write(partial(_remove_rule, id_=id))

    async def declare_rules(self, rows: Sequence[RuleRow]) -> None:
        await self._writer.write(partial(_declare_rules, rows=rows))

    # -- deliveries
    async def write(self, deliveries: Sequence[NewDelivery], settled: Sequence[tuple[int, int]] = ()) -> None:
        await self._writer.write(partial(_write, deliveries=deliveries, settled=settled))

    async def destinations(self) -> Sequence[tuple[str, int]]:
        return await self._reader.read(lambda connection: connection.execute(_DESTINATIONS).fetchall())

    async def due(self, destination: str, until: int, limit: int) -> Sequence[DeliveryRow]:
        return await self._reader.read(partial(_deliveries, query=_DUE, parameters=(destination, until, limit)))

    async def body(self, id: int) -> str | None:
        return await self._reader.read(partial(_body, id_=id))

    async def delivered(self, id: int, now: int) -> None:
        await self._writer.write(partial(_delivered, id_=id, now=now))

    async def postpone(self, id: int, next_try: int, error: str) -> None:
        await self._writer.write(partial(_change, statement=_POSTPONE, parameters=(next_try, error, id)))

    async def bury(self, id: int, now: int, error: str) -> None:
        await self._writer.write(partial(_bury, id_=id, now=now, error=error))

    # -- the dead
    async def dead(self, after: int, limit: int) -> Sequence[DeliveryRow]:
        return await self._lister.read(partial(_deliveries, query=_DEAD, parameters=(after, limit)))

    async def revive(self, id: int | None, now: int) -> int:
        return await self._writer.write(partial(_change, statement=_REVIVE, parameters=(now, id)))

    async def drop(self, id: int | None) -> int:
        return await self._writer.write(partial(_change, statement=_DROP, parameters=(id,)))


def _rules(connection: sqlite3.Connection) -> Sequence[RuleRow]:
    return [
        RuleRow(
            id=id_,
            machine=machine,
            statuses=tuple(json.loads(statuses)),
            channel=channel,
            declared=bool(declared),
            created=created,
        )
        for id_, machine, statuses, channel, declared, created in connection.execute(_RULES)
    ]


def _add_rule(connection: sqlite3.Connection, row: RuleRow) -> RuleRow:
    values = (row.machine, json.dumps(row.statuses), row.channel, int(row.declared), row.created)
    connection.execute(_ADD_RULE, values).fetchall()
    return next(each for each in _rules(connection) if (each.machine, each.channel) == (row.machine, row.channel))


def _remove_rule(connection: sqlite3.Connection, id_: int) -> bool:
    return bool(connection.execute("DELETE FROM notice_rules WHERE id = ?", (id_,)).rowcount)


def _declare_rules(connection: sqlite3.Connection, rows: Sequence[RuleRow]) -> None:
    connection.execute("DELETE FROM notice_rules WHERE declared = 1")
    for row in rows:
        _add_rule(connection, row)


def _write(
    connection: sqlite3.Connection, deliveries: Sequence[NewDelivery], settled: Sequence[tuple[int, int]]
) -> None:
    for each in deliveries:
        values = (each.event_id, each.lane, each.destination, each.channel, each.created, each.body)
        connection.execute(_ADD, values)
    EFFECTS_REMOVED.write(connection, settled)


def _deliveries(connection: sqlite3.Connection, query: str, parameters: tuple[object, ...]) -> Sequence[DeliveryRow]:
    return [
        DeliveryRow(
            id=id_,
            event_id=event_id,
            destination=destination,
            channel=channel,
            created=created,
            attempts=attempts,
            died=died,
            error=error,
        )
        for id_, event_id, destination, channel, created, attempts, died, error in connection.execute(query, parameters)
    ]


def _body(connection: sqlite3.Connection, id_: int) -> str | None:
    found = connection.execute("SELECT body FROM deliveries WHERE id = ?", (id_,)).fetchone()
    return None if found is None else str(found[0])


def _delivered(connection: sqlite3.Connection, id_: int, now: int) -> None:
    for (lane,) in connection.execute("DELETE FROM deliveries WHERE id = ? RETURNING lane", (id_,)).fetchall():
        connection.execute(_NEXT_OF_LANE, (now, lane))


def _bury(connection: sqlite3.Connection, id_: int, now: int, error: str) -> None:
    for (lane,) in connection.execute(_BURY, (now, error, id_)).fetchall():
        connection.execute(_NEXT_OF_LANE, (now, lane))


def _change(connection: sqlite3.Connection, statement: str, parameters: tuple[object, ...]) -> int:
    return connection.execute(statement, parameters).rowcount
