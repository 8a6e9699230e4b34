"""Jobs leave by themselves: once their time is over and they have ended, with all that belongs to them.

Rules that must stay true here:
- A job that has not ended stays, however old it is.
- Its execution goes first: what a crash leaves between the two is found again by the job.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from stepwell.store.protocol import Store, StoreError

logger = logging.getLogger("stepwell.jobs")

_PAGE: Final = 100
_ROWS: Final = 1_000  # of an execution, a commit
_LONGEST: Final = 60.0  # seconds between two looks
_SHORTEST: Final = 0.05


class Expiry:
    """Removes what has expired. `now` is in milliseconds since 1970."""

    def __init__(self, store: Store, now: Callable[[], int]) -> None:
        self._store = store.jobs
        self._retention = store.retention
        self._now = now
        self._soonest = 0  # when the next look is due at the latest
        self._sooner = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def expect(self, expires_at: int) -> None:
        """A job expires then."""
        if expires_at < self._soonest:
            self._sooner.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._sweep()
                next_ = await self._store.next_expiry()
            except StoreError as error:
                logger.warning("expired jobs could not be removed, trying again: %s", error)
                next_ = None
            left = _LONGEST if next_ is None else (next_ - self._now()) / 1000
            pause = min(_LONGEST, left) if left > 0 else 1.0  # what has expired and still runs is looked at again
            self._soonest = self._now() + int(pause * 1000)
            self._sooner.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._sooner.wait(), max(pause, _SHORTEST))
            await asyncio.sleep(_SHORTEST)  # many that are told at once are one look

    async def _sweep(self) -> None:
        after = (0, 0)
        while rows := await self._store.expired(self._now(), after, _PAGE):
            keys = [key for _, key, ended in rows if ended]
            for key in keys:
                while not await self._retention.delete(key, _ROWS):
                    pass
            if keys:
                await self._store.remove(keys)
            after = (rows[-1][0], rows[-1][1])
