"""Group commit: turns of many executions share a transaction.

Rules that must stay true here:
- What one round of the event loop brings goes to the store at once, which takes all that waits when its last
  transaction has ended: it never waits for the loop. Turns keep their order, here and there.
- A turn that requires another goes to the store with it.
- No more is on its way than two transactions need; what comes beyond that waits here.
- What time it is goes into the store beside the turns, once a second at most: after a restart no clock shows less.
- Every turn gets its own answer, and nothing is told to anybody before it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

from stepwell.engine.clock import TIME_KEPT, Clock
from stepwell.engine.metrics import Metrics
from stepwell.store.protocol import Answer, Store, StoreError, TurnRecord

Answered: TypeAlias = Callable[[Answer | StoreError], None]

logger = logging.getLogger("stepwell.engine")

MAX_GROUP = 256
_MOST = 2 * MAX_GROUP  # turns that are on their way


class Committer:
    def __init__(self, store: Store, metrics: Metrics, clock: Clock) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._kept = 0
        self._keeping: asyncio.Task[None] | None = None
        self._waiting: deque[tuple[TurnRecord, Answered]] = deque()
        self._on_their_way = 0
        self._sending = False
        self._groups: set[asyncio.Task[None]] = set()

    def add(self, record: TurnRecord, answered: Answered) -> None:
        """Commit a turn with the next group; `answered` is called once, from the event loop."""
        self._waiting.append((record, answered))
        if not self._sending:
            self._sending = True
            asyncio.get_running_loop().call_soon(self._send)

    @property
    def waiting(self) -> int:
        """Turns that no commit has answered for yet."""
        return len(self._waiting) + self._on_their_way

    async def flush(self) -> None:
        """Wait until everything that was added is answered."""
        while self._waiting or self._groups:
            await (asyncio.wait(self._groups) if self._groups else asyncio.sleep(0))
        if self._keeping is not None:
            await asyncio.wait([self._keeping])

    def _send(self) -> None:
        self._sending = False
        while self._waiting and self._on_their_way < _MOST:
            group = self._next_group()
            self._on_their_way += len(group)
            task = asyncio.get_running_loop().create_task(self._commit(group))
            self._groups.add(task)
            task.add_done_callback(self._groups.discard)

    def _next_group(self) -> Sequence[tuple[TurnRecord, Answered]]:
        """What goes to the store together: turns that require another follow it at once, and go with it."""
        waiting, group = self._waiting, [self._waiting.popleft()]
        while waiting and (len(group) < MAX_GROUP or waiting[0][0].requires is not None):
            group.append(waiting.popleft())
        return group

    async def _commit(self, group: Sequence[tuple[TurnRecord, Answered]]) -> None:
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
        finally:
            self._on_their_way -= len(group)
        if self._waiting:
            self._send()
        for (record, answered), answer in zip(group, answers, strict=True):
            try:
                answered(answer)
            except Exception:
                logger.exception("a defect after a turn of the execution with the key %d", record.key)

    def _keep_time(self) -> None:
        """Have the time written in the transaction of the next turns, or in one beside it."""
        now = self._clock.now()
        if now >= self._kept + TIME_KEPT:
            self._kept = now
            self._keeping = asyncio.get_running_loop().create_task(self._write_time(now))

    async def _write_time(self, now: int) -> None:
        with suppress(StoreError):  # the turns' callers are told
            await self._store.keep_time(now)
