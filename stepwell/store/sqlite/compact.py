"""A database written anew, without the room that rows have left: for files that cannot give it back by themselves.

Rules that must stay true here:
- No server has the database open meanwhile; it is replaced as a whole or not at all.
- Who may read it stays as it was.
- What is made gives room back from then on, while a server is at work on it.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from stepwell.store.protocol import StoreError
from stepwell.store.sqlite.backup import check, must_exist, settle
from stepwell.store.sqlite.connection import GIVES_BACK, connect, make_private
from stepwell.store.sqlite.faults import translate
from stepwell.store.sqlite.lock import FileLock
from stepwell.store.sqlite.schema import check_header, check_identity


def compact(database: Path) -> tuple[int, int]:
    """Write a database anew, and put that in its place; the bytes that it took and takes.

    Raises StoreBusy where a server has it open, StoreFull where the disk cannot hold both, StoreError; the database is
    then as it was.
    """
    must_exist(database)
    lock = FileLock.acquire(database)
    made = database.with_name(f"{database.name}.part")
    try:
        check_header(database)
        before = database.stat().st_size
        made.unlink(missing_ok=True)
        with closing(connect(database)) as connection:
            check_identity(connection, database)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            connection.execute(GIVES_BACK)
            _make_like(made, database)
            connection.execute("VACUUM INTO ?", (str(made),))
        if database.with_name(f"{database.name}-wal").exists():  # the log would be taken for that of the new file
            raise StoreError(f"{database} is open in another program. Close that program and try again.")
        check(made)
        settle(made, database)
    except (sqlite3.Error, OSError) as error:
        raise translate(error, database) from error
    finally:
        made.unlink(missing_ok=True)
        lock.release()
    return before, database.stat().st_size


def _make_like(made: Path, database: Path) -> None:
    """Make an empty file that has the owner and the rights of another. Raises OSError."""
    make_private(made)
    about = database.stat()
    if (about.st_uid, about.st_gid) != (os.getuid(), os.getgid()):
        os.chown(made, about.st_uid, about.st_gid)
    made.chmod(stat.S_IMODE(about.st_mode))
