"""Group commit: turns of many executions share a transaction.

Rules that must stay true here:
- A commit is started whenever the last has ended, with all that is waiting; never two at once, so that turns keep
  their order.
- What time it is goes into the store beside the turns, once a second at most: after a restart no clock shows less.
- Every turn gets its own answer, and nothing is told to anybody before it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from stepwell.engine.clock import TIME_KEPT, Clock
from stepwell.engine.metrics import Metrics
from stepwell.store.protocol import Answer, Store, StoreError, TurnRecord

Answered: TypeAlias = Callable[[Answer | StoreError], None]

logger = logging.getLogger("stepwell.engine")

MAX_GROUP = 256


class Committer:
    def __init__(self, store: Store, metrics: Metrics, clock: Clock) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._kept = 0
        self._keeping: asyncio.Task[None] | None = None
        self._waiting: list[tuple[TurnRecord, Answered]] = []
        self._running: asyncio.Task[None] | None = None

    def add(self, record: TurnRecord, answered: Answered) -> None:
        """Commit a turn with the next group; `answered` is called once, from the event loop."""
        self._waiting.append((record, answered))
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run())

    @property
    def waiting(self) -> int:
        """Turns that no group has taken yet."""
        return len(self._waiting)

    def _end_of_group(self) -> int:
        """Where the next group ends: turns that require another follow it at once, and go with it."""
        end = MAX_GROUP
        while end < len(self._waiting) and self._waiting[end][0].requires is not None:
            end += 1
        return end

    async def flush(self) -> None:
        """Wait until everything that was added is answered."""
        while self._running is not None:
            await asyncio.wait([self._running])
        if self._keeping is not None:
            await asyncio.wait([self._keeping])

    async def _run(self) -> None:
        try:
            while self._waiting:
                end = self._end_of_group()
                group, self._waiting = self._waiting[:end], self._waiting[end:]
                answers: list[Answer | StoreError]
                began = time.perf_counter()
                self._keep_time()
                try:
                    answers = list(await self._store.commit([record for record, _ in group]))
                    self._metrics.commit(len(group), time.perf_counter() - began)
                except StoreError as error:
                    answers = [error] * len(group)
                    self._metrics.refuse(error.reason)
                except Exception as error:  # a defect of the store must not leave anybody waiting
                    logger.exception("a defect keeps %d turns from being committed", len(group))
                    answers = [StoreError(f"{type(error).__name__}: {error}")] * len(group)
                for (record, answered), answer in zip(group, answers, strict=True):
                    try:
                        answered(answer)
                    except Exception:
                        logger.exception("a defect after a turn of the execution with the key %d", record.key)
        finally:
            self._running = None

    def _keep_time(self) -> None:
        """Have the time written in the transaction of the next turns, or in one beside it."""
        now = self._clock.now()
        if now >= self._kept + TIME_KEPT:
            self._kept = now
            self._keeping = asyncio.get_running_loop().create_task(self._write_time(now))

    async def _write_time(self, now: int) -> None:
        with suppress(StoreError):  # the turns' callers are told
            await self._store.keep_time(now)
