"""How long the past is kept: what has ended long ago goes, with its history.

Rules that must stay true here:
- Nothing goes before its time, and nothing that is running ever.
- The frames of an execution that ended without success go when it can be redriven no more (AWS: 14 days), everything
  else at the end of the retention period.
- Other work comes first: pieces so small that each takes but a moment, whatever the size of the rows and the speed of
  the disk, and a pause as long after each.
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
_PIECE = 500  # rows of a commit, at most
_PAGES = 256  # of the file that are handed back in a commit, at most: one MiB
_LEAST = 100  # of either: of less, the way to the disk would be most of a commit
_MOMENT = 0.05  # seconds that a commit may take; one that takes longer is followed by a smaller one
_PAUSE = 0.01  # seconds between two commits, at least
_REST = 1  # times as long as a commit has taken is the pause after it, at least


class _Pieces:
    """How much of something a commit takes, by how long the last one has taken: `size` is at most `most`."""

    def __init__(self, most: int) -> None:
        self.size = most
        self._most = most
        self._began = 0.0

    def begin(self) -> int:
        """The size of the piece that is begun now."""
        self._began = asyncio.get_running_loop().time()
        return self.size

    async def rest(self) -> None:
        """The piece is done: let others do their work."""
        took = asyncio.get_running_loop().time() - self._began
        self.size = max(_LEAST, self.size // 2) if took > _MOMENT else min(self._most, self.size * 5 // 4)
        await asyncio.sleep(max(_PAUSE, _REST * took))


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
        pieces = _Pieces(_PAGES)
        while await self._store.retention.give_back(pieces.begin()):
            await pieces.rest()
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
        gone, pieces = 0, _Pieces(_PIECE)
        while roots := await self._store.retention.ended(before, _PAGE):
            while roots:
                done = await self._store.retention.delete(roots, pieces.begin())
                gone, roots = gone + done, roots[done:]
                await pieces.rest()
        return gone
