"""Executions that are held to a pace: all of them go on, whatever becomes of what was in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from stepwell.engine.dispatch import Submitted, Task, Told
from stepwell.engine.engine import EngineSettings
from stepwell.engine.errors import TaskTimedOut
from stepwell.engine.records import turn_record
from stepwell.engine.requests import StartRequest
from stepwell.machine.turn import UNBORN
from stepwell.store.protocol import Answer, StoreError
from tests.engine.house import Handlers, House, until
from tests.patience import PATIENCE

CALLBACK = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"


def asking(*names: str) -> dict[str, Any]:
    """A machine that asks outside, one after the other."""
    states: dict[str, Any] = {}
    for name, after in zip(names, (*names[1:], None), strict=True):
        way = {"End": True} if after is None else {"Next": after}
        states[name] = {"Type": "Task", "Resource": CALLBACK, "HeartbeatSeconds": 600, **way}
    return {"StartAt": names[0], "States": states}


async def submitted(task: Task) -> AsyncIterator[Told]:
    yield Submitted("{}")


@pytest.fixture
async def slow(house: House) -> House:
    """A house with one transition at a time, 20 a second, which keeps nothing in memory that merely waits."""
    house.settings = EngineSettings(transitions=(1, 20), idle_executions=0)
    await house.restart(Handlers(A=submitted, B=submitted, C=submitted))
    return house


async def token(house: House, state: str) -> str:
    def found() -> str | None:
        return next((task.token for task in house.dispatcher.tasks if task.state_name == state), None)

    await until(lambda: found() is not None)
    return found() or ""


async def test_what_had_not_to_wait_after_all_holds_nothing_up_later(slow: House) -> None:
    """A heartbeat takes with it what is held up; the execution leaves memory, and is held up as another object."""
    started = await slow.start(await slow.machine(asking("A", "B", "C")))
    for state in ("A", "B", "C"):
        name = await token(slow, state)
        told = asyncio.ensure_future(slow.engine.send_task_success(name, "1"))
        await asyncio.sleep(0)
        with suppress(TaskTimedOut):  # where it was first, the task has ended
            await slow.engine.send_task_heartbeat(name)
        async with asyncio.timeout(PATIENCE):
            await told
    assert (await slow.end(started)).change.status == "SUCCEEDED"


async def test_an_execution_that_is_read_again_while_it_is_held_up_goes_on(slow: House) -> None:
    started = await slow.start(await slow.machine(asking("A", "B")))
    name = await token(slow, "A")
    slow.store.faults = [StoreError("the disk is full")]
    with pytest.raises(StoreError):
        await slow.engine.send_task_success(name, "1")
    await slow.engine.send_task_success(name, "1")
    await slow.engine.send_task_success(await token(slow, "B"), "2")
    assert (await slow.end(started)).change.status == "SUCCEEDED"


async def test_an_execution_that_is_stopped_before_it_could_begin_leaves_no_timer(still_house: House) -> None:
    """What a crash has left of one that was put off: a timer that belongs to no frame, here set for later."""
    machine, now = await still_house.machine(asking("A")), still_house.clock.now()
    arn = machine.arn.replace("stateMachine", "execution") + ":put-off"
    new = StartRequest(machine=machine, arn=arn, name="put-off", input="{}").row(1 << 60, now)
    born = turn_record(new.key, 1, UNBORN, new=new, clock=None, now=now + 60_000, continued=False)
    assert await still_house.store.commit([born]) == [Answer.ACCEPTED]
    await still_house.engine.stop_execution(arn, None, None)
    stored = await still_house.store.load_execution(new.key)
    assert stored is not None
    assert (stored.row.change.status, stored.timers) == ("ABORTED", {})
