"""Opening and closing: the database file, the lock on it, and the three connections.

Rules that must stay true here:
- The lock comes first and goes last; whatever fails in between lets go of all that was taken, and harms nothing.
- A new file that could not be made completely is not left behind.
"""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from stepwell.store.protocol import StoreError
from stepwell.store.sqlite.connection import connect, connect_reader, set_up_writer
from stepwell.store.sqlite.faults import translate
from stepwell.store.sqlite.lock import FileLock
from stepwell.store.sqlite.schema import check_header, check_identity, check_soundness, migrate


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """An open database: a connection that writes, one that reads by key, and one that lists."""

    path: Path
    lock: FileLock
    writer: sqlite3.Connection
    reader: sqlite3.Connection
    lister: sqlite3.Connection

    def close(self) -> None:
        """Move the log into the database, and let go of everything."""
        self.reader.close()
        self.lister.close()
        with suppress(sqlite3.Error):  # a full disk, say: the log stays next to the file, and nothing is lost
            self.writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.writer.close()
        self.lock.release()


def open_files(path: Path) -> Files:
    """Open the database at `path`, making it (and its folder, where only that is missing) if need be."""
    _make_folder(path)
    with ExitStack() as on_failure:
        lock = FileLock.acquire(path)
        on_failure.callback(lock.release)
        try:
            if not path.exists():
                on_failure.callback(_remove, path)
            check_header(path)
            in_order = not _beside(path, "-wal").exists()
            writer = connect(path)
            on_failure.callback(writer.close)
            check_identity(writer, path)
            check_soundness(writer, path, in_order)
            set_up_writer(writer, path)
            migrate(writer)
            reader = connect_reader(path)
            on_failure.callback(reader.close)
            lister = connect_reader(path)
        except (sqlite3.Error, OSError) as error:
            raise translate(error, path) from error
        on_failure.pop_all()
    return Files(path=path, lock=lock, writer=writer, reader=reader, lister=lister)


def _make_folder(path: Path) -> None:
    if path.is_dir():
        raise StoreError(f"{path} is a folder. Name a file in it, such as {path / 'stepwell.db'}.")
    try:
        path.parent.mkdir(exist_ok=True)
    except FileNotFoundError:
        raise StoreError(
            f"{path} cannot be made: the folder {path.parent.parent} does not exist. Make it, or name another path."
        ) from None
    except OSError as error:
        raise StoreError(
            f"{path} cannot be made: the folder {path.parent} is missing and cannot be made ({error.strerror}). "
            "Make it, or name another path."
        ) from error


def _remove(path: Path) -> None:
    for leftover in (path, _beside(path, "-wal"), _beside(path, "-shm")):
        with suppress(OSError):
            leftover.unlink(missing_ok=True)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
