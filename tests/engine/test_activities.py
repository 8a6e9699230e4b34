"""Activities: every task goes to one worker, and a worker that waits is called at once."""

from __future__ import annotations

import asyncio
import json

import pytest

from stepwell.engine.errors import TooManyWorkers
from stepwell.engine.requests import ActivityTask
from stepwell.store.protocol import StoreFull
from tests.engine.house import ACTIVITY, House, until
from tests.machine.journey import machine
from tests.patience import PATIENCE

DIG = machine({"Dig": {"Type": "Task", "Resource": ACTIVITY}})


async def poll(house: House, wait: float = PATIENCE, worker: str | None = None) -> ActivityTask | None:
    return await house.engine.get_activity_task(ACTIVITY, worker, wait)


async def test_a_task_waits_for_a_worker(house: House) -> None:
    await house.activity()
    started = await house.start(await house.machine(DIG), {"a": 1})
    task = await poll(house, worker="me")
    if task is None:
        raise AssertionError("nothing to do")
    assert task.input == '{"a": 1}'
    assert await poll(house, 0) is None
    await house.engine.send_task_success(task.token, "9")
    assert (await house.end(started)).change.output == "9"
    events = {event.type: event for event in await house.events(started)}
    assert events["ActivityStarted"].details == {"workerName": "me"}


async def test_a_worker_that_waits_is_called_at_once(house: House) -> None:
    await house.activity()
    waiting = asyncio.create_task(poll(house))
    await asyncio.sleep(0.02)
    await house.start(await house.machine(DIG))
    async with asyncio.timeout(PATIENCE):
        assert await waiting is not None


async def test_no_two_workers_get_the_same_task_and_no_task_is_left(house: House) -> None:
    await house.activity()
    workers = [asyncio.create_task(poll(house)) for _ in range(30)]
    machine_row = await house.machine(DIG)
    await asyncio.gather(*(house.start(machine_row, n) for n in range(30)))
    async with asyncio.timeout(PATIENCE):
        tasks = await asyncio.gather(*workers)
    assert sorted(json.loads(task.input) for task in tasks if task is not None) == list(range(30))


async def test_the_oldest_task_goes_first(house: House) -> None:
    await house.activity()
    machine_row = await house.machine(DIG)
    for n in range(3):
        await house.start(machine_row, n)
    tasks = [await poll(house, 0) for _ in range(3)]
    assert [task.input for task in tasks if task is not None] == ["0", "1", "2"]


async def test_a_call_that_its_worker_does_not_use_goes_to_the_next(house: House) -> None:
    await house.activity()
    first = asyncio.create_task(poll(house))
    await until(lambda: len(house.engine._activities._polling.get(ACTIVITY, {})) == 1)
    second = asyncio.create_task(poll(house))
    await until(lambda: len(house.engine._activities._polling[ACTIVITY]) == 2)
    await asyncio.sleep(0.02)
    house.engine._activities.offer(ACTIVITY)  # calls the first,
    first.cancel()  # whose client has gone
    await house.start(await house.machine(DIG))
    async with asyncio.timeout(PATIENCE):
        assert await second is not None


async def test_a_poll_without_a_task_ends_after_its_time(house: House) -> None:
    await house.activity()
    assert await poll(house, 0.01) is None
    assert house.engine._activities._polling == {}


async def test_stopping_the_engine_ends_all_polls(house: House) -> None:
    await house.activity()
    waiting = [asyncio.create_task(poll(house, 10 * PATIENCE)) for _ in range(3)]
    await asyncio.sleep(0.02)
    async with asyncio.timeout(PATIENCE):
        await house.engine.stop(0)
        assert await asyncio.gather(*waiting) == [None, None, None]


async def test_a_task_of_an_execution_that_was_stopped_goes_to_nobody(house: House) -> None:
    await house.activity()
    started = await house.start(await house.machine(DIG))
    await house.engine.stop_execution(started.arn, None, None)
    assert await poll(house, 0) is None


async def test_a_claim_that_cannot_be_stored_is_told_and_leaves_the_task(house: House) -> None:
    await house.activity()
    await house.start(await house.machine(DIG))
    house.store.faults = [StoreFull("disk full")]
    with pytest.raises(StoreFull):
        await poll(house, 0)
    assert await poll(house, 0) is not None


async def test_a_task_waits_for_a_worker_across_a_restart(house: House) -> None:
    await house.activity()
    await house.start(await house.machine(DIG), "x" * 500)
    await house.restart()
    task = await poll(house, 0)
    assert task is not None
    assert task.input == json.dumps("x" * 500)


async def test_no_more_workers_poll_an_activity_at_once_than_aws_allows(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepwell.engine.activities._POLLERS", 2)
    polls = [asyncio.create_task(house.engine.get_activity_task(ACTIVITY, None, 60)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyWorkers):
        await house.engine.get_activity_task(ACTIVITY, None, 60)
    for poll in polls:
        poll.cancel()
    await asyncio.wait(polls, timeout=PATIENCE)
    assert await house.engine.get_activity_task(ACTIVITY, None, 0) is None
