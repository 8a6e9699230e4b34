"""Opening and closing: the database file, the lock on it, and the connections.

Rules that must stay true here:
- The lock comes first and goes last; whatever fails in between lets go of all that was taken, and harms nothing.
- A new file that could not be made completely is not left behind.
- No empty database is made in the place of one that was removed and has left its log.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import ExitStack, suppress
from pathlib import Path

from msgspec import Struct

from stepwell.disk import sync
from stepwell.store.protocol import StoreError
from stepwell.store.sqlite.anchor import Anchor
from stepwell.store.sqlite.connection import connect, connect_checkpointer, connect_reader, set_up_writer
from stepwell.store.sqlite.faults import corrupt, translate
from stepwell.store.sqlite.lock import FileLock
from stepwell.store.sqlite.schema import check_header, check_identity, check_soundness, migrate

logger = logging.getLogger("stepwell.store")


class Files(Struct, frozen=True, kw_only=True):
    """An open database: a connection that writes, one that reads by key, one that lists, and one that moves the log
    into the database."""

    path: Path
    lock: FileLock
    anchor: Anchor
    writer: sqlite3.Connection
    reader: sqlite3.Connection
    lister: sqlite3.Connection
    checkpointer: sqlite3.Connection

    def close(self) -> None:
        """Move the log into the database, and let go of everything."""
        self.reader.close()
        self.lister.close()
        self.checkpointer.close()
        with suppress(sqlite3.Error):  # a full disk, say: the log stays next to the file, and nothing is lost
            self.writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if not self.anchor.damaged:
            self.lock.end()
        self.writer.close()
        self.anchor.close()
        self.lock.release()


def open_files(path: Path, temporary: bool = False) -> Files:
    """Open the database at `path`, making it (and its folder, where only that is missing) if need be. Of what is
    `temporary` nothing need reach the disk."""
    _make_folder(path)
    with ExitStack() as on_failure:
        lock = FileLock.acquire(path)
        on_failure.callback(lock.release)
        try:
            _check_together(path, lock)
            _beside(path, ".part").unlink(missing_ok=True)  # what a `compact` or `restore` that was killed has left
            if not path.exists():
                on_failure.callback(_remove, path)
            check_header(path)
            in_order = not _beside(path, "-wal").exists()
            writer = connect(path)
            on_failure.callback(writer.close)
            check_identity(writer, path)
            check_soundness(writer, path, in_order)
            set_up_writer(writer, path, durable=not temporary)
            migrate(writer)
            reader = connect_reader(path)
            on_failure.callback(reader.close)
            lister = connect_reader(path)
            on_failure.callback(lister.close)
            checkpointer = connect_checkpointer(path, durable=not temporary)
            on_failure.callback(checkpointer.close)
            anchor = Anchor(path)
            on_failure.callback(anchor.close)
            if not temporary:
                sync(path.parent)
            lock.begin()
        except (sqlite3.Error, OSError) as error:
            raise translate(error, path) from error
        on_failure.pop_all()
    return Files(
        path=path, lock=lock, anchor=anchor, writer=writer, reader=reader, lister=lister, checkpointer=checkpointer
    )


def _make_folder(path: Path) -> None:
    if path.is_dir():
        raise StoreError(f"{path} is a folder. Name a file in it, such as {path / 'stepwell.db'}.")
    try:
        if not path.parent.is_dir():
            path.parent.mkdir()
            sync(path.parent.parent)
    except FileNotFoundError:
        raise StoreError(
            f"{path} cannot be made: the folder {path.parent.parent} does not exist. Make it, or name another path."
        ) from None
    except OSError as error:
        raise StoreError(
            f"{path} cannot be made: the folder {path.parent} is missing and cannot be made ({error.strerror}). "
            "Make it, or name another path."
        ) from error


def _check_together(path: Path, lock: FileLock) -> None:
    """Raise StoreCorrupt where a database was taken away after a crash: SQLite would begin anew without a word."""
    log = _beside(path, "-wal")
    has_data, has_log = _size(path) > 0, _size(log) > 0
    if has_log and not has_data:
        raise corrupt(path, f"it is {'empty' if path.exists() else 'missing'}, but its log {log.name} is here")
    if lock.logged and not has_data:
        missing = (
            f"the last server was not stopped in order, and it is missing (to begin anew, remove {path.name}.lock)"
        )
        raise corrupt(path, missing)
    if lock.logged and not log.exists():
        logger.warning(
            "the last server was not stopped in order, and its log %s is not here: if no other program has opened the"
            " database since, which moves the log into it, the log was removed and the newest commits with it",
            log,
        )


def _size(path: Path) -> int:
    """0 where there is no such file."""
    return path.stat().st_size if path.exists() else 0


def _remove(path: Path) -> None:
    for leftover in (path, _beside(path, "-wal"), _beside(path, "-shm")):
        with suppress(OSError):
            leftover.unlink(missing_ok=True)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
