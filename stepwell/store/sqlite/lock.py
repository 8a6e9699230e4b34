"""One server a database: a lock that the system holds for us and drops when the process dies.

Rules that must stay true here:
- The lock is on a file of its own. A second descriptor on the database itself must never be opened and closed while
  SQLite has it open: POSIX drops all of a process's locks on a file with the first descriptor that it closes.
- The lock file is removed only by who holds its lock, so that nobody can hold a lock on a file that is gone.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from stepwell.store.protocol import StoreBusy, StoreError, StoreFull


class FileLock:
    """An exclusive lock on `path`, held from `acquire` to `release` or to the death of the process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, database: Path) -> FileLock:
        """Lock the database. Raises StoreBusy at once where it is locked, StoreError where no lock file can be made."""
        path = database.with_name(database.name + ".lock")
        while True:
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            except OSError as error:
                raise StoreFull(
                    f"{path} cannot be made ({error.strerror}). The folder of the database must be writable for this "
                    "user; make it so, or name another path."
                ) from error
            try:
                if _lock(descriptor, path, database):
                    return cls(path, descriptor)
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def release(self) -> None:
        """Let go, and remove the lock file."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def _lock(descriptor: int, path: Path, database: Path) -> bool:
    """Lock the open file. False where its last holder has removed it meanwhile: then the next attempt makes it anew."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        raise StoreBusy(
            f"{database} is open in another server{f' (process {holder})' if holder else ''}. "
            "Stop that server, or name another path."
        ) from None
    except OSError as error:
        raise StoreError(f"{path} cannot be locked ({error.strerror}). Keep the database on a local disk.") from error
    try:
        if not os.path.samestat(os.fstat(descriptor), path.stat()):
            return False
    except FileNotFoundError:
        return False
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
    except OSError:
        pass  # the process id is for the reader of a message; the lock holds without it
    return True
