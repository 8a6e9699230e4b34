"""No timer waits for the next look into the store, in whatever order commits, looks and fires come.

Time is simulated: it passes when nothing is left to be done at its present. Commits are durable a while before they are
told of, a look sees the store as it was at some moment while it lasts, both may fail; memory holds a handful of timers
only, and the next look that nothing asks for is half a minute away.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from random import Random
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.engine import timers as timers_module
from stepwell.engine.timers import Answer, Bounds, Timers
from stepwell.store.protocol import StoreError, TimerRow

START = 1_700_000_000_000
WINDOW = 60_000
FAR = 20_000  # milliseconds until a timer is due, at the most
LATE = 8.0  # seconds that a timer may be late: many times what the others need here that go before it
PAUSES = 4  # failures of the store, after each of which a second passes
KEYS, NAMES = (1, 2, 3), ("|wait", "5.0/|timeout", "5.0/|heartbeat", "5.1/|retry")

_Name = tuple[int, str]


class Passing(selectors.SelectSelector):
    """Nothing is waited for: its time is passed over."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing will ever happen again"
        self.passed += max(timeout, 0)
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.passing = Passing()
        super().__init__(self.passing)

    def time(self) -> float:
        return self.passing.passed


class World:
    """A store, a clock, and executions that take timers in; `chance` decides how long each thing takes, and how it
    ends."""

    def __init__(self, chance: Random, bounds: Bounds) -> None:
        self.chance = chance
        self.rows: dict[_Name, int] = {}
        self.told: dict[tuple[_Name, int], float] = {}  # since when the engine could know of a timer
        self.fired: dict[tuple[_Name, int], float] = {}  # when it was handed in first
        self.gone: dict[tuple[_Name, int], float] = {}  # since when it is no more
        self.failures = PAUSES
        self.renewals = 40
        self.reads = 0
        self._order = asyncio.Lock()
        self._answers: set[asyncio.Task[None]] = set()
        self.timers = Timers(self, self, self.fire, WINDOW, bounds)

    def now(self) -> int:
        return START + int(self._time() * 1000 + 0.000_1)

    def _time(self) -> float:
        return asyncio.get_running_loop().time()

    async def pass_(self, *milliseconds: int) -> None:
        await asyncio.sleep(self.chance.choice(milliseconds) / 1000)

    def _fails(self) -> bool:
        if self.failures and not self.chance.randrange(20):
            self.failures -= 1
            return True
        return False

    # -- the store

    async def due_timers(self, until: int, limit: int) -> list[TimerRow]:
        self.reads += 1
        await self.pass_(0, 0, 1, 30)
        if self._fails():
            raise StoreError("busy")
        found = sorted((due, key, name) for (key, name), due in self.rows.items() if due <= until)
        await self.pass_(0, 0, 1, 100)
        return [TimerRow(key, name, due) for due, key, name in found[:limit]]

    async def commit(self, key: int, timers: dict[str, int], removed: list[str], below: list[str]) -> None:
        """Durable at once, told after a while, in the order of the commits."""
        for name in NAMES:
            if name in removed or any(name.startswith(prefix) for prefix in below):
                self._end(key, name)
        for name, due in timers.items():
            self._end(key, name)
            self.rows[key, name] = due
            self.gone.pop(((key, name), due), None)
        async with self._order:
            await self.pass_(0, 0, 1, 20)
            self.timers.remove(key, removed, below)
            for name, due in timers.items():
                self.timers.add(key, name, due)
                self.fired.pop(((key, name), due), None)
                self.told[(key, name), due] = self._time()

    def _end(self, key: int, name: str) -> None:
        due = self.rows.pop((key, name), None)
        if due is not None:
            self.gone[(key, name), due] = self._time()

    # -- the executions

    def fire(self, key: int, name: str, due: int) -> Answer:
        assert due <= self.now(), "too early"
        self.fired.setdefault(((key, name), due), self._time())
        answer: Answer = asyncio.get_running_loop().create_future()
        task = asyncio.get_running_loop().create_task(self._take_in(key, name, due, answer))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)
        return answer

    async def _take_in(self, key: int, name: str, due: int, answer: Answer) -> None:
        await self.pass_(0, 0, 1, 20)
        if self._fails():
            self.fired.pop(((key, name), due), None)  # it has to come again
            self.told[(key, name), due] = self._time()
            answer.set_exception(StoreError("disk full"))
            return
        if self.rows.get((key, name)) == due:
            renew = self.renewals > 0 and self.chance.randrange(3)
            self.renewals -= 1
            again = {name: self.now() + self.chance.choice((1, 30, 1_000))} if renew else {}
            await self.commit(key, again, self.chance.choice(([], [name])) if again else [name], [])
            await self.pass_(0, 0, 1, 20)
        answer.set_result(None)

    async def live(self, steps: int) -> None:
        """Things happen to executions, then all that is left fires."""
        for key in KEYS:
            for name in NAMES:
                if self.chance.randrange(2):
                    self.rows[key, name] = due = self.now() + self.chance.choice((-1_000, 0, 40, FAR))
                    self.told[(key, name), due] = self._time()
        self.timers.start()
        for _ in range(steps):
            await self.pass_(0, 0, 1, 10, 300)
            key = self.chance.choice(KEYS)
            dues = {name: self.now() + self.chance.choice((0, 1, 40, 2_000, FAR)) for name in NAMES}
            timers = {name: due for name, due in dues.items() if not self.chance.randrange(3)}
            removed = [name for name in NAMES if not self.chance.randrange(6)]
            below = [prefix for prefix in ("5.0/", "5.", "") if not self.chance.randrange(12)]
            await self.commit(key, timers, removed, below)
        self.renewals = 0
        await asyncio.sleep(FAR / 1000 + LATE + PAUSES)
        await self.timers.stop()

    def late(self) -> list[str]:
        """The timers that fired too late, or not at all."""
        found = []
        for (name, due), told in self.told.items():
            limit = max((due - START) / 1000, told) + LATE + PAUSES
            if min(self.fired.get((name, due), 1e9), self.gone.get((name, due), 1e9)) > limit:
                found.append(f"{name} of {due - START} ms, told of at {told:.3f} s")
        return found


def lived(chance: Random, steps: int, bounds: Bounds) -> World:
    async def life() -> World:
        world = World(chance, bounds)
        await world.live(steps)
        return world

    stopwatch = patch.object(time, "perf_counter", lambda: chance.choice((0.0, 1.0)))  # some moments are over at once
    with asyncio.Runner(loop_factory=Loop) as runner, stopwatch, patch.object(timers_module.logger, "disabled", True):
        return runner.run(life())


bounds_of_memory = st.builds(
    Bounds, read=st.sampled_from((100, 5, 3)), held=st.sampled_from((1_000, 4, 1)), fired=st.sampled_from((64, 2, 1))
)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(0, 30), bounds=bounds_of_memory)
def test_every_timer_fires_in_time_in_whatever_order_commits_looks_and_fires_come(
    seed: int, steps: int, bounds: Bounds
) -> None:
    world = lived(Random(seed), steps, bounds)
    assert world.late() == []
    assert world.rows == {}
    assert not world.timers._waiting
    assert not world.timers._firing
