"""How long the past is kept: what has ended long ago goes, with its history.

Rules that must stay true here:
- Nothing goes before its time, and nothing that is running ever.
- The frames of an execution that ended without success go when it can be redriven no more (AWS: 14 days), everything
  else at the end of the retention period.
- Other work comes first: small pieces, with a pause after each.
- The room that is left goes back to the disk, in the same small pieces.
"""

from __future__ import annotations

import asyncio
import logging

from stepwell.engine.clock import Clock
from stepwell.engine.redrive import PERIOD
from stepwell.store.protocol import Store, StoreError

logger = logging.getLogger("stepwell.engine")

_DAY = 24 * 60 * 60 * 1000  # milliseconds
_FIRST = 60.0  # seconds after the start: a server that was down for long has other things to do first
_EVERY = 3600.0  # seconds
_PAGE = 1_000  # executions
_PIECE = 500  # rows of a commit
_PAGES = 256  # of the file that are handed back in a commit: one MiB
_PAUSE = 0.01  # seconds between two commits


class Retention:
    """`days` after its end an execution goes; 0 keeps all of them for ever."""

    def __init__(self, store: Store, clock: Clock, days: int) -> None:
        self._store = store
        self._clock = clock
        self._days = days
        self._swept = 0  # what ended before has no frames any more
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """What is left stays for the next sweep."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def sweep(self) -> int:
        """Let go of what is due; how many executions went. Raises StoreError: the rest goes with a later sweep."""
        now = self._clock.now()
        await self._forget_frames(now - PERIOD)
        gone = await self._delete(now - self._days * _DAY) if self._days else 0
        while await self._store.retention.give_back(_PAGES):  # noqa: ASYNC110  # others come first
            await asyncio.sleep(_PAUSE)
        return gone

    async def _run(self) -> None:
        await asyncio.sleep(_FIRST)
        while True:
            try:
                if gone := await self.sweep():
                    logger.info("%s executions that ended more than %s days ago are gone", gone, self._days)
            except StoreError as error:
                logger.warning("what is past its time could not be removed, trying again in an hour: %s", error)
            await asyncio.sleep(_EVERY)

    async def _forget_frames(self, before: int) -> None:
        position = None
        while True:
            roots, position = await self._store.retention.resumable(self._swept, before, position, _PAGE)
            for root in roots:
                await self._store.retention.forget_frames(root, _PIECE)
                await asyncio.sleep(_PAUSE)
            if position is None:
                break
            await asyncio.sleep(_PAUSE)
        self._swept = before

    async def _delete(self, before: int) -> int:
        gone = 0
        while roots := await self._store.retention.ended(before, _PAGE):
            while roots:
                done = await self._store.retention.delete(roots, _PIECE)
                gone, roots = gone + done, roots[done:]
                await asyncio.sleep(_PAUSE)
        return gone
