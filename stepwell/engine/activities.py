"""Activities: scheduled tasks wait in the outbox until a worker polls for them.

Rules that must stay true here:
- The queue is the store's: memory holds only the workers that are polling.
- A task is handed out after the turn that writes ActivityStarted is committed, and to one worker only.
- A task wakes the worker that has waited longest; one that leaves without having used its call passes it on.
"""

from __future__ import annotations

import asyncio
from typing import Final

from stepwell.engine.attempt import stimulus_of, task_of
from stepwell.engine.driver import Driver
from stepwell.engine.errors import Refused, TooManyWorkers
from stepwell.engine.records import decode_effect, effect_references
from stepwell.engine.refreshing import RefreshFailed
from stepwell.engine.requests import ActivityTask
from stepwell.engine.sealing import refusal
from stepwell.engine.secrets import Secrets
from stepwell.machine.stimulus import ActivityClaimed
from stepwell.machine.turn import TaskEffect
from stepwell.store.protocol import OutboxRow, Store, StoreError
from stepwell.vault.errors import CannotOpen, VaultUnavailable

_POLLERS: Final = 1_000  # workers that poll an activity at once (AWS's quota)


class Activities:
    def __init__(self, store: Store, driver: Driver, secrets: Secrets) -> None:
        self._store = store
        self._driver = driver
        self._secrets = secrets
        self._polling: dict[str, dict[asyncio.Event, None]] = {}  # a worker's event, the longest waiting first
        self._claiming: set[tuple[int, int]] = set()
        self._held: dict[str, set[int]] = {}  # the executions whose clocks stand still for a worker that polls
        self._stopping = False

    def offer(self, arn: str) -> None:
        """A task of the activity is waiting: call a worker that polls."""
        called = next((event for event in self._polling.get(arn, ()) if not event.is_set()), None)
        if called is not None:
            called.set()

    def is_about_to_claim(self, key: int, arn: str) -> bool:
        """Whether a worker polls for tasks of the activity: the execution's clock waits for it. See `Outside`."""
        if self._stopping or arn not in self._polling:
            return False
        self._held.setdefault(arn, set()).add(key)
        return True

    def stop(self) -> None:
        """Answer all polls at once, with nothing."""
        self._stopping = True
        for events in self._polling.values():
            for event in events:
                event.set()

    async def poll(self, arn: str, worker_name: str | None, wait: float) -> ActivityTask | None:
        """The next task of an activity; None after `wait` seconds without one. Raises TooManyWorkers, StoreError."""
        if len(self._polling.get(arn, ())) >= _POLLERS:
            raise TooManyWorkers(arn)
        deadline = asyncio.get_running_loop().time() + wait
        called = asyncio.Event()
        self._polling.setdefault(arn, {})[called] = None
        try:
            while not self._stopping:
                called.clear()
                task = await self._claim(arn, worker_name)
                left = deadline - asyncio.get_running_loop().time()
                if task is not None or left <= 0:
                    return task
                try:
                    async with asyncio.timeout(left):  # wait_for of Python 3.11 may swallow a cancellation
                        await called.wait()
                except TimeoutError:
                    return None
            return None
        finally:
            del self._polling[arn][called]
            if not self._polling[arn]:
                del self._polling[arn]
                for key in () if self._stopping else self._held.pop(arn, ()):
                    self._driver.wake(key)
            if called.is_set():
                self.offer(arn)

    async def _claim(self, arn: str, worker_name: str | None) -> ActivityTask | None:
        """Take the oldest task that nobody else is taking."""
        while True:
            limit = len(self._claiming) + 1
            rows = await self._store.outbox_of("activity", arn, limit)
            row = next((row for row in rows if (row.key, row.effect.id) not in self._claiming), None)
            if row is None:
                if len(rows) < limit:
                    return None
                continue  # others have begun to take these meanwhile: there may be more behind them
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
        except (KeyError, Refused):
            return None  # its execution is gone, or has moved on
        except StoreError:
            self.offer(row.effect.target)
            raise
        finally:
            self._claiming.discard(mark)
        return None if turn is None else await self._handed_out(row.key, effect)

    async def _handed_out(self, key: int, effect: TaskEffect) -> ActivityTask | None:
        """The task as its worker gets it, with values in place of references; None where they cannot be had, which
        fails the task."""
        try:
            live = await self._driver.look(key)
            if live.execution is None:
                return ActivityTask(effect.token, effect.input)
            task = task_of(live.execution, effect, live.clock)
            if live.brand is None or not self._secrets.used:
                return ActivityTask(effect.token, effect.input, task.trace)
            return ActivityTask(effect.token, await self._secrets.open(effect.input, task), task.trace)
        except StoreError:
            if self._secrets.used:
                raise
            return ActivityTask(effect.token, effect.input)  # it has begun: better without its trace than not at all
        except (CannotOpen, VaultUnavailable, RefreshFailed) as error:
            refused = stimulus_of(effect.path, effect.token, refusal(effect.resource, error))
            await self._driver.submit(key, refused)
            return None
