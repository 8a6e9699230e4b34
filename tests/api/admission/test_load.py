"""How much new work is let in, by how long work waits; on a clock that goes on only as the test has it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from functools import wraps
from math import inf
from typing import Any, ParamSpec

import pytest

from stepwell.api.admission.load import PERIOD, Load

P = ParamSpec("P")


class Still(asyncio.SelectorEventLoop):
    """An event loop whose clock stands still while something is to be done, and leaps to the next timer."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Leaping(self))

    def time(self) -> float:
        return self.now


class _Leaping(selectors.SelectSelector):
    def __init__(self, loop: Still) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop.now += timeout or 0.0
        return super().select(0)


def still(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Runs a test on such a loop."""

    @wraps(test)
    def run(*given: P.args, **named: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=Still) as runner:
            runner.run(test(*given, **named))

    return run


def hold_up(seconds: float) -> None:
    """Keep the event loop from everything else."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Still)
    loop.now += seconds


async def overload(load: Load) -> None:
    """Keep the loop late until new work is held back."""
    load.watch()
    async with asyncio.timeout(60):
        while not load.is_too_high:
            for _ in range(20):
                load.takes()
            hold_up(PERIOD * 3)
            await asyncio.sleep(0.001)


@still
async def test_everything_is_let_in_while_nothing_waits() -> None:
    load = Load(0.05, lambda: 0, lambda: 0)
    load.watch()
    await asyncio.sleep(PERIOD * 2)
    assert all(load.takes() for _ in range(10_000))
    assert load.rate == inf


@still
async def test_a_loop_that_stays_late_holds_new_work_back_and_lets_some_of_it_in() -> None:
    load = Load(PERIOD, lambda: 0, lambda: 0)
    await overload(load)
    let_in = [load.takes() for _ in range(1_000)]
    assert not all(let_in)
    async with asyncio.timeout(60):
        while not load.takes():
            hold_up(PERIOD * 2)
            await asyncio.sleep(0.001)


@still
async def test_one_late_moment_holds_nobody_back() -> None:
    load = Load(PERIOD, lambda: 0, lambda: 0)
    load.watch()
    await asyncio.sleep(0)
    hold_up(PERIOD * 5)
    await asyncio.sleep(PERIOD * 1.5)
    assert not load.is_too_high


@still
async def test_all_is_let_in_again_by_itself() -> None:
    load = Load(PERIOD, lambda: 0, lambda: 0)
    await overload(load)
    async with asyncio.timeout(60):
        while load.is_too_high:  # noqa: ASYNC110
            await asyncio.sleep(PERIOD)
    assert load.takes()


@still
async def test_turns_that_wait_long_for_their_commit_hold_new_work_back() -> None:
    """The disk takes ten turns a measurement, and a thousand wait."""
    committed = [0]

    def commit() -> int:
        committed[0] += 10
        return committed[0]

    load = Load(1.0, lambda: 1_000, commit)
    load.watch()
    async with asyncio.timeout(60):
        while not load.is_too_high:
            load.takes()
            await asyncio.sleep(0.01)
    assert load.commit_delay > 1.0


@still
async def test_a_disk_that_stands_still_is_noticed() -> None:
    load = Load(PERIOD * 3, lambda: 1, lambda: 0)
    load.watch()
    async with asyncio.timeout(60):
        while not load.is_too_high:
            load.takes()
            await asyncio.sleep(0.01)


@still
async def test_nothing_runs_while_nobody_asks() -> None:
    load = Load(1.0, lambda: 0, lambda: 0)
    load.watch()
    async with asyncio.timeout(60):
        while load._measuring:  # noqa: ASYNC110
            await asyncio.sleep(PERIOD)


@still
async def test_the_log_says_what_work_waits_for_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    load = Load(PERIOD, lambda: 0, lambda: 0)
    await overload(load)
    assert "for its turn, so new requests are refused with ThrottlingException" in caplog.text
    async with asyncio.timeout(60):
        while load.is_too_high:  # noqa: ASYNC110
            await asyncio.sleep(PERIOD)
    assert "overload is over: " in caplog.text
