"""The vault's tables: queries and writes, inside of a transaction that others have begun.

Rules that must stay true here:
- What is destroyed is overwritten with zeros, pages that become free included.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from stepwell.store.vault import DESTROY, SealedValue, VaultChange

_VALUE = "id, path, since, ends, refresher, lifetime, box"

_PUT = f"INSERT OR IGNORE INTO vault_values (brand, {_VALUE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608

_HOLD = """
INSERT INTO vault_holders (execution, brand, until, digest) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET until = excluded.until
"""

_DESTROY = """
DELETE FROM vault_values
WHERE brand = ?1 AND NOT EXISTS (SELECT 1 FROM vault_holders WHERE brand = ?1)
"""

_REPLACE = """
UPDATE vault_values SET since = ?, ends = ?, box = ? WHERE brand = ? AND id = ?
"""

_DUE = "SELECT execution, brand FROM vault_holders WHERE until <= ? ORDER BY until LIMIT ?"


def change(connection: sqlite3.Connection, changes: Sequence[tuple[int, VaultChange]]) -> None:
    """Write what turns do to the vault, in their order: pairs of an execution's key and its change."""
    ended: list[tuple[int, str]] = []
    for key, asked in changes:
        for value in asked.values:
            connection.execute(_PUT, (asked.brand, *_row(value)))
        connection.execute(_HOLD, (key, asked.brand, asked.until, asked.digest))
        if asked.until == DESTROY:
            ended.append((key, asked.brand))
    if ended:
        _let_go(connection, ended)


def delete(connection: sqlite3.Connection, execution: int) -> None:
    """The execution is being removed: destroy what only it may open."""
    brand = brand_of(connection, execution)
    if brand is not None:
        _let_go(connection, [(execution, brand)])


def brand_of(connection: sqlite3.Connection, execution: int) -> str | None:
    row = connection.execute("SELECT brand FROM vault_holders WHERE execution = ?", (execution,)).fetchone()
    return None if row is None else str(row[0])


def _let_go(connection: sqlite3.Connection, holders: Sequence[tuple[int, str]]) -> None:
    connection.executemany("DELETE FROM vault_holders WHERE execution = ?", [(key,) for key, _ in holders])
    with _overwriting(connection):
        for brand in {brand for _, brand in holders}:
            connection.execute(_DESTROY, (brand,))


@contextmanager
def _overwriting(connection: sqlite3.Connection) -> Iterator[None]:
    """What is deleted in the block is zeroed wherever it lies; elsewhere only where that costs no write."""
    (before,) = connection.execute("PRAGMA secure_delete").fetchone()
    connection.execute("PRAGMA secure_delete = ON")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA secure_delete = {'FAST' if before == 2 else 'ON' if before else 'OFF'}")


def _row(value: SealedValue) -> tuple[str | int | bytes | None, ...]:
    return value.id, value.path, value.since, value.ends, value.refresher, value.lifetime, value.box


def is_used(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM vault_holders LIMIT 1").fetchone() is not None


def digest(connection: sqlite3.Connection, execution: int) -> bytes | None:
    row = connection.execute("SELECT digest FROM vault_holders WHERE execution = ?", (execution,)).fetchone()
    return None if row is None else row[0]


def values(connection: sqlite3.Connection, brand: str) -> Sequence[SealedValue]:
    rows = connection.execute(f"SELECT {_VALUE} FROM vault_values WHERE brand = ?", (brand,)).fetchall()  # noqa: S608
    return [
        SealedValue(id=id_, path=path, since=since, ends=ends, refresher=refresher, lifetime=lifetime, box=box)
        for id_, path, since, ends, refresher, lifetime, box in rows
    ]


def replace(connection: sqlite3.Connection, brand: str, value: SealedValue) -> bool:
    with _overwriting(connection):
        done = connection.execute(_REPLACE, (value.since, value.ends, value.box, brand, value.id))
    return done.rowcount > 0


def destroy_due(connection: sqlite3.Connection, now: int, limit: int) -> int:
    due = connection.execute(_DUE, (now, limit)).fetchall()
    if due:
        _let_go(connection, due)
    return len(due)


def wrapped_keys(connection: sqlite3.Connection) -> Sequence[bytes]:
    return [row[0] for row in connection.execute("SELECT wrapped FROM vault_keys ORDER BY number DESC").fetchall()]


def add_wrapped_key(connection: sqlite3.Connection, wrapped: bytes) -> None:
    connection.execute("INSERT INTO vault_keys (wrapped) VALUES (?)", (wrapped,))
