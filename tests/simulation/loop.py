"""An event loop on simulated time, without threads, sockets or a selector.

Rules that must stay true here:
- As with every event loop, what is ready runs in the order in which it became so; what comes from outside (a batch of
  the disk, a thread's result, a timer) comes in between as chance has it.
- Nothing of a loop that has died runs any more, and what dies with it draws on nothing.
"""

from __future__ import annotations

import asyncio
import sys
import warnings
from asyncio.events import _get_running_loop, _set_running_loop
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from random import Random
from typing import Any, TypeVar
from unittest.mock import patch

from tests.simulation.agenda import Agenda, Entry

T = TypeVar("T")


class _Timer(asyncio.TimerHandle):
    """A callback at a time."""

    __slots__ = ("entry",)
    entry: Entry

    def cancel(self) -> None:
        self.entry.cancel()
        super().cancel()


class SimulatedLoop(asyncio.AbstractEventLoop):
    """One life of a process. `told` is called with what nobody has taken: an exception of a callback or of a task."""

    def __init__(self, agenda: Agenda, chance: Random, told: Callable[[str, BaseException | None], None]) -> None:
        self._agenda = agenda
        self._chance = chance
        self._told = told
        self._ready: deque[asyncio.Handle] = deque()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._dead = False
        self._outer: list[asyncio.AbstractEventLoop | None] = []

    # -- for the world

    @property
    def idle(self) -> bool:
        return not self._ready

    def run_one(self) -> None:
        """Run what has been ready for longest. Called, like all that this loop takes part in, inside of `with loop`."""
        handle = self._ready.popleft()
        if not handle.cancelled():
            handle._run()

    def __enter__(self) -> SimulatedLoop:
        self._outer.append(_get_running_loop())
        _set_running_loop(self)
        return self

    def __exit__(self, *_: object) -> None:
        _set_running_loop(self._outer.pop())

    def die(self) -> None:
        """The process is killed: nothing that runs here goes on."""
        self._dead = True
        self._ready.clear()
        self._agenda.bury(self)

    def bury(self) -> None:
        """Let go of what has died, in quiet. Everything else of the world has ended by now."""
        with self, patch.object(sys, "unraisablehook", lambda _: None), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # what was to be awaited never is
            while self._tasks:  # what ends may begin something in turn
                task = self._tasks.pop()
                if not task.done():
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    coroutine = task.get_coro()
                    with suppress(BaseException):
                        if coroutine is not None:
                            coroutine.close()

    # -- what asyncio asks of a loop

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        if not self._dead:
            self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = _Timer(when, callback, args, self, context)
        timer.entry = self._agenda.at(when, lambda: self._ring(timer), self)
        return timer

    def _ring(self, timer: asyncio.TimerHandle) -> None:
        if not self._dead:
            self._ready.append(timer)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It has left the agenda by itself."""

    def time(self) -> float:
        return self._agenda.now

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, T], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[T]:
        task = asyncio.Task(coro, loop=self, name=name or "", context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """A thread's work is done as a whole, a while later."""
        future = self.create_future()

        def work() -> None:
            try:
                result = func(*args)
            except Exception as error:
                self.call_soon(_settle, future, None, error)
            else:
                self.call_soon(_settle, future, result, None)

        self._agenda.after(self._chance.choice((0, 0, 0, 0.02, 1.5)), work, self)
        return future

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self._dead:
            self._told(str(context.get("message")), context.get("exception"))


def _settle(future: asyncio.Future[T], result: T, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
