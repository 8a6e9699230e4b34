"""One Express execution under way: its turns, timers and tasks, all of it in memory.

Rules that must stay true here:
- Turns are taken one after the other, each whole. Nothing touches the execution while one is computed on a thread.
- When the execution has ended, or is abandoned, nothing of it is left running.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from typing import TypeAlias

from msgspec import Struct

from stepwell.engine.attempt import close, stimulus_of, task_of
from stepwell.engine.clock import Clock
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
from stepwell.engine.express_log import ExpressLog
from stepwell.engine.live import apply_turn
from stepwell.engine.patience import patiently
from stepwell.engine.turns import Turns
from stepwell.language.errors import Overrun
from stepwell.language.model import Program
from stepwell.machine.execution import Execution
from stepwell.machine.stimulus import Continue, Start, Stimulus, TaskFailed, TimerFired
from stepwell.machine.turn import TaskEffect, Turn

logger = logging.getLogger("stepwell.engine")

StartChild: TypeAlias = Callable[[Task, StartExecution], Awaitable[Outcome]]

_LIMIT = "|limit"  # the timer of the time that an Express execution may take
_EXECUTION = "|execution"  # the machine's name for the timer that ends an execution


class _Timer(Struct):
    due: int
    handle: asyncio.TimerHandle | None  # None on a virtual clock


class ExpressRun:
    """`ended` gets the turn that ended the execution, or what it was abandoned with.

    `limit` is how long the execution may take, in milliseconds. On a virtual clock it begins at `virtual_now`.
    `start_child` starts an execution that a task asks for.
    """

    def __init__(
        self,
        execution: Execution,
        program: Program,
        dispatcher: Dispatcher,
        start_child: StartChild,
        turns: Turns,
        clock: Clock,
        limit: int,
        log: ExpressLog,
        virtual_now: int | None = None,
    ) -> None:
        self.log = log
        self.ended: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        self._execution = execution
        self._program = program
        self._dispatcher = dispatcher
        self._start_child = start_child
        self._turns = turns
        self._clock = clock
        self._limit = limit
        self._virtual_now = virtual_now
        self._loop = asyncio.get_running_loop()
        self._timers: dict[str, _Timer] = {}
        self._open: dict[int, tuple[str, asyncio.Task[None]]] = {}  # by effect: frame's path and what carries it out
        self._running: set[asyncio.Task[None]] = set()
        self._inbox: deque[Stimulus] = deque()
        self._computing = False  # a turn is under way on a thread
        self._continuing = False

    def start(self) -> None:
        """Begin, and run on until the execution waits or has ended."""
        self._set_timer(_LIMIT, self._now() + self._limit)
        self._take(Start())

    async def abandon(self, error: Exception) -> None:
        """Let go of the execution where it stands."""
        self._end_all()
        if not self.ended.done():
            self.ended.set_exception(error)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    # -- turns

    def _now(self) -> int:
        return self._clock.now() if self._virtual_now is None else self._virtual_now

    def _take(self, stimulus: Stimulus) -> None:
        """Take a stimulus in: at once, or after the turn that is being computed."""
        self._inbox.append(stimulus)
        if not self._computing:
            self._drain()

    def _drain(self) -> None:
        execution, program = self._execution, self._program
        while self._inbox and not self.ended.done():
            stimulus, now, entropy = self._inbox.popleft(), self._now(), self._turns.drawn(32)
            try:
                turn = self._turns.at_once(program, execution, stimulus, now, entropy)
            except Overrun:
                self._computing = True
                self._spawn(self._take_slowly(self._turns.slowly(program, execution, stimulus, now, entropy)))
                return
            self._take_over(turn)
        if self._virtual_now is not None:
            self._loop.call_soon(self._jump)

    async def _take_slowly(self, slow: Awaitable[Turn | None]) -> None:
        turn = await slow
        self._computing = False
        if not self.ended.done():
            self._take_over(turn)
            self._drain()

    def _take_over(self, turn: Turn | None) -> None:
        """Stand where a turn leads to, and begin what it asks for. None is that of a stale stimulus."""
        if turn is None:
            return
        apply_turn(self._execution, turn)
        try:
            self.log.add(turn.events)
        except Exception as error:  # a defect must not leave the execution under way for ever
            self._end_all()
            self.ended.set_exception(error)
            return
        if turn.stop_date is not None:
            self._end_all()
            self.ended.set_result(turn)
            return
        self._let_go(turn)
        for name, due in turn.timers.items():
            self._set_timer(name, due)
        for effect in turn.effects:
            self._begin(effect)
        if turn.more and not self._continuing:
            self._continuing = True
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """What the budget of a turn has left: others have had their turn meanwhile."""
        self._continuing = False
        self._take(Continue())

    def _let_go(self, turn: Turn) -> None:
        """End the timers and tasks that a turn has removed."""
        for name in turn.timers_removed:
            self._clear_timer(name)
        for prefix in turn.timers_removed_below:
            for name in [name for name in self._timers if name.startswith(prefix)]:
                self._clear_timer(name)
        for effect_id in turn.effects_removed:
            self._cancel(effect_id)
        for prefix in turn.effects_removed_below:
            for effect_id in [effect_id for effect_id, (path, _) in self._open.items() if path.startswith(prefix)]:
                self._cancel(effect_id)

    def _end_all(self) -> None:
        for name in list(self._timers):
            self._clear_timer(name)
        for effect_id in list(self._open):
            self._cancel(effect_id)

    # -- timers

    def _set_timer(self, name: str, due: int) -> None:
        self._clear_timer(name)
        handle = None
        if self._virtual_now is None:
            handle = self._loop.call_later(max(0, due - self._now()) / 1000, self._ring, name)
        self._timers[name] = _Timer(due, handle)

    def _ring(self, name: str) -> None:
        """A timer on the real clock is due by the loop's clock, which may be ahead of it."""
        due = self._timers[name].due
        if due > self._now():
            self._set_timer(name, due)
        else:
            self._fire(name)

    def _clear_timer(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None and timer.handle is not None:
            timer.handle.cancel()

    def _fire(self, name: str) -> None:
        del self._timers[name]
        self._take(TimerFired(_EXECUTION if name == _LIMIT else name))

    def _jump(self) -> None:
        """Let a virtual clock jump to the next timer where nothing else can happen before it."""
        busy = self._open or self._inbox or self._computing or self._continuing
        if busy or not self._timers or self._virtual_now is None:
            return
        name = min(self._timers, key=lambda name: (self._timers[name].due, name))
        self._virtual_now = max(self._virtual_now, self._timers[name].due)
        self._fire(name)

    # -- tasks

    def _begin(self, effect: TaskEffect) -> None:
        task = task_of(self._execution, effect, self._virtual_now)
        self._open[effect.id] = (effect.path, self._spawn(self._carry_out(effect, task)))

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def _cancel(self, effect_id: int) -> None:
        found = self._open.pop(effect_id, None)
        if found is not None:
            found[1].cancel()

    async def _carry_out(self, effect: TaskEffect, task: Task) -> None:
        outcomes: AsyncIterator[Told] | None = None
        try:
            outcomes = self._dispatcher.run(task)
            async for told in outcomes:
                if isinstance(told, Parked):
                    continue
                assert not isinstance(told, JobSubmitted | StillRunning)  # Express workflows have no `.sync`
                outcome = await self._start(task, told) if isinstance(told, StartExecution) else told
                stimulus = stimulus_of(effect.path, effect.token, outcome)
                if not isinstance(outcome, Submitted):
                    self._open.pop(effect.id, None)  # nothing is left to cancel
                    self._take(stimulus)
                    return
                self._take(stimulus)
            logger.error("no outcome of state %s in %s was told", task.state_name, task.execution_arn)
        except Stopping:
            return  # it was to start an execution: this one is abandoned with all others, or run again
        except Exception:
            logger.exception("a defect fails the task of state %s in %s", task.state_name, task.execution_arn)
        finally:
            if outcomes is not None:
                await close(outcomes)
        self._open.pop(effect.id, None)
        cause = "An internal error occurred while carrying out the task."
        self._take(TaskFailed(effect.path, effect.token, "States.TaskFailed", cause))

    async def _start(self, task: Task, asked: StartExecution) -> Outcome:
        """What the start of an execution means to the task, however long the store needs for it."""
        return await patiently("an execution cannot be started", partial(self._start_child, task, asked))
