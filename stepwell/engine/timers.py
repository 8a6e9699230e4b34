"""Durable timers on the real clock.

Rules that must stay true here:
- The store holds all timers; memory holds those of the next few seconds only, within a fixed bound.
- A timer fires at least once: one whose turn was lost fires again at the next look into the store. One that was
  replaced or removed meanwhile is told apart by its due time when it arrives.
- What a commit has said of a timer is newer than what a look has read.
- Overdue timers are fed in step with what the driver takes in, so that ten thousand of them do not fill the memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from heapq import heappop, heappush
from typing import TypeAlias

from stepwell.engine.clock import Clock
from stepwell.store.protocol import Store, StoreError

logger = logging.getLogger("stepwell.engine")

Fire: TypeAlias = Callable[[int, str, int], Awaitable[None]]

_HELD = 5_000  # timers that one look into the store brings into memory
_AT_ONCE = 64
_PAUSE = 1.0  # seconds before another try where the store has failed


class Timers:
    def __init__(self, store: Store, clock: Clock, fire: Fire, window: int) -> None:
        self._store = store
        self._clock = clock
        self._fire = fire
        self._window = window
        self._heap: list[tuple[int, int, str]] = []
        self._held: dict[int, dict[str, int]] = {}  # by execution; one that is being taken in stays until it was
        self._horizon = 0
        self._failed = False
        self._changed = asyncio.Event()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._firing: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Fire nothing more; what is being taken in is waited for."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._firing:
            await asyncio.gather(*self._firing, return_exceptions=True)

    def add(self, key: int, name: str, due: int) -> None:
        """A timer was committed."""
        if due <= self._horizon:
            self._hold(key, name, due)

    def remove(self, key: int, names: Iterable[str], prefixes: Sequence[str]) -> None:
        """Timers are gone, by a commit: those of these names, and all whose name begins so."""
        held = self._held.get(key)
        if held is None:
            return
        for name in names:
            held.pop(name, None)
        for prefix in prefixes:
            for name in [name for name in held if name.startswith(prefix)]:
                del held[name]
        if not held:
            del self._held[key]

    def _hold(self, key: int, name: str, due: int) -> None:
        held = self._held.setdefault(key, {})
        if held.get(name) == due:
            return
        held[name] = due
        if not self._heap or due < self._heap[0][0]:
            self._changed.set()
        heappush(self._heap, (due, key, name))

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
                await self._serve()
            except StoreError as error:
                logger.warning("timers cannot be read, trying again: %s", error)
                self._failed = True
            if self._failed:
                self._failed = False
                await asyncio.sleep(_PAUSE)

    async def _look(self) -> None:
        """Bring the timers of the next window into memory."""
        until = self._clock.now() + self._window
        self._horizon = max(self._horizon, until)  # what is committed while the store is read comes through `add`
        rows = await self._store.due_timers(until, _HELD)
        self._horizon = until if len(rows) < _HELD else rows[-1].due
        for row in rows:
            if row.name not in self._held.get(row.key, ()):  # else a commit may have renewed it since the read
                self._hold(row.key, row.name, row.due)

    async def _serve(self) -> None:
        """Fire what is due, until it is time for another look."""
        next_look = min(self._horizon, self._clock.now() + self._window // 2)
        while True:
            self._changed.clear()
            now = self._clock.now()
            while self._heap and self._heap[0][0] <= now and not self._failed:
                due, key, name = heappop(self._heap)
                if self._held.get(key, {}).get(name) != due:
                    continue
                await self._slots.acquire()
                task = asyncio.get_running_loop().create_task(self._fire_one(key, name, due))
                self._firing.add(task)
                task.add_done_callback(self._firing.discard)
            now = self._clock.now()  # it has taken its time
            if now >= next_look or self._failed:
                return
            wake = min(self._heap[0][0], next_look) if self._heap else next_look
            try:
                async with asyncio.timeout(max(wake - now, 1) / 1000):  # wait_for of 3.11 may swallow a cancellation
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _fire_one(self, key: int, name: str, due: int) -> None:
        try:
            await self._fire(key, name, due)
        except StoreError as error:
            if not self._failed:  # once for all that fire now
                logger.warning("timers could not be taken in and will fire again: %s", error)
            self._failed = True
            self._changed.set()
        except KeyError:
            pass  # its execution is gone
        finally:
            self._slots.release()
            if self._held.get(key, {}).get(name) == due:
                self.remove(key, (name,), ())
