"""Tasks: dispatched after the commit that scheduled them, again after a crash, ended when nobody wants them any more.

Rules that must stay true here:
- The store's outbox is the truth; memory holds the tasks that are under way, within a fixed bound. More wait on disk.
- An outcome that cannot be committed is kept and tried again: the work was done, and is not thrown away.
- A task whose row is gone (stopped, timed out, its branch failed) is cancelled; the job that it has submitted is
  withdrawn.
- A job that runs elsewhere takes no place among the tasks under way while nobody looks at it.
- No task is dispatched twice by one process: what is read from disk is looked at again where its execution has moved
  on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from stepwell.engine.attempt import close, stimulus_of, task_of
from stepwell.engine.dispatch import (
    Dispatcher,
    JobSubmitted,
    Outcome,
    Parked,
    StartExecution,
    StillRunning,
    Submitted,
    Task,
    Told,
)
from stepwell.engine.errors import Stopping
from stepwell.engine.live import new_execution
from stepwell.engine.records import decode_effect, effect_references
from stepwell.machine import stimulus as stimuli
from stepwell.machine.execution import Execution
from stepwell.machine.stimulus import Stimulus
from stepwell.machine.turn import TaskEffect, Turn
from stepwell.store.protocol import OutboxRow, Store, StoreError

logger = logging.getLogger("stepwell.engine")

_PAGE = 200
_PARKED = 10  # times as many tasks may be parked as may be under way
_PATIENCE = 60.0  # seconds between two tries to commit an outcome, at most


class Submit(Protocol):
    async def __call__(self, key: int, stimulus: Stimulus) -> Turn | None: ...


T = TypeVar("T")
StartChild: TypeAlias = Callable[[int, Task, StartExecution], Awaitable[Outcome | None]]


class _Under(Struct):
    """A task that is under way. `closing` once its last outcome is being committed: nothing is left to cancel.
    `parked` while it waits for a worker and does not count, `elsewhere` where an execution that it has started is to
    tell: it stands here until its row goes, so that it is not dispatched again.

    `rest` is how many seconds its job is left alone from now on, and `alarm` what ends them.
    """

    effect: TaskEffect
    task: Task
    run: asyncio.Task[None] | None = None
    closing: bool = False
    parked: bool = False
    elsewhere: bool = False
    rest: float | None = None
    alarm: asyncio.TimerHandle | None = None


class Outbox:
    """`rested` is called once no task of an execution on a virtual clock is under way any more. `start_child` carries
    out a `StartExecution`."""

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        submit: Submit,
        rested: Callable[[int], None],
        start_child: StartChild,
        bound: int,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._submit = submit
        self._rested = rested
        self._start_child = start_child
        self._bound = bound
        self._under_way: dict[int, dict[int, _Under]] = {}
        self._count = 0
        self._parked = 0
        self._overflow = True  # there may be rows on disk that are not under way
        self._refill: asyncio.Task[None] | None = None
        self._moved: set[int] = set()  # executions of which rows have gone while the store is read
        self._withdrawals: set[asyncio.Task[None]] = set()
        self._stopping = False

    def start(self) -> None:
        """Dispatch what an earlier process has left."""
        self._look()

    async def stop(self, grace: float) -> None:
        """Wait up to `grace` seconds for what is under way, then leave the rest to the next process."""
        self._stopping = True
        under_way = [under for tasks in self._under_way.values() for under in tasks.values()]
        for under in under_way:
            if under.alarm is not None:
                under.alarm.cancel()
        runs = [*self._withdrawals, *(under.run for under in under_way if under.run is not None)]
        if self._refill is not None:
            self._refill.cancel()
            runs.append(self._refill)
        if not runs:
            return
        for under in [under for tasks in self._under_way.values() for under in tasks.values()]:
            if under.parked and not under.closing and under.run is not None:
                under.run.cancel()  # whoever works on it goes on, and is heard by the next process
        _, late = await asyncio.wait(runs, timeout=grace)
        for run in late:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)

    @property
    def in_flight(self) -> int:
        return self._count

    def is_working(self, key: int) -> bool:
        return key in self._under_way

    # -- taking in and letting go

    def add(self, execution: Execution, effect: TaskEffect, clock: int | None) -> None:
        """A task was committed: dispatch it, or leave it on disk while too many are under way."""
        if self._stopping:
            return
        if self._count >= self._bound:
            self._overflow = True
            return
        tasks = self._under_way.setdefault(execution.key, {})
        if effect.id in tasks:
            return
        under = tasks[effect.id] = _Under(effect, task_of(execution, effect, clock))
        self._begin(execution.key, under)

    def _begin(self, key: int, under: _Under) -> None:
        self._count += 1
        under.rest = under.alarm = None
        under.run = asyncio.get_running_loop().create_task(self._carry_out(key, under))
        # Not at the end of the coroutine: one that is cancelled before its first step never gets there.
        under.run.add_done_callback(lambda _: self._ended(key, under))

    def remove(self, key: int, ids: frozenset[int], prefixes: tuple[str, ...]) -> None:
        """Rows of the outbox are gone: end what runs for them."""
        if self._refill is not None:
            self._moved.add(key)
        for effect_id, under in list(self._under_way.get(key, {}).items()):
            gone = effect_id in ids or any(under.effect.path.startswith(prefix) for prefix in prefixes)
            if gone and not under.closing:
                self._cancel(key, under)

    def _cancel(self, key: int, under: _Under) -> None:
        under.closing = True
        if under.task.resource.pattern.startswith("sync") and not under.elsewhere:
            self._withdraw(under.task)
        if under.run is not None:
            under.run.cancel()
            return
        if under.alarm is not None:
            under.alarm.cancel()
        self._forget(key, under)

    def _withdraw(self, task: Task) -> None:
        withdrawal = asyncio.get_running_loop().create_task(self._dispatcher.withdraw(task))
        self._withdrawals.add(withdrawal)
        withdrawal.add_done_callback(self._withdrawals.discard)

    def _ended(self, key: int, under: _Under) -> None:
        """A dispatch has ended: that was all, or its job is looked at again later."""
        if under.parked:
            self._parked -= 1
        else:
            self._count -= 1
        if under.closing or self._stopping or (under.rest is None and not under.elsewhere):
            self._forget(key, under)
        elif under.elsewhere:
            under.run = None
        else:
            assert under.rest is not None
            under.run = None
            under.task = replace(under.task, looks=under.task.looks + 1)
            under.alarm = asyncio.get_running_loop().call_later(under.rest, self._begin, key, under)
        if self._overflow and self._count <= self._bound // 2:
            self._look()

    def _forget(self, key: int, under: _Under) -> None:
        tasks = self._under_way[key]
        del tasks[under.effect.id]
        if not tasks:
            del self._under_way[key]
            if under.task.virtual and not self._stopping:
                self._rested(key)

    def _park(self, under: _Under) -> None:
        """The task waits for a worker: others may go ahead of it."""
        if under.parked or self._parked >= self._bound * _PARKED:
            return
        under.parked = True
        self._parked += 1
        self._count -= 1
        if self._overflow and self._count <= self._bound // 2:
            self._look()

    # -- the rows on disk

    def _look(self) -> None:
        if self._refill is None and not self._stopping:
            self._refill = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        """Dispatch rows from the store until all are under way or the bound is reached."""
        try:
            after = (0, 0)
            self._overflow = False
            while not self._overflow:
                rows = await self._store.outbox("task", after, _PAGE)
                for row in rows:
                    try:
                        await self._dispatch_row(row)
                    except (KeyError, ValueError):
                        logger.exception("the task %s of execution %s cannot be read", row.effect.id, row.key)
                if len(rows) < _PAGE:
                    return
                after = (rows[-1].key, rows[-1].effect.id)
        except StoreError as error:
            logger.warning("the outbox cannot be read, trying again: %s", error)
            self._overflow = True
            await asyncio.sleep(1)
        finally:
            self._refill = None
            self._moved.clear()
            if self._overflow and self._count <= self._bound // 2:
                self._look()

    async def _dispatch_row(self, row: OutboxRow) -> None:
        """Dispatch a row, unless it is under way or has gone since it was read."""
        if self._overflow or row.effect.id in self._under_way.get(row.key, {}):
            return
        wanted = effect_references(row.effect)
        texts = await self._store.payloads(row.key, wanted) if wanted else {}
        effect = decode_effect(row.effect, texts.__getitem__)
        execution = await self._store.execution_row(row.key)
        while execution is not None:
            self._moved.discard(row.key)
            if await self._store.effect(row.key, effect.id) is None:
                return
            if row.key not in self._moved:
                self.add(new_execution(execution.new), effect, execution.change.clock)
                return

    # -- one task

    async def _carry_out(self, key: int, under: _Under) -> None:
        """Run a task, and commit its outcomes."""
        effect, task = under.effect, under.task
        outcomes: AsyncIterator[Told] | None = None
        try:
            outcomes = self._dispatcher.run(task)
            if await self._take_outcomes(key, under, outcomes):
                return
            logger.error("no outcome of state %s in %s was told", task.state_name, task.execution_arn)
        except Stopping:
            return  # it was to start an execution: the row stays, and the next process does
        except Exception:
            logger.exception("a defect fails the task of state %s in %s", task.state_name, task.execution_arn)
        finally:
            if outcomes is not None:
                await close(outcomes)
        cause = "An internal error occurred while carrying out the task."
        under.closing = True
        await self._tell(key, stimuli.TaskFailed(effect.path, effect.token, "States.TaskFailed", cause))

    async def _take_outcomes(self, key: int, under: _Under, outcomes: AsyncIterator[Told]) -> bool:
        """Commit a task's outcomes one after the other. False where they stop and nobody else can tell the end."""
        effect, handed_on = under.effect, False
        async for outcome in outcomes:
            if isinstance(outcome, Parked):
                self._park(under)
                continue
            if isinstance(outcome, StillRunning):
                under.rest = outcome.seconds
                return True
            if isinstance(outcome, JobSubmitted):
                await self._hand_over(key, under, outcome)
                return True
            if isinstance(outcome, StartExecution):
                meant = await self._start(key, under.task, outcome)
                if meant is None:
                    under.elsewhere = True
                    return True
                outcome = meant
            submitted = isinstance(outcome, Submitted)
            handed_on = submitted and effect.resource.pattern == "waitForTaskToken"
            under.closing = handed_on or not submitted
            turn = await self._tell(key, stimulus_of(effect.path, effect.token, outcome))
            if turn is None or not submitted:
                return True
            under.closing = False
        return handed_on

    async def _hand_over(self, key: int, under: _Under, job: JobSubmitted) -> None:
        """The commit dispatches the task anew, to follow its job; a job that nobody wants any more is withdrawn."""
        effect = under.effect
        under.closing = True
        turn = await self._tell(key, stimuli.JobSubmitted(effect.path, effect.token, job.output, effect))
        if turn is None:
            self._withdraw(replace(under.task, submitted=job.output))

    async def _start(self, key: int, task: Task, asked: StartExecution) -> Outcome | None:
        """What the start of an execution means to the task; None where the execution itself will tell."""
        what = f"what state {task.state_name} in {task.execution_arn} starts"
        return await _patiently(what, lambda: self._start_child(key, task, asked))

    async def _tell(self, key: int, stimulus: Stimulus) -> Turn | None:
        """Commit an outcome, however long the store needs."""
        return await _patiently(f"an outcome of the execution {key}", lambda: self._submit(key, stimulus))


async def _patiently(what: str, work: Callable[[], Awaitable[T | None]]) -> T | None:
    """Do it, however long the store needs. None where the execution is gone."""
    pause = 0.05
    while True:
        try:
            return await work()
        except KeyError:
            return None
        except StoreError as error:
            logger.warning("%s cannot be stored, trying again in %.1f s: %s", what, pause, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _PATIENCE)
