"""Durable timers on the real clock.

Memory knows every timer up to a horizon: whatever a commit has told of, and is due by then, waits here or is being
fired. What lies beyond is brought by a look into the store before the horizon is reached, so that a timer is never late
because a look is not due yet.

Rules that must stay true here:
- The horizon is raised before the store is read, so that what is committed meanwhile is kept; after the read it stays
  only where the read has reached. What finds no room takes the horizon down below its own time.
- What a commit has told since a look began is newer than what the look has read; of all else the look is not older than
  memory.
- What is being fired waits no more, and stands in the way of nothing that is said of the same name.
- Behind the horizon the store is read again once all that is due here was fired, and not before: a look brings others.
- A timer fires at least once: one that could not be taken in waits again, one whose turn was lost fires again after the
  next look. One that was replaced or removed meanwhile is told apart by its due time when it arrives.
- All of it has fixed bounds, and others have their turn of the event loop every millisecond: ten thousand that are due
  neither fill the memory nor hold anybody up. Looking and firing do not wait for each other.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from heapq import heappop, heappush
from typing import Final, Protocol, TypeAlias

from msgspec import Struct

from stepwell.engine.clock import Clock
from stepwell.machine.turn import Turn
from stepwell.store.protocol import StoreError, TimerRow

logger = logging.getLogger("stepwell.engine")

Answer: TypeAlias = "asyncio.Future[Turn | None]"

Fire: TypeAlias = Callable[[int, str, int], Answer]
"""Hands a timer (execution, name, due time) in. The answer comes once its turn is committed, or is None where it is
stale; it is StoreError where the timer has to fire again, KeyError where the execution is gone."""

_Timer: TypeAlias = tuple[int, int, str]  # due time, execution, name

_PAUSE: Final = 1.0  # seconds before another try where the store has failed
_MOMENT: Final = 0.001  # seconds until others have their turn


class Kept(Protocol):
    """All timers that there are: the store."""

    async def due_timers(self, until: int, limit: int) -> Sequence[TimerRow]:
        """Those that are due up to `until`, soonest first. Raises StoreError."""
        ...


class Bounds(Struct, frozen=True):
    """How many timers a look brings, how many memory holds before what is committed is left to the store, and how many
    are fired at a time: theirs are the turns that commits are made of."""

    read: int = 5_000
    held: int = 50_000
    fired: int = 256


class Timers:
    """`window` is how many milliseconds ahead timers are brought into memory."""

    def __init__(self, store: Kept, clock: Clock, fire: Fire, window: int, bounds: Bounds | None = None) -> None:
        self._store = store
        self._clock = clock
        self._fire = fire
        self._window = window
        self._bounds = bounds or Bounds()
        self._waiting: dict[int, dict[str, int]] = {}  # due times, by execution and name
        self._heap: list[_Timer] = []  # what waits, and what has ceased to
        self._firing: dict[_Timer, Answer] = {}
        self._horizon = 0
        self._next_look = 0
        self._told: _Told | None = None  # while a look is under way
        self._failed = False
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._begin(self._serve())

    async def stop(self) -> None:
        """Fire nothing more; what is being taken in is waited for."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while self._firing:
            await asyncio.wait(list(self._firing.values()))

    def add(self, key: int, name: str, due: int) -> None:
        """A timer was committed, in the place of the one of this name if there is one."""
        if self._told is not None:
            self._told.names.add((key, name))
        if due > self._horizon:
            self._forget(key, name)
        elif len(self._heap) >= self._bounds.held:
            self._forget(key, name)
            self._horizon = due - 1
            self._changed.set()
        else:
            self._wait(key, name, due)

    def remove(self, key: int, names: Iterable[str], prefixes: Sequence[str]) -> None:
        """Timers are gone, by a commit: those of these names, and all whose name begins so."""
        if self._told is not None:
            self._told.names.update((key, name) for name in names)
            self._told.prefixes[key] = (*self._told.prefixes.get(key, ()), *prefixes)
        for name in names:
            self._forget(key, name)
        for prefix in prefixes:
            for name in [name for name in self._waiting.get(key, ()) if name.startswith(prefix)]:
                self._forget(key, name)

    # -- what waits

    def _wait(self, key: int, name: str, due: int) -> None:
        waiting = self._waiting.setdefault(key, {})
        if waiting.get(name) == due:
            return
        waiting[name] = due
        if not self._heap or due < self._heap[0][0]:
            self._changed.set()
        heappush(self._heap, (due, key, name))

    def _waits(self, key: int, name: str) -> int | None:
        """When a timer is due; None where it does not wait."""
        waiting = self._waiting.get(key)
        return None if waiting is None else waiting.get(name)

    def _forget(self, key: int, name: str) -> None:
        waiting = self._waiting.get(key)
        if waiting is not None and waiting.pop(name, None) is not None and not waiting:
            del self._waiting[key]

    # -- the loop

    async def _serve(self) -> None:
        while True:
            if self._failed:
                await asyncio.sleep(_PAUSE)
                self._failed = False
            self._changed.clear()
            self._fire_due()
            if self._may_look():
                self._told = _Told()
                self._begin(self._look(self._told))
            pause = self._pause()
            if not pause:
                await asyncio.sleep(0)
                continue
            try:
                async with asyncio.timeout(pause / 1000):  # wait_for of 3.11 may swallow a cancellation
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _may_look(self) -> bool:
        now = self._clock.now()
        behind = now >= self._horizon and not (self._heap and self._heap[0][0] <= now)
        return self._told is None and (behind or now >= self._next_look)

    def _pause(self) -> int:
        """Milliseconds until there is something to do, unless something changes before."""
        now = self._clock.now()
        until = now + self._window // 2  # at the most: the clock may be set
        if self._told is None:
            until = min(until, self._next_look)
        if self._horizon > now:
            until = min(until, self._horizon)
        if self._heap and len(self._firing) < self._bounds.fired:
            until = min(until, self._heap[0][0])
        return max(until - now, 0)

    # -- firing

    def _fire_due(self) -> None:
        """Fire what is due, as many as may be under way, and for a moment only."""
        now, began = self._clock.now(), time.perf_counter()
        while self._heap and self._heap[0][0] <= now and len(self._firing) < self._bounds.fired:
            due, key, name = timer = heappop(self._heap)
            if self._waits(key, name) != due:
                continue
            self._forget(key, name)
            try:
                answer = self._firing[timer] = self._fire(key, name, due)
            except Exception as error:
                self._break(timer, error)
            else:
                answer.add_done_callback(partial(self._fired, timer))
            if time.perf_counter() - began > _MOMENT:
                return

    def _fired(self, timer: _Timer, answer: Answer) -> None:
        self._firing.pop(timer, None)
        self._changed.set()
        error = None if answer.cancelled() else answer.exception()
        if isinstance(error, StoreError):
            if not self._failed:  # once for all that fire now
                logger.warning("timers could not be taken in and will fire again: %s", error)
            self._failed = True
            due, key, name = timer
            if self._waits(key, name) is None:
                self._wait(key, name, due)
        elif error is not None and not isinstance(error, KeyError):
            self._break(timer, error)

    def _break(self, timer: _Timer, error: BaseException) -> None:
        logger.error("a defect keeps a timer of the execution with the key %d from firing", timer[1], exc_info=error)

    # -- looking

    async def _look(self, told: _Told) -> None:
        """Bring the timers of the next window into memory."""
        known, until = self._horizon, self._clock.now() + self._window
        self._horizon = max(known, until)
        try:
            rows = await self._store.due_timers(until, self._bounds.read)
            known = max(known, until if len(rows) < self._bounds.read else rows[-1].due - 1)
            for row in rows:
                if not told.concerns(row.key, row.name) and (row.due, row.key, row.name) not in self._firing:
                    self._wait(row.key, row.name, row.due)
            self._next_look = self._clock.now() + self._window // 2
        except Exception as error:  # a defect of the store must not stop all timers
            logger.warning("timers cannot be read, trying again: %s", error, exc_info=not isinstance(error, StoreError))
            self._failed = True
        finally:
            self._horizon = min(self._horizon, known)  # for want of room it may have come down meanwhile
            self._told = None
            self._changed.set()

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Told:
    """What commits have told of timers since a look began."""

    def __init__(self) -> None:
        self.names: set[tuple[int, str]] = set()
        self.prefixes: dict[int, tuple[str, ...]] = {}

    def concerns(self, key: int, name: str) -> bool:
        return (key, name) in self.names or name.startswith(self.prefixes.get(key, ()))
