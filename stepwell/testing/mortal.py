"""A server that dies at a chosen write, and those who see what it does.

Rules that must stay true here:
- A death is an end without a goodbye: what was written is on the disk, its answer reaches nobody, and nothing is
  written or read any more.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from stepwell.engine.around import AroundDispatcher
from stepwell.engine.attempt import close
from stepwell.engine.dispatch import Dispatcher, Task, Told
from stepwell.machine.history import decode_events
from stepwell.store.protocol import Answer, Store, TurnRecord

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Point:
    """Where the server dies: before or after the write of this number, counted from 1. `what` is what was written."""

    when: Literal["before", "after"]
    write: int
    what: str = ""

    def __str__(self) -> str:
        return f"{self.when} commit {self.write}" + (f" ({self.what})" if self.what else "")


class MortalStore:
    """A store in front of another. `dead` is set when the process has died; `writes` tells what was written, in order.

    Only what executions write counts: commits of turns, and settled messages.
    """

    def __init__(self, store: Store, point: Point | None) -> None:
        self._store = store
        self._point = point
        self.dead = asyncio.Event()
        self.writes: list[str] = []

    @classmethod
    def before(cls, store: Store, point: Point | None) -> tuple[Store, MortalStore]:
        """The store as the engine takes it, and the same as what it is."""
        mortal = cls(store, point)
        return cast(Store, mortal), mortal

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return _Mortal(found, self) if not callable(found) else self._while_alive(found)

    def _while_alive(self, call: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        async def mortal(*arguments: object, **options: object) -> T:
            await self.alive()
            answer = await call(*arguments, **options)
            await self.alive()
            return answer

        return mortal

    async def commit(self, turns: Sequence[TurnRecord]) -> Sequence[Answer]:
        return await self._write(_told(turns), lambda: self._store.commit(turns))

    async def settle(self, effects: Sequence[tuple[int, int]]) -> None:
        await self._write("a message is settled", lambda: self._store.settle(effects))

    async def _write(self, what: str, write: Callable[[], Awaitable[T]]) -> T:
        await self.alive()
        self.writes.append(what)
        number = len(self.writes)
        self._strike("before", number)
        await self.alive()
        answer = await write()
        self._strike("after", number)
        await self.alive()
        return answer

    def _strike(self, when: Literal["before", "after"], number: int) -> None:
        if self._point is not None and (self._point.when, self._point.write) == (when, number):
            self.dead.set()

    async def alive(self) -> None:
        """Who has died waits for ever."""
        if self.dead.is_set():
            await asyncio.get_running_loop().create_future()


class _Mortal:
    """A subject of the store (`store.vault`), which dies with it."""

    def __init__(self, subject: object, store: MortalStore) -> None:
        self._subject = subject
        self._mortal = store

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._subject, name)
        return self._mortal._while_alive(found) if callable(found) else found


def _told(turns: Sequence[TurnRecord]) -> str:
    """What a reader knows a commit by: the last event, and the state that it belongs to."""
    for turn in reversed(turns):
        if turn.events is None:
            continue
        events = decode_events(turn.events.first_id, turn.events.data, lambda _: "")
        name = next((event.details["name"] for event in reversed(events) if "name" in event.details), None)
        return f"{events[-1].type} of {name}" if name else events[-1].type
    return "progress of a map run" if turns and turns[0].new is None else "a start"


class Witness(AroundDispatcher):
    """A dispatcher in front of another. `runs` counts how often each attempt was begun, by its idempotency key;
    `states` tells whose attempts they are."""

    def __init__(self, inner: Dispatcher, runs: Counter[str], states: dict[str, str]) -> None:
        super().__init__(inner)
        self.runs = runs
        self.states = states

    async def run(self, task: Task) -> AsyncIterator[Told]:
        # To follow a job is not to submit it again, and the start of an execution is made once by the engine itself.
        if task.submitted is None and task.resource.service != "states":
            self.runs[task.idempotency_key] += 1
            self.states[task.idempotency_key] = task.state_name
        outcomes = self._inner.run(task)
        try:
            async for told in outcomes:
                yield told
        finally:
            await close(outcomes)
