"""Queries and small writes on definitions, machines, activities, tags, secrets (versions and aliases: `versions`).

Rules that must stay true here:
- Each write is one function that runs inside the writer's transaction: it decides and writes without anything between.
- A definition is stored once, by its hash, and stays: executions refer to it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from stepwell.store.catalog import SENSITIVE
from stepwell.store.protocol import ActivityRow, ListPosition, MachineRow
from stepwell.store.sqlite.bulk import below

_MACHINE = """
    arn, name, type, status, definition_hash, role_arn, creation_date, update_date, revision_id, configuration,
    created_version, id
"""
_MACHINE_FIELDS = (*(name.strip() for name in _MACHINE.split(",")), "sensitive")
_SELECTED = f"{_MACHINE}, (SELECT value FROM tags WHERE tags.arn = machines.arn AND key = '{SENSITIVE}')"  # noqa: S608

_FIND_MACHINE = f"SELECT {_SELECTED} FROM machines WHERE arn = ?"  # noqa: S608

# The plus keeps the index on the ARN out of it: rows come in the order of the other index and need no sorting.
_LIST_MACHINES = f"""
SELECT {_SELECTED} FROM machines
WHERE (creation_date, id) > (?, ?) AND +arn >= ? AND +arn < ?
ORDER BY creation_date, id LIMIT ?
"""  # noqa: S608

_CREATE_MACHINE = """
INSERT INTO machines (arn, name, type, status, definition_hash, role_arn, creation_date, update_date, revision_id,
                      configuration, created_version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id
"""

_UPDATE_MACHINE = """
UPDATE machines
SET arn = ?, name = ?, type = ?, status = ?, definition_hash = ?, role_arn = ?, creation_date = ?, update_date = ?,
    revision_id = ?, configuration = ?, created_version = ?
WHERE id = ? AND (status <> 'DELETING' OR ? = 'DELETING')
"""

_DELETING = "SELECT id FROM machines WHERE status = 'DELETING' AND id > 0 ORDER BY id"

_REVISION = """
INSERT INTO revisions (machine_id, id, definition_hash, role_arn, configuration, update_date)
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""

_ACTIVITY = "arn, name, creation_date, configuration"

_LIST_ACTIVITIES = f"""
SELECT {_ACTIVITY} FROM activities
WHERE (creation_date, name) > (?, ?) AND +arn >= ? AND +arn < ?
ORDER BY creation_date, name LIMIT ?
"""  # noqa: S608


def put_definition(connection: sqlite3.Connection, hash_: str, text: str) -> None:
    connection.execute("INSERT INTO definitions (hash, text) VALUES (?, ?) ON CONFLICT DO NOTHING", (hash_, text))


def definition(connection: sqlite3.Connection, hash_: str) -> str | None:
    row = connection.execute("SELECT text FROM definitions WHERE hash = ?", (hash_,)).fetchone()
    return None if row is None else str(row[0])


def create_machine(
    connection: sqlite3.Connection, row: MachineRow, text: str, tags_: Mapping[str, str]
) -> MachineRow | None:
    given = connection.execute(_CREATE_MACHINE, _machine_values(row)).fetchone()
    if given is None:
        return None
    put_definition(connection, row.definition_hash, text)
    _write_tags(connection, row.arn, tags_)
    made = replace(row, id=given[0])
    _write_revision(connection, made)
    return made


def update_machine(connection: sqlite3.Connection, row: MachineRow, text: str | None) -> bool:
    if connection.execute(_UPDATE_MACHINE, (*_machine_values(row), row.id, row.status)).rowcount == 0:
        return False
    if text is not None:
        put_definition(connection, row.definition_hash, text)
    _write_revision(connection, row)
    return True


def find_machine(connection: sqlite3.Connection, arn: str) -> MachineRow | None:
    row = connection.execute(_FIND_MACHINE, (arn,)).fetchone()
    return None if row is None else _machine(row)


def deleting_machines(connection: sqlite3.Connection) -> Sequence[int]:
    return [row[0] for row in connection.execute(_DELETING).fetchall()]


def delete_machine(connection: sqlite3.Connection, id_: int) -> None:
    connection.execute("DELETE FROM tags WHERE arn = (SELECT arn FROM machines WHERE id = ?)", (id_,))
    for table in ("aliases", "versions"):
        connection.execute(f"DELETE FROM {table} WHERE machine_id = ?", (id_,))  # noqa: S608
    connection.execute("DELETE FROM machines WHERE id = ?", (id_,))


def list_machines(
    connection: sqlite3.Connection, arn_prefix: str, after: ListPosition | None, limit: int
) -> Sequence[MachineRow]:
    behind = (-1, -1) if after is None else (after.date, after.key)
    rows = connection.execute(_LIST_MACHINES, (*behind, *below(arn_prefix), limit)).fetchall()
    return [_machine(row) for row in rows]


def create_activity(connection: sqlite3.Connection, row: ActivityRow, tags_: Mapping[str, str]) -> bool:
    query = f"INSERT INTO activities ({_ACTIVITY}) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"  # noqa: S608
    if connection.execute(query, (row.arn, row.name, row.creation_date, row.configuration)).rowcount == 0:
        return False
    _write_tags(connection, row.arn, tags_)
    return True


def find_activity(connection: sqlite3.Connection, arn: str) -> ActivityRow | None:
    row = connection.execute(f"SELECT {_ACTIVITY} FROM activities WHERE arn = ?", (arn,)).fetchone()  # noqa: S608
    return None if row is None else ActivityRow(*row)


def delete_activity(connection: sqlite3.Connection, arn: str) -> None:
    connection.execute("DELETE FROM tags WHERE arn = ?", (arn,))
    connection.execute("DELETE FROM activities WHERE arn = ?", (arn,))


def list_activities(
    connection: sqlite3.Connection, arn_prefix: str, after: tuple[int, str] | None, limit: int
) -> Sequence[ActivityRow]:
    rows = connection.execute(_LIST_ACTIVITIES, (*(after or (-1, "")), *below(arn_prefix), limit)).fetchall()
    return [ActivityRow(*row) for row in rows]


def tags(connection: sqlite3.Connection, arn: str) -> Mapping[str, str]:
    return dict(connection.execute("SELECT key, value FROM tags WHERE arn = ?", (arn,)).fetchall())


def set_tags(
    connection: sqlite3.Connection, arn: str, set_: Mapping[str, str], removed: Sequence[str], limit: int
) -> bool:
    if len((tags(connection, arn).keys() - set(removed)) | set_.keys()) > limit:
        return False
    connection.executemany("DELETE FROM tags WHERE arn = ? AND key = ?", [(arn, key) for key in removed])
    _write_tags(connection, arn, set_)
    return True


def keep_time(connection: sqlite3.Connection, now: int) -> None:
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('time', ?)", (str(now),))


def kept_time(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM meta WHERE name = 'time'").fetchone()
    return 0 if row is None else int(row[0])


def secret(connection: sqlite3.Connection, name: str) -> bytes | None:
    row = connection.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()
    return None if row is None else bytes(row[0])


def draw_secret(connection: sqlite3.Connection, name: str) -> bytes:
    """The secret of this name, drawn now where there is none yet."""
    known = secret(connection, name)
    if known is not None:
        return known
    drawn = os.urandom(32)
    connection.execute("INSERT INTO secrets (name, value) VALUES (?, ?)", (name, drawn))
    return drawn


def _machine(columns: Sequence[Any]) -> MachineRow:
    return MachineRow(**dict(zip(_MACHINE_FIELDS, columns, strict=True)))


def _machine_values(row: MachineRow) -> tuple[str | int | None, ...]:
    return (
        row.arn,
        row.name,
        row.type,
        row.status,
        row.definition_hash,
        row.role_arn,
        row.creation_date,
        row.update_date,
        row.revision_id,
        row.configuration,
        row.created_version,
    )


def _write_revision(connection: sqlite3.Connection, row: MachineRow) -> None:
    """The machine's present revision, where it is a new one."""
    values = (row.id, row.revision_id, row.definition_hash, row.role_arn, row.configuration, row.update_date)
    connection.execute(_REVISION, values)


def _write_tags(connection: sqlite3.Connection, arn: str, tags_: Mapping[str, str]) -> None:
    query = "INSERT INTO tags (arn, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
    connection.executemany(query, [(arn, key, value) for key, value in tags_.items()])
