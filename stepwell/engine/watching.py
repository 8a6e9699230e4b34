"""Who waits for something to happen to an execution, or is told of it.

Rules that must stay true here:
- Whoever no longer waits leaves nothing behind.
- Nothing is missed: who waits is known before the store is read.
- Telling never waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from stepwell.engine.journal import Journal
from stepwell.machine.history import Event
from stepwell.store.protocol import NewExecution, Store

EndListener: TypeAlias = Callable[[int], None]
"""Told the key of an execution that has ended, after the commit that ends it. It must not raise."""

_Waiting: TypeAlias = dict[int, set[asyncio.Future[None]]]


class Watchers:
    """Those who wait, by the key of the execution. `journal` is told of all events."""

    journal: Journal | None = None

    def __init__(self, store: Store) -> None:
        self._store = store
        self._for_turns: _Waiting = {}
        self._for_ends: _Waiting = {}
        self._listeners: list[EndListener] = []
        self._stopping = False

    @property
    def waiting(self) -> int:
        """For how many executions somebody waits."""
        return len(self._for_turns) + len(self._for_ends)

    def stop(self) -> None:
        """Let everybody go, and nobody wait any more."""
        self._stopping = True
        for waiting in (self._for_turns, self._for_ends):
            for key in list(waiting):
                _wake(waiting, key)

    def on_end(self, listener: EndListener) -> None:
        self._listeners.append(listener)

    def moved(self, key: int) -> None:
        """An execution has more events."""
        _wake(self._for_turns, key)

    def happened(self, new: NewExecution, events: Sequence[Event], redrive_count: int = 0) -> None:
        """Tell the journal of events."""
        if self.journal is not None:
            self.journal.told(new, events, redrive_count)

    def ended(self, key: int) -> None:
        """An execution has ended."""
        _wake(self._for_ends, key)
        for listener in self._listeners:
            listener(key)

    async def wait_for_turn(self, key: int, after_event_id: int, timeout: float) -> None:
        """Wait until the execution has more events than that, has ended, or the time (in seconds) is over."""
        if self._stopping:
            return
        with _watching(self._for_turns, key) as turn:
            row = await self._store.execution_row(key)
            if row is None or row.change.status != "RUNNING":
                return
            if row.change.last_event_id <= after_event_id:
                await asyncio.wait([turn], timeout=timeout)

    async def wait_for_end(self, arn: str, timeout: float) -> None:
        """Wait until the execution has ended, or the time (in seconds) is over."""
        key = await self._store.execution_key(arn)
        if key is None or self._stopping:
            return
        with _watching(self._for_ends, key) as end:
            row = await self._store.find_execution(arn)
            if row is not None and row.change.status == "RUNNING":
                await asyncio.wait([end], timeout=timeout)


@contextmanager
def _watching(waiting: _Waiting, key: int) -> Iterator[asyncio.Future[None]]:
    """What `_wake` completes, while the block lasts."""
    watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    found = waiting.setdefault(key, set())
    found.add(watcher)
    try:
        yield watcher
    finally:
        found.discard(watcher)
        if not found and waiting.get(key) is found:
            del waiting[key]


def _wake(waiting: _Waiting, key: int) -> None:
    for watcher in waiting.get(key, ()):
        if not watcher.done():
            watcher.set_result(None)
