"""What happens when a commit fails or is refused: nothing is lost, nobody is left waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stepwell.engine.committer import MAX_GROUP
from stepwell.engine.errors import Refused, TaskTimedOut
from stepwell.store.protocol import StoreError, StoreFull
from tests.engine.house import Gate, House, until
from tests.machine.journey import CALLBACK, FUNCTION, machine

CALL = machine(
    {"Call": {"Type": "Task", "Resource": CALLBACK, "HeartbeatSeconds": 600, "Parameters": {"t.$": "$$.Task.Token"}}}
)


async def waiting(house: House) -> tuple[str, str]:
    """An execution that waits for its token: its ARN and the token."""
    house.dispatcher.handlers["Call"] = Gate()
    started = await house.start(await house.machine(CALL))
    await until(lambda: len(house.dispatcher.tasks) == 1)
    return started.arn, house.dispatcher.tasks[0].token


async def test_a_refused_turn_is_told_and_the_execution_goes_on_from_the_store(house: House) -> None:
    _, token = await waiting(house)
    house.store.stale = 1
    with pytest.raises(Refused):
        await house.engine.send_task_heartbeat(token)
    await house.engine.send_task_success(token, "1")


async def test_all_turns_built_on_a_failed_one_fail_with_it(house: House) -> None:
    arn, token = await waiting(house)
    house.store.faults = [StoreFull("disk full")]
    told = await asyncio.gather(
        house.engine.send_task_heartbeat(token),
        house.engine.send_task_success(token, "1"),
        house.engine.send_task_success(token, "2"),
        return_exceptions=True,
    )
    assert [type(each) for each in told] == [StoreFull] * 3
    await house.engine.send_task_success(token, "3")
    row = await house.store.find_execution(arn)
    assert row.change.output == "3"


async def test_turns_go_to_the_store_while_others_are_being_committed(house: House) -> None:
    arn = await house.machine(machine({"Done": {"Type": "Succeed"}}))
    house.store.groups.clear()
    with held(house):
        first = [asyncio.create_task(house.start(arn)) for _ in range(3)]
        await until(lambda: sum(map(len, house.store.groups)) == 3)
        second = [asyncio.create_task(house.start(arn)) for _ in range(2)]
        await until(lambda: sum(map(len, house.store.groups)) == 5)
        assert not any(start.done() for start in first + second)
        assert house.engine.committer.waiting == 5
    async with asyncio.timeout(30):
        await asyncio.gather(*first, *second)
    assert house.engine.committer.waiting == 0


async def test_no_more_turns_are_on_their_way_than_two_transactions_need(house: House) -> None:
    arn = await house.machine(machine({"Done": {"Type": "Succeed"}}))
    house.store.groups.clear()
    with held(house):
        starts = [asyncio.create_task(house.start(arn)) for _ in range(4 * MAX_GROUP)]
        await until(lambda: house.engine.committer.waiting == 4 * MAX_GROUP)
        assert sum(map(len, house.store.groups)) < 3 * MAX_GROUP
    async with asyncio.timeout(30):
        await asyncio.gather(*starts)


@contextmanager
def held(house: House) -> Iterator[None]:
    """No commit is answered before the end of the block."""
    house.store.hold = asyncio.Event()
    try:
        yield
    finally:
        house.store.hold.set()


async def test_a_stale_answer_waits_for_the_commit_that_makes_it_stale(house: House) -> None:
    _, token = await waiting(house)
    house.store.hold = asyncio.Event()
    first = asyncio.create_task(house.engine.send_task_success(token, "1"))
    second = asyncio.create_task(house.engine.send_task_success(token, "2"))
    await asyncio.sleep(0.01)
    assert not first.done()
    assert not second.done()
    house.store.hold.set()
    await first
    with pytest.raises(TaskTimedOut):
        await second


async def test_an_outcome_that_cannot_be_committed_is_tried_again(house: House) -> None:
    gate = Gate()
    house.dispatcher.handlers["Work"] = gate
    started = await house.start(await house.machine(machine({"Work": {"Type": "Task", "Resource": FUNCTION}})), 5)
    await until(lambda: len(house.dispatcher.running) == 1)
    house.store.faults = [StoreFull("disk full"), StoreError("busy")]
    gate.opened.set()
    row = await house.end(started)
    assert (row.change.output, len(house.dispatcher.tasks)) == ("5", 1)


async def test_a_timer_that_cannot_be_committed_fires_again(still_house: House) -> None:
    house = still_house
    started = await house.start(await house.machine(machine({"Rest": {"Type": "Wait", "Seconds": 60}})))
    house.store.faults = [StoreFull("disk full")]
    house.clock.advance(60)
    assert (await house.end(started)).change.status == "SUCCEEDED"


async def test_a_defect_of_a_store_fails_the_callers_and_nothing_else(house: House) -> None:
    machine_row = await house.machine(machine({"On": {"Type": "Pass"}}))
    house.store.faults = [RuntimeError("defect")]
    with pytest.raises(StoreError, match="RuntimeError: defect"):
        await house.start(machine_row)
    assert (await house.end(await house.start(machine_row))).change.status == "SUCCEEDED"
