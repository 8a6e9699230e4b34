"""Expressions that do not end, beside everything else that the engine has to do."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.engine.house import House

ENDLESS = "($f := function($n) { $f($n + 1) }; $f(0))"


def tells(*expressions: str) -> dict[str, Any]:
    """A machine with one Pass state an expression."""
    states: dict[str, Any] = {}
    for number, expression in enumerate(expressions):
        states[f"S{number}"] = {"Type": "Pass", "Output": f"{{% {expression} %}}", "Next": f"S{number + 1}"}
    states[f"S{len(expressions)}"] = {"Type": "Succeed"}
    return {"QueryLanguage": "JSONata", "StartAt": "S0", "States": states}


class Ticking:
    """Measures what this process computes while the event loop waits for its turn, at worst, in seconds: other
    programs on these cores do not count."""

    def __init__(self) -> None:
        self.worst = 0.0

    async def __aenter__(self) -> Ticking:
        self._task = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _tick(self) -> None:
        while True:
            began = time.process_time()
            await asyncio.sleep(0.002)
            self.worst = max(self.worst, time.process_time() - began)


@pytest.mark.parametrize(
    "expression",
    [
        ENDLESS,
        "$match('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', /^(a+)+$/)",
        "[1..9000000]",
        "[1..1000].([1..1000].([1..1000]))",
        "$distinct([1..20000])",
    ],
)
async def test_the_loop_goes_on_beside_an_expression_that_does_not_end(house: House, expression: str) -> None:
    machine = await house.machine(tells(expression))
    for _ in range(3):  # what holds the loop does so each time
        async with Ticking() as ticking:
            await house.end(await house.start(machine))
        if ticking.worst < 0.25:  # alone on a machine it is below 0.02
            return
    raise AssertionError(f"the loop was held for {ticking.worst:.2f} s")


async def test_it_ends_with_the_error_of_its_language(house: House) -> None:
    row = await house.run(tells(ENDLESS))
    assert (row.change.status, row.change.error) == ("FAILED", "States.QueryEvaluationError")
    assert "D1012" in str(row.change.cause)


async def test_other_executions_do_not_wait_for_it(house: House) -> None:
    hostile, quick = await house.machine(tells(ENDLESS), "Hostile"), await house.machine(tells("1 + 1"), "Quick")
    slow = asyncio.create_task(house.start(hostile))
    await asyncio.sleep(0)
    row = await house.end(await house.start(quick))
    assert (row.change.output, slow.done()) == ("2", False)
    await house.end(await slow)


async def test_what_comes_meanwhile_waits_its_turn(house: House) -> None:
    waiting = {"Type": "Wait", "Seconds": 0, "Next": "S0"}
    definition = tells("$sum([1..900000])")
    definition["States"]["First"] = waiting
    definition["StartAt"] = "First"
    started = await house.start(await house.machine(definition))
    stopped = await asyncio.gather(*(house.engine.stop_execution(started.arn, "E", None) for _ in range(3)))
    row = await house.end(started)
    assert set(stopped) == {row.change.stop_date}
    assert sum(type.startswith("Execution") for type in await house.types(started)) == 2


async def test_a_moved_turn_leaves_the_events_of_any_other(house: House) -> None:
    started = await house.start(await house.machine(tells("1", "$sum([1..5000])", "$states.input + 1")))
    row = await house.end(started)
    assert row.change.output == str(5000 * 5001 // 2 + 1)
    events = await house.events(started)
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert len(events) == 10
