"""Reads: on connections of their own, so that they never wait for a commit.

Rules that must stay true here:
- A batch of reads sees one snapshot, taken after all of them were asked for: what was answered before is in it.
- Reads that may take long have their own thread and never hold up those by key.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from stepwell.store.sqlite.faults import translate
from stepwell.store.sqlite.lane import AnyJob, Job, Lane, MakeQueue

T = TypeVar("T")


class Reader:
    """A connection that reads, and the thread that it is used on."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, name: str, most: int, queue: MakeQueue = Lane
    ) -> None:
        self._connection = connection
        self._path = path
        self._lane = queue(name, self._serve, most)

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Carry a query out. Raises StoreError."""
        return await self._lane.do(Job(query))

    async def close(self) -> None:
        """Answer what waits, then end the thread and close the connection."""
        await self._lane.close()
        self._connection.close()

    def _serve(self, batch: Sequence[AnyJob]) -> None:
        try:
            self._connection.execute("BEGIN")
            for job in batch:
                self._answer(job)
        except sqlite3.Error as error:
            for job in batch:
                job.error = translate(error, self._path)
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _answer(self, job: AnyJob) -> None:
        try:
            job.result = job.work(self._connection)
        except Exception as error:
            job.error = translate(error, self._path)
            job.error.__cause__ = error
