"""A thread with a queue in front: how work leaves the event loop and its results come back.

Rules that must stay true here:
- Whatever waits when the last batch has ended makes the next batch, up to `most` jobs: that is all there is to group
  commit.
- A batch is answered by one call into the loop. Every job is answered, once.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from stepwell.store.protocol import StoreError

T = TypeVar("T")


class Job(Generic[T]):
    """A piece of work on a connection, and the one who waits for it. A lane sets `result` or `error`."""

    __slots__ = ("_future", "error", "result", "work")

    def __init__(self, work: Callable[[sqlite3.Connection], T]) -> None:
        self.work = work
        self.result: T | None = None
        self.error: Exception | None = None
        self._future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    async def outcome(self) -> T:
        """The result, once the lane has answered; raises the error instead where there is one."""
        return await self._future

    def answer(self) -> None:
        """Wake the one who waits. Called on the loop; a caller that was cancelled meanwhile is passed over."""
        if self._future.done():
            return
        if self.error is not None:
            self._future.set_exception(self.error)
        else:
            self._future.set_result(self.result)  # type: ignore[arg-type]  # set, as there is no error


AnyJob = Job[Any]

Serve: TypeAlias = Callable[[Sequence[AnyJob]], None]
"""Carries out a batch: sets `result` or `error` of every job."""


class Queue(Protocol):
    """Takes jobs in order, and answers each once."""

    async def do(self, job: Job[T]) -> T:
        """Queue a job and wait for its outcome. Raises StoreError where the queue is closed."""
        ...

    async def close(self) -> None:
        """Serve what is queued, and nothing more."""
        ...


MakeQueue: TypeAlias = Callable[[str, Serve, int | None], Queue]
"""Makes the queue of a name that serves batches of so many jobs at most."""


class Lane:
    """One thread, which `serve`s batches of jobs until the lane is closed."""

    def __init__(self, name: str, serve: Serve, most: int | None = None) -> None:
        self._serve = serve
        self._most = most
        self._closed = False
        self._queue: SimpleQueue[AnyJob | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def do(self, job: Job[T]) -> T:
        """Queue a job and wait for its outcome."""
        if self._closed:
            raise StoreError("The store is closed.")
        self._queue.put(job)
        return await job.outcome()

    async def close(self) -> None:
        """Serve what is queued, then end the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await self._ended.wait()
        self._thread.join()

    def _run(self) -> None:
        open_ = True
        while open_:
            batch: list[AnyJob] = []
            job = self._queue.get()
            while job is not None:
                batch.append(job)
                if len(batch) == self._most or self._queue.empty():
                    break
                job = self._queue.get()
            open_ = job is not None
            if batch:
                self._serve_safely(batch)
                self._tell(partial(_answer, batch))
        self._tell(self._ended.set)

    def _tell(self, callback: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback)

    def _serve_safely(self, batch: Sequence[AnyJob]) -> None:
        try:
            self._serve(batch)
        except Exception as error:  # a defect of this package; nobody may be left waiting for it
            for job in batch:
                job.error = error


def _answer(batch: Sequence[AnyJob]) -> None:
    for job in batch:
        job.answer()
