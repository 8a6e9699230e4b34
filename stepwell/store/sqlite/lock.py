"""One server a database: a lock that the system holds for us and drops when the process dies.

Rules that must stay true here:
- The lock is on a file of its own. A second descriptor on the database itself must never be opened and closed while
  SQLite has it open: POSIX drops all of a process's locks on a file with the first descriptor that it closes.
- The lock file is removed only by who holds its lock, so that nobody can hold a lock on a file that is gone.
- It says whether a log lies beside the database: a log that is missing then was removed, and commits with it. What says
  so stays until somebody has put things right.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from stepwell.store.protocol import StoreBusy, StoreError, StoreFull

_LOGGED = b"with a log"


class FileLock:
    """An exclusive lock on `path`, held from `acquire` to `release` or to the death of the process."""

    def __init__(self, path: Path, descriptor: int, logged: bool) -> None:
        self._path = path
        self._descriptor = descriptor
        self.logged = logged
        """Whether a log lies beside the database: of an earlier server, until `begin` or `end` is called."""

    @classmethod
    def acquire(cls, database: Path) -> FileLock:
        """Lock the database. Raises StoreBusy at once where it is locked, StoreError where no lock file can be made."""
        path = database.with_name(database.name + ".lock")
        while True:
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            except OSError as error:
                raise StoreFull(
                    f"{path} cannot be made ({error.strerror}). The folder of the database must be writable for this "
                    "user; make it so, or name another path."
                ) from error
            try:
                if _lock(descriptor, path, database):
                    found = cls(path, descriptor, _LOGGED in os.pread(descriptor, 100, 0))
                    found._write()
                    return found
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def begin(self) -> None:
        """From now on the database has a log beside it."""
        self.logged = True
        self._write()

    def end(self) -> None:
        """From now on it may be without."""
        self.logged = False
        self._write()

    def release(self) -> None:
        """Let go, and remove the lock file."""
        if not self.logged and _is_at(self._descriptor, self._path):
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def _write(self) -> None:
        with suppress(OSError):  # on a full disk, say: the lock holds without what it says
            text = b"%d\n%s" % (os.getpid(), _LOGGED + b"\n" if self.logged else b"")
            os.pwrite(self._descriptor, text, 0)
            os.ftruncate(self._descriptor, len(text))


def _lock(descriptor: int, path: Path, database: Path) -> bool:
    """Lock the open file. False where its last holder has removed it meanwhile: then the next attempt makes it anew."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).partition(b"\n")[0].decode("ascii", "replace")
        raise StoreBusy(
            f"{database} is open in another server{f' (process {holder})' if holder else ''}. "
            "Stop that server, or name another path."
        ) from None
    except OSError as error:
        raise StoreError(f"{path} cannot be locked ({error.strerror}). Keep the database on a local disk.") from error
    return _is_at(descriptor, path)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
