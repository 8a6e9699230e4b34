"""Redrive: refused where AWS refuses it, answered once a client token, and as durable as a start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from stepwell.engine import redrive
from stepwell.engine.dispatch import Failed, Outcome, Succeeded, Task
from stepwell.engine.errors import ExecutionDoesNotExist, ExecutionNotRedrivable
from stepwell.engine.requests import Started
from stepwell.machine.stimulus import Stimulus
from stepwell.machine.turn import Turn
from tests.engine.house import Gate, Handlers, House, until
from tests.machine.journey import FUNCTION, machine

WORK = machine({"Work": {"Type": "Task", "Resource": FUNCTION}})
MINUTE = 60
DAY = 24 * 60 * MINUTE


async def broken(task: Task) -> AsyncIterator[Outcome]:
    yield Failed("Broken", None)


async def failed(house: House, **fields: object) -> Started:
    """An execution whose task has failed; from now on tasks succeed."""
    house.dispatcher.handlers["Work"] = broken
    started = await house.start(await house.machine(WORK), **fields)
    assert (await house.end(started)).change.status == "FAILED"
    del house.dispatcher.handlers["Work"]
    return started


async def test_a_redriven_execution_goes_on_under_its_name(house: House) -> None:
    started = await failed(house)
    redriven = await house.engine.redrive_execution(started.arn, None)
    row = await house.end(started)
    assert (row.change.status, row.change.error, row.change.output) == ("SUCCEEDED", None, "{}")
    assert (row.change.redrive_count, row.change.redrive_date) == (1, redriven)
    assert [task.idempotency_key for task in house.dispatcher.tasks] == [f"{started.arn}:3", f"{started.arn}:8"]


async def test_while_it_runs_again_it_shows_no_end(house: House) -> None:
    started = await failed(house)
    house.dispatcher.handlers["Work"] = Gate()
    await house.engine.redrive_execution(started.arn, None)
    change = (await house.row(started)).change
    assert (change.status, change.stop_date, change.error) == ("RUNNING", None, None)


async def test_a_redrive_outlives_the_process(house: House) -> None:
    started = await failed(house)
    house.dispatcher.handlers["Work"] = Gate()
    await house.engine.redrive_execution(started.arn, "once")
    await house.restart(Handlers())
    row = await house.end(started)
    assert (row.change.status, row.change.redrive_count) == ("SUCCEEDED", 1)


async def test_what_failed_before_a_restart_can_be_redriven_after_it(house: House) -> None:
    started = await failed(house)
    await house.restart()
    await house.engine.redrive_execution(started.arn, None)
    assert (await house.end(started)).change.status == "SUCCEEDED"


async def test_the_same_client_token_redrives_once(house: House) -> None:
    started = await failed(house)
    first = await house.engine.redrive_execution(started.arn, "once")
    assert (await house.end(started)).change.status == "SUCCEEDED"
    assert await house.engine.redrive_execution(started.arn, "once") == first
    with pytest.raises(ExecutionNotRedrivable):
        await house.engine.redrive_execution(started.arn, "twice")


async def test_two_requests_at_once_with_one_token_redrive_once(house: House) -> None:
    started = await failed(house)
    first, second = await asyncio.gather(*(house.engine.redrive_execution(started.arn, "once") for _ in range(2)))
    assert first == second
    assert (await house.end(started)).change.redrive_count == 1


async def test_two_requests_at_once_without_a_token_redrive_once(house: House) -> None:
    started = await failed(house)
    house.dispatcher.handlers["Work"] = Gate()
    answers = await asyncio.gather(
        *(house.engine.redrive_execution(started.arn, None) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["ExecutionNotRedrivable", "int"]


async def test_a_client_token_is_forgotten_after_15_minutes(still_house: House) -> None:
    house = still_house
    started = await failed(house)
    house.dispatcher.handlers["Work"] = broken
    first = await house.engine.redrive_execution(started.arn, "once")
    await house.end(started)
    house.clock.advance(15 * MINUTE)
    assert await house.engine.redrive_execution(started.arn, "once") == first
    house.clock.advance(1)
    assert await house.engine.redrive_execution(started.arn, "once") > first
    assert (await house.end(started)).change.redrive_count == 2


async def test_an_execution_that_is_not_there_is_told(house: House) -> None:
    with pytest.raises(ExecutionDoesNotExist):
        await house.engine.redrive_execution("arn:none", None)


async def refusal(house: House, started: Started) -> str:
    with pytest.raises(ExecutionNotRedrivable) as caught:
        await house.engine.redrive_execution(started.arn, None)
    return str(caught.value)


async def test_what_runs_or_has_succeeded_is_refused(house: House) -> None:
    gate = house.dispatcher.handlers["Work"] = Gate(Succeeded("1"))
    started = await house.start(await house.machine(WORK))
    assert await refusal(house, started) == "Execution is RUNNING and cannot be redriven"
    gate.opened.set()
    await house.end(started)
    assert await refusal(house, started) == "Execution is SUCCEEDED and cannot be redriven"


async def test_it_is_refused_after_14_days(still_house: House) -> None:
    house = still_house
    started = await failed(house)
    house.clock.advance(14 * DAY + 1)
    assert await refusal(house, started) == "Execution redrivable period exceeded"


async def test_a_history_needs_room_for_more(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    started = await failed(house)
    monkeypatch.setattr(redrive, "MAX_EVENTS", (await house.row(started)).change.last_event_id)
    assert await refusal(house, started) == "Execution history event limit exceeded"


async def test_an_execution_of_a_machine_that_is_being_deleted_is_refused(house: House) -> None:
    started = await failed(house)
    row = await house.machine(WORK)
    await house.store.update_machine(replace(row, status="DELETING"), None)
    assert await refusal(house, started) == "State machine is in DELETING status"
    await house.store.delete_machine(row.id)
    assert await refusal(house, started) == "State machine is in DELETING status"


async def test_a_stopped_execution_goes_on_and_its_old_task_counts_no_more(house: House) -> None:
    house.dispatcher.handlers["Work"] = Gate()
    started = await house.start(await house.machine(WORK))
    await until(lambda: len(house.dispatcher.running) == 1)
    await house.engine.stop_execution(started.arn, None, None)
    await until(lambda: house.dispatcher.running == [])
    house.dispatcher.handlers["Work"] = Gate(Succeeded("2"))
    await house.engine.redrive_execution(started.arn, None)
    await until(lambda: len(house.dispatcher.running) == 1)
    house.dispatcher.handlers["Work"].opened.set()  # type: ignore[attr-defined]
    assert (await house.end(started)).change.output == "2"


async def test_a_stop_that_meets_a_redrive_stops_what_was_redriven(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stop finds an execution that has ended, and by the time that it looks when, it runs again."""
    started = await failed(house)
    house.dispatcher.handlers["Work"] = Gate()
    submit = house.engine._driver.submit

    async def slowly(key: int, stimulus: Stimulus) -> Turn | None:
        turn = await submit(key, stimulus)
        if turn is None:
            await house.engine.redrive_execution(started.arn, None)
        return turn

    monkeypatch.setattr(house.engine._driver, "submit", slowly)
    date = await house.engine.stop_execution(started.arn, None, None)
    row = await house.row(started)
    assert (row.change.status, row.change.stop_date, row.change.redrive_count) == ("ABORTED", date, 1)


async def test_it_goes_on_by_its_own_virtual_clock(house: House) -> None:
    rest = {"Type": "Wait", "Seconds": 7 * DAY}
    house.dispatcher.handlers["Work"] = broken
    states = {"Rest": rest, "Work": {"Type": "Task", "Resource": FUNCTION}, "Again": rest}
    started = await house.start(await house.machine(machine(states)), virtual=True)
    row = await house.end(started)
    assert (row.change.status, row.change.stop_date) == ("FAILED", started.start_date + 7 * DAY * 1000)
    del house.dispatcher.handlers["Work"]
    assert await house.engine.redrive_execution(started.arn, None) == row.change.stop_date
    row = await house.end(started)
    assert (row.change.status, row.change.stop_date) == ("SUCCEEDED", started.start_date + 14 * DAY * 1000)


async def test_a_child_of_a_map_run_is_not_redriven_by_itself(house: House) -> None:
    started = await failed(house)
    row = await house.row(started)
    child = replace(row, new=replace(row.new, map_run_arn="arn:run"))
    assert await redrive.refusal(house.store, child, 0) == (
        "Execution is a child of a Map Run and cannot be redriven by itself"
    )
