"""Queries and small writes on what a machine was and is named: revisions, versions, aliases.

Rules that must stay true here:
- Each write is one function that runs inside the writer's transaction: it decides and writes without anything between.
- The number of a version is never given again, also when the version is deleted.
- A version that an alias names is not deleted, and no alias names a version that is not there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from stepwell.store.protocol import AliasRow, ListPosition, Refusal, RevisionRow, Route, VersionRow

_LAST = (1 << 63) - 1

_REVISION = """
SELECT machine_id, id, definition_hash, role_arn, configuration, update_date FROM revisions
WHERE machine_id = ? AND id = ?
"""

_VERSION = "machine_id, number, revision_id, creation_date, description"

_NEWEST_FIRST = f"SELECT {_VERSION} FROM versions WHERE machine_id = ? AND number < ? ORDER BY number DESC LIMIT ?"  # noqa: S608

_ALIAS = """
    machine_id, name, version, weight, second_version, second_weight, creation_date, update_date, description, id
"""

_OLDEST_FIRST = f"""
SELECT {_ALIAS} FROM aliases
WHERE machine_id = ? AND (creation_date, id) > (?, ?) AND (? IS NULL OR ? IN (version, second_version))
ORDER BY creation_date, id LIMIT ?
"""  # noqa: S608

_CREATE_ALIAS = """
INSERT INTO aliases (machine_id, name, version, weight, second_version, second_weight, creation_date, update_date,
                     description)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""

_UPDATE_ALIAS = """
UPDATE aliases
SET machine_id = ?, name = ?, version = ?, weight = ?, second_version = ?, second_weight = ?, creation_date = ?,
    update_date = ?, description = ?
WHERE id = ?
"""


def find_revision(connection: sqlite3.Connection, machine_id: int, id_: str) -> RevisionRow | None:
    row = connection.execute(_REVISION, (machine_id, id_)).fetchone()
    if row is None:
        return None
    machine_id, id_, definition_hash, role_arn, configuration, update_date = row
    return RevisionRow(
        machine_id=machine_id,
        id=id_,
        definition_hash=definition_hash,
        role_arn=role_arn,
        configuration=configuration,
        update_date=update_date,
    )


def publish(
    connection: sqlite3.Connection, machine_id: int, revision_id: str, description: str | None, now: int, limit: int
) -> VersionRow | Refusal:
    query = "SELECT revision_id, last_version FROM machines WHERE id = ?"
    machine = connection.execute(query, (machine_id,)).fetchone()
    if machine is None:
        return Refusal.GONE
    if machine[0] != revision_id:
        return Refusal.REVISED
    query = f"SELECT {_VERSION} FROM versions WHERE machine_id = ? AND revision_id = ?"  # noqa: S608
    row = connection.execute(query, (machine_id, revision_id)).fetchone()
    if row is not None:
        return _version(row)
    (count,) = connection.execute("SELECT count(*) FROM versions WHERE machine_id = ?", (machine_id,)).fetchone()
    if count >= limit:
        return Refusal.FULL
    number = machine[1] + 1
    connection.execute("UPDATE machines SET last_version = ? WHERE id = ?", (number, machine_id))
    values = (machine_id, number, revision_id, now, description)
    connection.execute(f"INSERT INTO versions ({_VERSION}) VALUES (?, ?, ?, ?, ?)", values)  # noqa: S608
    return _version(values)


def find(connection: sqlite3.Connection, machine_id: int, number: int) -> VersionRow | None:
    query = f"SELECT {_VERSION} FROM versions WHERE machine_id = ? AND number = ?"  # noqa: S608
    row = connection.execute(query, (machine_id, number)).fetchone()
    return None if row is None else _version(row)


def newest_first(
    connection: sqlite3.Connection, machine_id: int, below: int | None, limit: int
) -> Sequence[VersionRow]:
    bound = _LAST if below is None else below
    return [_version(row) for row in connection.execute(_NEWEST_FIRST, (machine_id, bound, limit)).fetchall()]


def delete(connection: sqlite3.Connection, machine_id: int, number: int) -> Sequence[str]:
    aliases = list_aliases(connection, machine_id, number, None, -1)
    if aliases:
        return [alias.name for alias in aliases]
    connection.execute("DELETE FROM versions WHERE machine_id = ? AND number = ?", (machine_id, number))
    return ()


def create_alias(connection: sqlite3.Connection, row: AliasRow, limit: int) -> AliasRow | Refusal:
    known = find_alias(connection, row.machine_id, row.name)
    if known is not None:
        return known
    if not _are_there(connection, row):
        return Refusal.GONE
    query = "SELECT count(*) FROM aliases WHERE machine_id = ?"
    if connection.execute(query, (row.machine_id,)).fetchone()[0] >= limit:
        return Refusal.FULL
    (given,) = connection.execute(_CREATE_ALIAS, _alias_values(row)).fetchone()
    return replace(row, id=given)


def update_alias(connection: sqlite3.Connection, row: AliasRow) -> Refusal | None:
    if not _are_there(connection, row):
        return Refusal.GONE
    written = connection.execute(_UPDATE_ALIAS, (*_alias_values(row), row.id)).rowcount
    return None if written else Refusal.GONE


def find_alias(connection: sqlite3.Connection, machine_id: int, name: str) -> AliasRow | None:
    query = f"SELECT {_ALIAS} FROM aliases WHERE machine_id = ? AND name = ?"  # noqa: S608
    row = connection.execute(query, (machine_id, name)).fetchone()
    return None if row is None else _alias(row)


def list_aliases(
    connection: sqlite3.Connection, machine_id: int, version: int | None, after: ListPosition | None, limit: int
) -> Sequence[AliasRow]:
    behind = (-1, -1) if after is None else (after.date, after.key)
    values = (machine_id, *behind, version, version, limit)
    return [_alias(row) for row in connection.execute(_OLDEST_FIRST, values).fetchall()]


def delete_alias(connection: sqlite3.Connection, machine_id: int, name: str) -> bool:
    query = "DELETE FROM aliases WHERE machine_id = ? AND name = ?"
    return connection.execute(query, (machine_id, name)).rowcount > 0


def _are_there(connection: sqlite3.Connection, row: AliasRow) -> bool:
    return all(find(connection, row.machine_id, route.version) is not None for route in row.routes)


def _version(columns: Sequence[Any]) -> VersionRow:
    machine_id, number, revision_id, creation_date, description = columns
    return VersionRow(
        machine_id=machine_id,
        number=number,
        revision_id=revision_id,
        creation_date=creation_date,
        description=description,
    )


def _alias(columns: Sequence[Any]) -> AliasRow:
    machine_id, name, version, weight, second, second_weight, creation_date, update_date, description, id_ = columns
    routes = [Route(version, weight)]
    if second is not None:
        routes.append(Route(second, second_weight))
    return AliasRow(
        machine_id=machine_id,
        name=name,
        routes=tuple(routes),
        creation_date=creation_date,
        update_date=update_date,
        description=description,
        id=id_,
    )


def _alias_values(row: AliasRow) -> tuple[str | int | None, ...]:
    first, second = row.routes[0], row.routes[1] if len(row.routes) > 1 else None
    return (
        row.machine_id,
        row.name,
        first.version,
        first.weight,
        second.version if second else None,
        second.weight if second else None,
        row.creation_date,
        row.update_date,
        row.description,
    )
