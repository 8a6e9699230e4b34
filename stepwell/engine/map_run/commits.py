"""The commits of one map run: prepared ahead of each other, made in order.

Rules that must stay true here:
- A turn is prepared on the one before it, which may still be on its way to the disk. Where one fails, so do all that
  are built on it: the run is then read again.
- Whoever has told the run something is answered by the commit that took it in, and by nothing else.
- Few commits are under way at a time: memory stays bounded, and what is asked of the run is soon heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from stepwell.engine.driver import Driver
from stepwell.engine.live import Live
from stepwell.machine.turn import Turn
from stepwell.store.protocol import Answer, StoreError, TurnRecord

_AHEAD: Final = 3  # commits that may be under way


class Commits:
    """`accepted` says whether any was made."""

    def __init__(self, driver: Driver) -> None:
        self.accepted = False
        self._driver = driver
        self._under_way = 0
        self._moved = asyncio.Event()
        self._error: StoreError | None = None

    async def send(
        self,
        record: TurnRecord,
        lives: Sequence[Live] = (),
        turns: Sequence[Turn] = (),
        replies: Sequence[asyncio.Future[bool]] = (),
    ) -> None:
        """Have a turn of the run committed, with the first turns of children. Waits while too many are under way.

        Raises StoreError where an earlier one has failed: then nothing was sent.
        """
        await self._wait(_AHEAD - 1)
        if self._error is not None:
            raise self._error
        self._under_way += 1
        self._driver.begin(record, partial(self._answered, replies), lives, turns)

    async def made(self) -> None:
        """Wait until all that was sent is on the disk. Raises StoreError where it is not."""
        await self.ended()
        if self._error is not None:
            raise self._error

    async def ended(self) -> None:
        """Wait until nothing is under way."""
        await self._wait(0)

    async def _wait(self, most: int) -> None:
        while self._under_way > most:
            self._moved.clear()
            await self._moved.wait()

    def _answered(self, replies: Sequence[asyncio.Future[bool]], answer: Answer | StoreError) -> None:
        self._under_way -= 1
        self._moved.set()
        if answer is Answer.ACCEPTED:
            self.accepted = True
        elif self._error is None:
            changed = StoreError("the map run has changed in the meantime")
            self._error = answer if isinstance(answer, StoreError) else changed
        for reply in replies:
            if reply.done():
                continue
            if self._error is None:
                reply.set_result(True)
            else:
                reply.set_exception(self._error)
