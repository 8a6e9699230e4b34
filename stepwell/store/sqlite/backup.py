"""Copies of a database: one taken while a server is at work on it, and one put in its place.

Rules that must stay true here:
- A copy is one moment of the database, checked and on the disk before it gets its name; what bore that name is replaced
  as a whole or not at all.
- The database is put in place only while no server has it open, and what was there before is kept.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from stepwell.disk import sync
from stepwell.store.protocol import StoreError
from stepwell.store.sqlite.connection import connect, make_private
from stepwell.store.sqlite.faults import corrupt, translate
from stepwell.store.sqlite.lock import FileLock
from stepwell.store.sqlite.schema import check_header, check_identity


def back_up(database: Path, copy: Path) -> int:
    """Copy a database, also one that is in use; the copy's size in bytes.

    Raises StoreError: then `copy` is as it was.
    """
    must_exist(database)
    if copy.is_dir():
        raise StoreError(f"{copy} is a folder. Name a file in it, such as {copy / database.name}.")
    if copy.exists() and copy.samefile(database):
        raise StoreError(f"{copy} is the database itself. Name another file for the copy.")
    made = copy.with_name(f"{copy.name}.part")
    try:
        made.unlink(missing_ok=True)
        check_header(database)
        with closing(connect(database)) as connection:
            check_identity(connection, database)
            make_private(made)
            connection.execute("VACUUM INTO ?", (str(made),))
        check(made)
        settle(made, copy)
    except (sqlite3.Error, OSError) as error:
        raise translate(error, database if made.exists() else copy) from error
    finally:
        made.unlink(missing_ok=True)
    return copy.stat().st_size


def restore(copy: Path, database: Path) -> Path | None:
    """Put a copy in the place of a database that no server has open; where what was there before is kept now.

    Raises StoreBusy where a server has it open, StoreError; the database is then as it was.
    """
    must_exist(copy)
    lock = FileLock.acquire(database)
    made = database.with_name(f"{database.name}.part")
    try:
        check(copy)
        make_private(made)
        shutil.copyfile(copy, made)
        kept = _set_aside(database)
        settle(made, database)
        lock.end()
    except (sqlite3.Error, OSError) as error:
        raise translate(error, database) from error
    finally:
        made.unlink(missing_ok=True)
        lock.release()
    return kept


def check(database: Path) -> None:
    """Raise StoreError where a file is not a sound database of Stepwell's."""
    check_header(database)
    with closing(connect(database)) as connection:
        check_identity(connection, database)
        (finding,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if finding != "ok":
        raise corrupt(database, finding)


def must_exist(path: Path) -> None:
    if not path.is_file():
        raise StoreError(f"{path} does not exist. Name the file of a database.")


def _set_aside(database: Path) -> Path | None:
    """Rename a database together with its log, which a crash may have left and which belongs to it."""
    if not database.exists():
        return None
    kept = database.with_name(f"{database.name}.before-{time.strftime('%Y%m%dT%H%M%S')}")
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            database.with_name(database.name + suffix).rename(kept.with_name(kept.name + suffix))
    return kept


def settle(made: Path, name: Path) -> None:
    """Give a file its name once all of it has reached the disk."""
    for path in (made, made.parent):
        sync(path)
    made.replace(name)
    sync(name.parent)
