"""Whose database a file is, and bringing it to the present schema.

Rules that must stay true here:
- Nothing is written to a file before it is known to be ours, or empty.
- The schema's version is `PRAGMA user_version`: the number of the last migration in it. A migration is a file
  `migrations/NNNN_name.sql` that is never changed once released; all that are missing are carried out in one
  transaction.
- Opening takes the same time for a large database as for a small one.
"""

from __future__ import annotations

import sqlite3
from functools import cache
from importlib.resources import files
from pathlib import Path

import stepwell
from stepwell.store.protocol import StoreError, StoreTooNew
from stepwell.store.sqlite.faults import corrupt

APPLICATION_ID = 0x57454C4C  # "WELL"

_MAGIC = b"SQLite format 3\x00"
_CHECKED_IN_FULL = 32 * 1024 * 1024  # bytes


def check_header(path: Path) -> None:
    """Raise StoreCorrupt where the file is not an SQLite database. To be called before SQLite has it open."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except FileNotFoundError:
        return
    if head and head != _MAGIC:
        raise corrupt(path, "it does not begin as an SQLite database does")


def check_identity(connection: sqlite3.Connection, path: Path) -> None:
    """Raise StoreError where the database is another program's, StoreTooNew where a newer Stepwell made it."""
    application = _number(connection, "PRAGMA application_id")
    version = _number(connection, "PRAGMA user_version")
    if application != APPLICATION_ID:
        if application == 0 and version == 0 and _number(connection, "SELECT count(*) FROM sqlite_master") == 0:
            return  # empty
        raise StoreError(f"{path} is the database of another program. It was left as it is; name another path.")
    known = len(migrations())
    if version > known:
        maker = connection.execute("SELECT value FROM meta WHERE name = 'migrated_by'").fetchone()
        raise StoreTooNew(
            f"{path} has schema version {version}, made by Stepwell {maker[0] if maker else '(unknown)'}; this is "
            f"Stepwell {stepwell.__version__}, which knows schema versions up to {known}. It was left as it is; "
            "use the newer Stepwell, or name another path."
        )


def check_soundness(connection: sqlite3.Connection, path: Path, in_order: bool) -> None:
    """Raise StoreCorrupt, or SQLite's own error, where damage is found. `in_order`: the last server closed the file.

    SQLite itself compares the size in the header with that of the file; here the root page of every table is read on
    top of it. A complete check reads the whole file, which must not delay the recovery of a large store, and a crash is
    no sign of damage in WAL mode: so only a small database that was not closed in order is checked in full. Damage that
    comes to light later is told then.
    """
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        connection.execute(f'SELECT 1 FROM "{table}" NOT INDEXED LIMIT 1').fetchall()  # noqa: S608
    if not in_order and path.stat().st_size <= _CHECKED_IN_FULL:
        (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if finding != "ok":
            raise corrupt(path, finding)


def migrate(connection: sqlite3.Connection) -> None:
    """Carry out the migrations that the database has not seen. Raises sqlite3.Error: then it is as it was."""
    seen = _number(connection, "PRAGMA user_version")
    missing = migrations()[seen:]
    if not missing:
        _check_writable(connection, seen)
        return
    script = [
        "BEGIN IMMEDIATE;",
        *missing,
        f"INSERT OR REPLACE INTO meta (name, value) VALUES ('migrated_by', '{stepwell.__version__}');",  # noqa: S608
        f"PRAGMA application_id = {APPLICATION_ID};",
        f"PRAGMA user_version = {seen + len(missing)};",
        "COMMIT;",
    ]
    try:
        connection.executescript("\n".join(script))
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check_writable(connection: sqlite3.Connection, version: int) -> None:
    """Raise sqlite3.Error now where the first commit would."""
    connection.execute("BEGIN IMMEDIATE")  # of a read-only file, this alone is content with reading
    try:
        connection.execute(f"PRAGMA user_version = {version}")
    finally:
        connection.execute("ROLLBACK")


@cache
def migrations() -> tuple[str, ...]:
    """The texts of all migrations, the first at index 0."""
    folder = files("stepwell.store.sqlite") / "migrations"
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    for number, file in enumerate(found, 1):
        if int(file.name[:4]) != number:
            raise StoreError(
                f"The migration {number:04} of the store is missing: Stepwell is not installed completely."
            )
    return tuple(file.read_text(encoding="utf-8") for file in found)


def _number(connection: sqlite3.Connection, query: str) -> int:
    (value,) = connection.execute(query).fetchone()
    return int(value)
