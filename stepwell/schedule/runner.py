"""Carries schedules out: what falls due becomes runs, and runs are started.

Rules that must stay true here:
- A due time becomes a run in the transaction that moves its schedule on; a run goes in the transaction that records its
  start. What a run starts is named after the schedule and the due time, so a start that is made again is the same one.
- The runs of one schedule are started one after the other; those of different schedules side by side, within a bound.
- Nothing is looked at while nothing is due: one sleep, until the earliest moment that the store's indexes tell. Only
  the clock is compared meanwhile, for it may be set, and a machine may have been suspended.
- A run that cannot be started is tried again with growing pauses, as its target's RetryPolicy allows, and then given
  up; it never holds up another.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from hashlib import sha256
from typing import Protocol

from stepwell.engine.clock import Clock
from stepwell.schedule.definition import timing
from stepwell.schedule.target import Patience, patience_of
from stepwell.store.protocol import StoreError
from stepwell.store.schedules import Advance, RunRow, ScheduleRow, Schedules

logger = logging.getLogger("stepwell.schedule")

MISSED = 60_000
"""Milliseconds: what is later than this was missed, as is all that fell due before this process began."""

MOST_MISSED = 1_000
"""Runs of one schedule that are made up for at most: the latest."""

_PAGE = 200
_AT_ONCE = 64
_LOOK = 30.0  # seconds between two comparisons of the clock
_PAUSE = 1.0  # seconds before another try where the store has failed
_FIRST_RETRY, _LAST_RETRY = 1_000, 900_000  # milliseconds


class NotStarted(Exception):
    """A run could not be started; the message says why. It is tried again where `again` holds."""

    def __init__(self, why: str, *, again: bool = True) -> None:
        super().__init__(why)
        self.again = again


class Skipped(Exception):
    """A run was left out, as its schedule asks for; the message says why."""


class Starter(Protocol):
    """Starts what a run is to start: once, however often it is asked to."""

    async def start(self, run: RunRow) -> str | None:
        """The ARN of the execution, None where it is none. Raises NotStarted, Skipped, StoreError."""
        ...


class Runner:
    """`start` it once the engine takes starts, `stop` it before the engine."""

    def __init__(self, store: Schedules, starter: Starter, clock: Clock) -> None:
        self._store = store
        self._starter = starter
        self._clock = clock
        self._began = clock.now()
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._starting: dict[int, asyncio.Task[None]] = {}  # by schedule

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Start nothing more. What is being started is waited for; the rest stays in the store."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await asyncio.gather(*self._starting.values(), return_exceptions=True)

    def wake(self) -> None:
        """Something may fall due earlier than was known."""
        self._woken.set()

    async def _run(self) -> None:
        while True:
            try:
                self._woken.clear()
                now = self._clock.now()
                await self._take_due(now)
                free = await self._start_runs(now)
                await self._sleep(await self._store.next_moment(now) if free else None)
            except StoreError as error:
                logger.warning("schedules cannot be read, trying again: %s", error)
                await asyncio.sleep(_PAUSE)

    async def _sleep(self, until: int | None) -> None:
        """Until that moment (for ever where there is none), or until something is new."""
        while not self._woken.is_set():
            left = _LOOK if until is None else (until - self._clock.now()) / 1000
            if left <= 0:
                return
            try:
                async with asyncio.timeout(min(left, _LOOK) + 0.001):
                    await self._woken.wait()
            except TimeoutError:
                continue

    # -- from due times to runs

    async def _take_due(self, now: int) -> None:
        while schedules := await self._store.due(now, _PAGE):
            moves = []
            for schedule in schedules:
                moves.append(self._move(schedule, now))
                await asyncio.sleep(0)  # others have their turn between two
            await self._store.advance(moves)
            if len(schedules) < _PAGE:
                return

    def _move(self, schedule: ScheduleRow, now: int) -> Advance:
        when = timing(schedule)
        oldest = now - patience_of(json.loads(schedule.target)).max_age * 1000
        due = schedule.next_due
        assert due is not None
        if due < oldest:
            due = when.next_after(oldest - 1)
        fell_due: deque[int] = deque(maxlen=MOST_MISSED)
        while due is not None and due <= now:
            fell_due.append(due)
            due = when.next_after(due)
        runs = [(each, each + jitter(schedule, each)) for each in self._chosen(schedule, fell_due, now)]
        return Advance(schedule, due, runs)

    def _chosen(self, schedule: ScheduleRow, fell_due: deque[int], now: int) -> list[int]:
        """Those that become runs: all that is on time, and of what was missed what the schedule's `catch_up` says."""
        on_time = [due for due in fell_due if due >= self._began and now - due <= MISSED]
        missed = list(fell_due)[: len(fell_due) - len(on_time)]
        kept = {"all": missed, "latest": missed[-1:] if not on_time else [], "skip": []}[schedule.catch_up]
        if len(kept) < len(missed):
            logger.warning(
                "%s: %d runs that fell due while nothing ran are left out", schedule.arn, len(missed) - len(kept)
            )
        return kept + on_time

    # -- from runs to what they start

    async def _start_runs(self, now: int) -> bool:
        """Start runs whose time has come. False where more may wait than are under way at once: their ends wake us."""
        while len(self._starting) < _AT_ONCE:
            runs = await self._store.runs(now, tuple(self._starting), _AT_ONCE)
            if not runs:
                return True
            for run in runs:
                if run.schedule.id not in self._starting and len(self._starting) < _AT_ONCE:
                    task = asyncio.get_running_loop().create_task(self._start_one(run))
                    self._starting[run.schedule.id] = task
        return False

    async def _start_one(self, run: RunRow) -> None:
        try:
            await self._try(run)
        except StoreError as error:
            logger.warning("%s: a run could not be recorded, trying again: %s", run.schedule.arn, error)
            await asyncio.sleep(_PAUSE)
        finally:
            del self._starting[run.schedule.id]
            if len(self._starting) <= _AT_ONCE // 2:
                self.wake()

    async def _try(self, run: RunRow) -> None:
        try:
            execution = await self._starter.start(run)
        except StoreError:
            raise
        except Skipped as skipped:
            logger.info("%s: the run of %d is left out: %s", run.schedule.arn, run.due, skipped)
            await self._store.settle(run, None, str(skipped))
        except NotStarted as failed:
            await self._fail(run, failed)
        except Exception as defect:
            logger.exception("%s: a defect keeps a run from being started", run.schedule.arn)
            await self._fail(run, NotStarted(f"{type(defect).__name__} inside the server; its log tells more"))
        else:
            await self._store.settle(run, execution, None)

    async def _fail(self, run: RunRow, failed: NotStarted) -> None:
        patience = patience_of(json.loads(run.schedule.target))
        try_at = self._next_try(run, patience) if failed.again else None
        if try_at is None:
            logger.error("%s: the run of %d is given up: %s", run.schedule.arn, run.due, failed)
            await self._store.settle(run, None, str(failed))
        else:
            logger.warning("%s: a run could not be started and is tried again: %s", run.schedule.arn, failed)
            await self._store.retry(run, try_at, str(failed))

    def _next_try(self, run: RunRow, patience: Patience) -> int | None:
        pause = min(_FIRST_RETRY << min(run.attempts, 20), _LAST_RETRY)
        try_at = self._clock.now() + pause
        if run.attempts >= patience.max_retries or try_at > run.first_try + patience.max_age * 1000:
            return None
        return try_at


def jitter(schedule: ScheduleRow, due: int) -> int:
    """How long into a flexible window a run begins, in milliseconds: the same for the same run."""
    if not schedule.window:
        return 0
    drawn = sha256(f"{schedule.id} {schedule.arn} {due} window".encode()).digest()
    return int.from_bytes(drawn[:8], "big") % (schedule.window * 60_000)
