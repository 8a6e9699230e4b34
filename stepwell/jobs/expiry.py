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
_ROWS: Final = 1_000  # of executions, a commit
_LONGEST: Final = 60_000  # milliseconds until the next look
_TOGETHER: Final = 1_000  # milliseconds: what ends meanwhile is looked at at once
_SHORTEST: Final = 0.05  # seconds between two looks


class Expiry:
    """Removes what has expired. `now` is in milliseconds since 1970."""

    def __init__(self, store: Store, now: Callable[[], int]) -> None:
        self._store = store.jobs
        self._retention = store.retention
        self._now = now
        self._next_look = 0
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
        if expires_at < self._next_look:
            self._next_look = expires_at
            self._sooner.set()

    def ended(self) -> None:
        """An execution has ended: it may be a job whose time is over already. Many of them are one look."""
        self.expect(self._now() + _TOGETHER)

    async def _run(self) -> None:
        while True:
            try:
                self._next_look = self._now() + _LONGEST
                await self._sweep()
                next_ = await self._store.next_expiry()
                if next_ is not None:
                    self.expect(next_)
            except StoreError as error:
                logger.warning("expired jobs could not be removed, trying again: %s", error)
            while (left := self._next_look - self._now()) > 0:
                self._sooner.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._sooner.wait(), left / 1000)
            await asyncio.sleep(_SHORTEST)  # many that are told at once are one look

    async def _sweep(self) -> None:
        while keys := await self._store.expired(self._now(), _PAGE):
            left = keys
            while left:
                left = left[await self._retention.delete(left, _ROWS) :]
            await self._store.remove(keys)
