"""Whether the files that are written to are still those that bear the database's name.

A file that is removed or replaced while it is open goes on taking writes, and all of them are lost with the process.
SQLite does not look; this does, after every commit and before its answer.

Rules that must stay true here:
- Descriptors are opened after SQLite's own, and closed after them: POSIX drops all of a process's locks on a file
  with the first descriptor that it closes.
- A file that was moved away and back is taken again; one that was cut or overwritten never is.
- A look costs a few microseconds: nothing is read but the heads of the files.
- While a checkpoint is under way the database's head and size need not agree. What looks wrong then is looked at again
  in between two (`still`).
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from mmap import PROT_READ, mmap
from pathlib import Path
from sys import byteorder
from threading import Lock
from typing import TypeAlias

from stepwell.store.protocol import StoreLost

_SUFFIXES = ("", "-wal", "-shm")
_HEAD = 32  # bytes of a head that are looked at
_MAGIC = b"SQLite format 3\x00"
_LOG_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
_SALT = slice(16, 24)  # of a log's head: drawn anew whenever the log begins anew
_INDEX = 136  # bytes at the beginning of the log's index, in the machine's own order (SQLite, "WAL-Index File Format")
_PAGES, _MOVED = slice(16, 20), slice(96, 100)

_Identity: TypeAlias = tuple[int, int]


class Anchor:
    """Made when the database is open with its log; to be used on one thread."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._path = path
        self._files = [path.with_name(path.name + suffix) for suffix in _SUFFIXES]
        self._known = [_identity(file.stat()) for file in self._files]
        with ExitStack() as on_failure:
            self._descriptors: list[int] = []
            for file in self._files:
                self._descriptors.append(os.open(file, os.O_RDONLY | os.O_CLOEXEC))
                on_failure.callback(os.close, self._descriptors[-1])
            self._index = mmap(self._descriptors[-1], _INDEX, prot=PROT_READ)
            on_failure.pop_all()
        self._database, self._log, _ = self._descriptors
        self.still = Lock()
        """Held by who moves the log into the database."""
        self._size = self._log_size = 0
        self._salt = b""
        self._damage: str | None = None
        self._away = False

    @property
    def lost(self) -> bool:
        """Whether the last look found anything wrong."""
        return self._away or self._damage is not None

    @property
    def damaged(self) -> bool:
        """Whether a file was cut or overwritten."""
        return self._damage is not None

    @property
    def log_pages(self) -> tuple[int, int]:
        """How many pages stand in the log now, and how many of them have been moved into the database."""
        return int.from_bytes(self._index[_PAGES], byteorder), int.from_bytes(self._index[_MOVED], byteorder)

    def check(self) -> None:
        """Raises StoreLost where a file is not in its place, or not as it was left."""
        self._away = True
        for file, descriptor, known in zip(self._files, self._descriptors, self._known, strict=True):
            try:
                found = file.stat()
            except OSError:
                raise self._gone(f"{file} was removed") from None
            if _identity(found) != known and not _looks_like(found, os.fstat(descriptor)):
                raise self._gone(f"{file} was replaced by another file")
        self._away = False
        if self._damage is None:
            self._damage = self._database_damage() or self._log_damage()
        if self._damage is not None:
            raise StoreLost(
                f"{self._damage} while this server has it open, so nothing more is stored. Stop the server, keep a copy"
                f" of all files named {self._path.name}*, put a sound database in place (stepwell restore), and start"
                " it again."
            )

    def close(self) -> None:
        self._index.close()
        for descriptor in self._descriptors:
            os.close(descriptor)

    def _database_damage(self) -> str | None:
        head, size = os.pread(self._database, _HEAD, 0), os.fstat(self._database).st_size
        if head[:16] != _MAGIC:
            return f"{self._files[0]} was cut or overwritten"
        if size < self._size:  # as a checkpoint may do it, which leaves a head that agrees
            with self.still:
                head, size = os.pread(self._database, _HEAD, 0), os.fstat(self._database).st_size
            page = int.from_bytes(head[16:18], "big")
            if size < int.from_bytes(head[28:32], "big") * (65536 if page == 1 else page):
                return f"{self._files[0]} was cut"
        self._size = size
        return None

    def _log_damage(self) -> str | None:
        head, size = os.pread(self._log, _HEAD, 0), os.fstat(self._log).st_size
        if size and head[:4] not in _LOG_MAGIC:
            return f"{self._files[1]} was cut or overwritten"
        if 0 < size < self._log_size and head[_SALT] == self._salt:
            return f"{self._files[1]} was cut"
        self._log_size, self._salt = size, head[_SALT]
        return None

    def _gone(self, what: str) -> StoreLost:
        return StoreLost(
            f"{what} while this server has it open, so nothing more is stored. What was stored before is in the file as"
            f" long as the server runs: put all files named {self._path.name}* back in their place and it goes on; or"
            " stop the server, restore a backup and start it again."
        )


def _identity(found: os.stat_result) -> _Identity:
    return found.st_dev, found.st_ino


def _looks_like(found: os.stat_result, held: os.stat_result) -> bool:
    """Whether these are one file after all: on some file systems (folders of a host, in a virtual machine) a file's
    number changes by itself."""
    return (found.st_size, found.st_mtime_ns) == (held.st_size, held.st_mtime_ns)
