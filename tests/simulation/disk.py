"""A simulated disk under the real store: slow, failing, and torn where the power goes.

Rules that must stay true here:
- The store is the product's, on SQLite, with all of its SQL; only who serves its queues, and when, is simulated.
- What a power cut leaves is what a disk may leave: of a write that was not synced any of the sectors, in any order.
  The log is synced before the database is written (`synchronous = FULL`), so one of the two is whole: the log where a
  checkpoint is met, which is a write of its own.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final, Protocol, TypeVar

from msgspec.structs import replace

from stepwell.store.protocol import StoreError
from stepwell.store.sqlite.connection import connect_reader, set_up_writer
from stepwell.store.sqlite.files import Files, open_files
from stepwell.store.sqlite.lane import AnyJob, Job, Serve
from stepwell.store.sqlite.store import SqliteStore
from tests.simulation.loop import SimulatedLoop

T = TypeVar("T")

_SECTOR: Final = 512
_FAULTS: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY)


class Crash(Exception):
    """The process is killed, now."""


class Faults(Protocol):
    """What goes wrong, as chance has it."""

    def delay(self) -> float:
        """Seconds that the disk takes for a batch."""
        ...

    def write(self) -> str:
        """What becomes of a write: `done`, `refused`, or the process dies: `before` it, `torn` in it, `after` it."""
        ...


class _Writer(sqlite3.Connection):
    """A connection that fails at the statement which `fails_in` counts down to."""

    fails_in: int | None = None
    code: int = sqlite3.SQLITE_FULL

    def _step(self, sql: str) -> None:
        if self.fails_in is None or sql == "ROLLBACK":
            return
        self.fails_in -= 1
        if self.fails_in <= 0:
            self.fails_in = None
            error = sqlite3.OperationalError("the simulated disk has failed")
            error.sqlite_errorcode = self.code
            raise error

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:  # type: ignore[override]
        self._step(sql)
        return super().execute(sql, *arguments)

    def executemany(self, sql: str, *arguments: Any) -> sqlite3.Cursor:  # type: ignore[override]
        self._step(sql)
        return super().executemany(sql, *arguments)


@dataclass
class Life:
    """The files that a process has open, and its store."""

    files: Files
    writer: _Writer
    loop: SimulatedLoop
    store: SqliteStore
    closed: bool = False


class Disk:
    """`committed` is told the keys of the executions that a write has changed, at once. The `folder` holds the database
    to begin with, `template.db`."""

    def __init__(self, folder: Path, chance: Random, faults: Faults, committed: Callable[[set[int]], None]) -> None:
        self._folder = folder
        self._chance = chance
        self._faults = faults
        self._committed = committed
        self._generation = 0
        self._ends: dict[Path, bytes] | None = None  # what a power cut leaves, where it is not what there is
        self.log_kept = chance.choice((8, 40, 4000))  # pages
        self.life: Life | None = None
        self._audited: SqliteStore | None = None
        (folder / "template.db").rename(self.path)

    @property
    def path(self) -> Path:
        return self._folder / f"{self._generation}.db"

    # -- the lives of a process

    def open(self, loop: SimulatedLoop) -> SqliteStore:
        """Open what there is, as a server that starts does."""
        files = open_files(self.path)
        files.writer.close()
        writer = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, cached_statements=256, factory=_Writer
        )
        set_up_writer(writer, self.path)
        files = replace(files, writer=writer)
        store = SqliteStore(files, self._close_in_order, partial(_Lane, self, loop), self.log_kept)
        self.life = Life(files, writer, loop, store)
        return store

    def _close_in_order(self) -> None:
        assert self.life is not None
        self.life.closed = True

    def audit(self) -> SqliteStore:
        """Another store on the same files, which answers at once. For reading; it goes with the life."""
        assert self.life is not None
        files = replace(self.life.files, reader=connect_reader(self.path), lister=connect_reader(self.path))
        self._audited = SqliteStore(files, lambda: None, _AtOnce)
        return self._audited

    def connection(self) -> sqlite3.Connection:
        """The database as it is, to read."""
        assert self._audited is not None
        return self._audited._files.reader

    def crash(self, audit: SqliteStore) -> None:
        """Leave what a killed process, or a power cut, leaves to the next."""
        assert self.life is not None
        left = self._ends if self._ends is not None else self._contents()
        self._ends = None
        self._generation += 1
        for old, content in left.items():
            name = old.name.split(".", 1)[1]
            (self._folder / f"{self._generation}.{name}").write_bytes(content)
        self._close(audit)

    def closed(self, audit: SqliteStore) -> None:
        """The store was closed in order."""
        self._close(audit)

    @staticmethod
    def _close_audit(audit: SqliteStore) -> None:
        audit._files.reader.close()
        audit._files.lister.close()

    def _close(self, audit: SqliteStore) -> None:
        assert self.life is not None
        files, life = self.life.files, self.life
        self.life = None
        self._close_audit(audit)
        if life.closed:
            return
        for connection in (files.reader, files.lister, files.checkpointer):
            connection.close()
        with suppress(sqlite3.ProgrammingError):  # it was just being closed
            life.writer.rollback()
        life.writer.close()
        with suppress(OSError):
            files.lock.release()

    def abandon(self, audit: SqliteStore) -> None:
        """The world ends."""
        self._close(audit)

    def _contents(self) -> dict[Path, bytes]:
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return {path: path.read_bytes() for path in files if path.exists()}

    # -- one batch

    def delay(self) -> float:
        return self._faults.delay()

    def serve(self, name: str, batch: Sequence[AnyJob], serve: Serve) -> None:
        """Serve a batch as the disk is today. Raises Crash."""
        if not name.endswith(("writer", "checkpoints")):
            serve(batch)
            return
        fate = self._faults.write()
        assert self.life is not None
        if fate == "before":
            raise Crash
        before = self._contents() if fate == "torn" else {}
        if fate == "refused":
            self.life.writer.fails_in = self._chance.choice((1, 2, 3, 5, 8))
            self.life.writer.code = self._chance.choice(_FAULTS)
        serve(batch)
        self.life.writer.fails_in = None
        if fate == "torn":
            self._ends = self._torn(before, self._contents())
            raise Crash
        self._committed({turn.key for job in batch if job.error is None for turn in getattr(job, "turns", ())})
        if fate == "after":
            raise Crash

    def _torn(self, before: dict[Path, bytes], after: dict[Path, bytes]) -> dict[Path, bytes]:
        """What is left of a write that the power cut has met: in the log, or in the database where the log is whole."""
        wal = next((path for path in after if path.name.endswith("-wal")), None)
        whole = wal is None or before.get(wal) == after[wal] or self._chance.random() < 0.2
        left = dict(before)
        for path in after:
            if whole and path != wal:
                left[path] = self._mixed(before.get(path, b""), after[path])
            elif whole:
                left[path] = after[path]
            elif path == wal:
                left[path] = self._mixed(before.get(path, b""), after[path])
        return left

    def _mixed(self, before: bytes, after: bytes) -> bytes:
        """Sectors of both: the first so many written, or any of them."""
        count = -(-max(len(before), len(after)) // _SECTOR)
        reached = self._chance.randrange(count + 1)
        ordered = self._chance.random() < 0.5
        parts = []
        for index in range(count):
            part = slice(index * _SECTOR, (index + 1) * _SECTOR)
            written = index < reached if ordered else self._chance.random() < 0.5
            old = before[part]
            parts.append(after[part] if written else old.ljust(len(after[part]), b"\0") if old else b"")
        while parts and not parts[-1]:
            parts.pop()
        return b"".join(part or b"\0" * _SECTOR for part in parts)


class _Lane:
    """A queue whose batches are served when chance says so. See `lane.Queue`."""

    def __init__(self, disk: Disk, loop: SimulatedLoop, name: str, serve: Serve, most: int | None) -> None:
        self._disk = disk
        self._loop = loop
        self._name = name
        self._serve = serve
        self._most = most
        self._waiting: deque[AnyJob] = deque()
        self._served: deque[Sequence[AnyJob]] = deque()
        self._busy = False
        self._closed = False
        self._ended = asyncio.Event()

    async def do(self, job: Job[T]) -> T:
        if self._closed:
            raise StoreError("The store is closed.")
        self._waiting.append(job)
        self._begin()
        return await job.outcome()

    async def close(self) -> None:
        self._closed = True
        self._begin()
        await self._ended.wait()

    def _begin(self) -> None:
        if self._busy:
            return
        if self._waiting:
            self._busy = True
            self._loop._agenda.after(self._disk.delay(), self._serve_batch, self._loop)
        elif self._closed:
            self._loop.call_soon(self._ended.set)

    def _serve_batch(self) -> None:
        most = len(self._waiting) if self._most is None else min(self._most, len(self._waiting))
        batch = [self._waiting.popleft() for _ in range(most)]
        self._disk.serve(self._name, batch, self._serve)
        self._served.append(batch)
        self._loop._agenda.after(0, self._answer, self._loop)
        self._busy = False
        self._begin()

    def _answer(self) -> None:
        batch = self._served.popleft()

        def answer() -> None:
            for job in batch:
                job.answer()

        self._loop.call_soon(answer)


class _AtOnce:
    """A queue that waits for nothing: its coroutines end without having waited."""

    def __init__(self, name: str, serve: Serve, most: int | None) -> None:
        self._serve = serve

    async def do(self, job: Job[T]) -> T:
        self._serve([job])
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]  # set, as there is no error

    async def close(self) -> None:
        """Nothing waits."""
