"""How far jobs are, as their handlers tell it.

Rules that must stay true here:
- A report costs no commit: the last one of each job is kept in memory, and written with those of others once a second.
- Nobody waits for it: neither the handler nor a turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from stepwell.store.jobs import Jobs as StoredJobs
from stepwell.store.jobs import ProgressRow
from stepwell.store.protocol import StoreError

logger = logging.getLogger("stepwell.jobs")

_PAUSE: Final = 1.0  # seconds between two writes
_KEPT: Final = 60_000  # milliseconds for which a report that is written stays in memory
_MESSAGE: Final = 200  # characters


class ProgressBoard:
    """`told` is called with the id of a job that has made progress."""

    def __init__(self, store: StoredJobs, now: Callable[[], int], told: Callable[[str], None]) -> None:
        self._store = store
        self._now = now
        self._told = told
        self._latest: dict[str, ProgressRow] = {}
        self._unwritten: set[str] = set()
        self._writing: asyncio.Task[None] | None = None

    def report(self, job_id: str, fraction: float, message: str | None) -> None:
        """A handler says how far it is; the last word counts."""
        row = ProgressRow(job_id, min(max(fraction, 0.0), 1.0), message and message[:_MESSAGE], self._now())
        self._latest[job_id] = row
        self._unwritten.add(job_id)
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write_later())
        self._told(job_id)

    def latest(self, job_id: str) -> ProgressRow | None:
        """The last report that is still in memory: at least each that is not written."""
        return self._latest.get(job_id)

    async def stop(self) -> None:
        """Write what is not written."""
        if self._writing is not None:
            self._writing.cancel()
            with suppress(asyncio.CancelledError):
                await self._writing
        await self._write()

    async def _write_later(self) -> None:
        try:
            while self._latest:
                await asyncio.sleep(_PAUSE)
                await self._write()
                end = self._now() - _KEPT
                old = [id_ for id_, row in self._latest.items() if row.at < end and id_ not in self._unwritten]
                for id_ in old:
                    del self._latest[id_]
        finally:
            self._writing = None

    async def _write(self) -> None:
        rows = [self._latest[id_] for id_ in self._unwritten]
        self._unwritten.clear()
        if not rows:
            return
        try:
            await self._store.report(rows)
        except StoreError as error:
            logger.warning("progress of %d jobs could not be written: %s", len(rows), error)
            self._unwritten.update(row.id for row in rows)
