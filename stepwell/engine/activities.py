"""Activities: scheduled tasks wait in the outbox until a worker polls for them.

Rules that must stay true here:
- The queue is the store's: memory holds only the workers that are polling.
- A task is handed out after the turn that writes ActivityStarted is committed, and to one worker only.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict

from stepwell.engine.driver import Driver
from stepwell.engine.records import decode_effect, effect_references
from stepwell.engine.requests import ActivityTask
from stepwell.machine.stimulus import ActivityClaimed
from stepwell.store.protocol import OutboxRow, Store, StoreError


class Activities:
    def __init__(self, store: Store, driver: Driver) -> None:
        self._store = store
        self._driver = driver
        self._offers: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._polling: dict[str, int] = defaultdict(int)
        self._claiming: set[tuple[int, int]] = set()
        self._stopping = False

    def offer(self, arn: str) -> None:
        """A task of the activity is waiting: wake the workers that poll."""
        if arn in self._polling:
            self._offers[arn].set()

    def stop(self) -> None:
        """Answer all polls at once, with nothing."""
        self._stopping = True
        for event in self._offers.values():
            event.set()

    async def poll(self, arn: str, worker_name: str | None, wait: float) -> ActivityTask | None:
        """The next task of an activity; None after `wait` seconds without one."""
        deadline = asyncio.get_running_loop().time() + wait
        self._polling[arn] += 1
        offer = self._offers[arn]
        try:
            while not self._stopping:
                offer.clear()
                task = await self._claim(arn, worker_name)
                left = deadline - asyncio.get_running_loop().time()
                if task is not None or left <= 0:
                    return task
                try:
                    await asyncio.wait_for(offer.wait(), left)
                except TimeoutError:
                    return None
            return None
        finally:
            self._polling[arn] -= 1
            if not self._polling[arn]:
                del self._polling[arn], self._offers[arn]

    async def _claim(self, arn: str, worker_name: str | None) -> ActivityTask | None:
        """Take the oldest task that nobody else is taking."""
        while True:
            rows = await self._store.outbox_of("activity", arn, len(self._claiming) + 1)
            row = next((row for row in rows if (row.key, row.effect.id) not in self._claiming), None)
            if row is None:
                return None
            task = await self._take(row, worker_name)
            if task is not None:
                return task

    async def _take(self, row: OutboxRow, worker_name: str | None) -> ActivityTask | None:
        mark = (row.key, row.effect.id)
        self._claiming.add(mark)
        try:
            wanted = effect_references(row.effect)
            texts = await self._store.payloads(row.key, wanted) if wanted else {}
            effect = decode_effect(row.effect, texts.__getitem__)
            claim = ActivityClaimed(effect.path, effect.token, worker_name)
            turn = await self._driver.submit(row.key, claim)
        except (KeyError, StoreError):
            return None
        finally:
            self._claiming.discard(mark)
        return None if turn is None else ActivityTask(effect.token, effect.input)
