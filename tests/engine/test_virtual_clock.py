"""Executions on a virtual clock: time jumps where nothing but time is waited for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from stepwell.engine.dispatch import Failed, Outcome, Submitted, Succeeded, Task
from stepwell.store.protocol import StoreFull
from tests.engine.house import ACTIVITY, Gate, Handlers, House, until
from tests.machine.journey import CALLBACK, FUNCTION, loop, machine

DAY = 86_400


async def test_a_year_of_waits_ends_at_once_with_the_dates_of_a_year(house: House) -> None:
    days = {f"Day{n}": {"Type": "Wait", "Seconds": DAY} for n in range(365)}
    row = await house.run(machine(days), virtual=True)
    assert row.change.status == "SUCCEEDED"
    assert row.change.stop_date == row.new.start_date + 365 * DAY * 1000


async def test_retries_and_a_poll_loop_run_through_real_handlers(house: House) -> None:
    answers = iter([Failed("Busy", None), *[Succeeded('"WORKING"')] * 49, Succeeded('"out"')])

    async def poll(task: Task) -> AsyncIterator[Outcome]:
        yield next(answers)

    house.dispatcher.handlers["Poll"] = poll
    definition = loop("Rest")
    definition["StartAt"] = "Sleep"
    definition["States"]["Rest"]["Default"] = "Sleep"
    definition["States"]["Sleep"] = {"Type": "Wait", "Seconds": 60, "Next": "Poll"}
    retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 10}]
    definition["States"]["Poll"] = {"Type": "Task", "Resource": FUNCTION, "Retry": retry, "Next": "Rest"}
    row = await house.run(definition, virtual=True)
    assert row.change.stop_date == row.new.start_date + (50 * 60 + 10) * 1000


async def test_a_task_that_is_worked_on_holds_the_clock(house: House) -> None:
    gate = Gate()
    house.dispatcher.handlers["Work"] = gate
    work = machine({"Work": {"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 5}})
    rest = machine({"Rest": {"Type": "Wait", "Seconds": 60}})
    machine_row = await house.machine(machine({"Both": {"Type": "Parallel", "Branches": [work, rest]}}))
    started = await house.start(machine_row, virtual=True)
    await until(lambda: len(house.dispatcher.running) == 1)
    for _ in range(5):
        await asyncio.sleep(0.005)
    assert (await house.row(started)).change.last_event_id == 7
    gate.opened.set()
    row = await house.end(started)
    assert (row.change.status, row.change.stop_date) == ("SUCCEEDED", row.new.start_date + 60_000)


async def test_a_callback_does_not_hold_the_clock(house: House) -> None:
    async def send(task: Task) -> AsyncIterator[Outcome]:
        yield Submitted("{}")

    house.dispatcher.handlers["Call"] = send
    call = {"Type": "Task", "Resource": CALLBACK, "TimeoutSeconds": 3_600}
    row = await house.run(machine({"Call": call}), virtual=True)
    assert (row.change.error, row.change.stop_date) == ("States.Timeout", row.new.start_date + 3_600_000)


async def test_a_callback_whose_dispatcher_is_still_at_work_holds_the_clock(house: House) -> None:
    opened = asyncio.Event()

    async def send(task: Task) -> AsyncIterator[Outcome]:
        yield Submitted("{}")
        await opened.wait()
        yield Succeeded("1")

    house.dispatcher.handlers["Call"] = send
    call = {"Type": "Task", "Resource": CALLBACK, "TimeoutSeconds": 3_600}
    started = await house.start(await house.machine(machine({"Call": call})), virtual=True)
    await asyncio.sleep(0.03)
    opened.set()
    assert (await house.end(started)).change.status == "SUCCEEDED"


async def test_an_unclaimed_activity_does_not_hold_the_clock_and_a_claimed_one_does(house: House) -> None:
    await house.activity()
    dig = {"Type": "Task", "Resource": ACTIVITY, "TimeoutSeconds": 60}
    machine_row = await house.machine(machine({"Dig": dig}))
    assert (await house.end(await house.start(machine_row, virtual=True))).change.error == "States.Timeout"

    poll = asyncio.create_task(house.engine.get_activity_task(ACTIVITY, None, 5))
    rest = {"Type": "Wait", "Seconds": 30}
    both = {"Type": "Parallel", "Branches": [machine({"Dig": dig}), machine({"Rest": rest})]}
    slow = await house.machine(machine({"Both": both}), "Slow")
    started = await house.start(slow, virtual=True)
    task = await poll
    if task is None:
        raise AssertionError("the worker got nothing")
    await asyncio.sleep(0.03)
    await house.engine.send_task_success(task.token, "1")
    assert (await house.end(started)).change.status == "SUCCEEDED"


async def test_a_mocked_activity_holds_the_clock(house: House) -> None:
    gate = Gate()
    house.dispatcher.mocked.add("Dig")
    house.dispatcher.handlers["Dig"] = gate
    await house.activity()
    dig = {"Type": "Task", "Resource": ACTIVITY, "TimeoutSeconds": 60}
    started = await house.start(await house.machine(machine({"Dig": dig})), virtual=True)
    await asyncio.sleep(0.03)
    gate.opened.set()
    assert (await house.end(started)).change.status == "SUCCEEDED"


async def test_a_task_whose_handler_was_cancelled_lets_the_clock_go(house: House) -> None:
    house.dispatcher.handlers["Slow"] = Gate()

    async def fail(task: Task) -> AsyncIterator[Outcome]:
        await until(lambda: len(house.dispatcher.running) == 2)
        yield Failed("E", None)

    house.dispatcher.handlers["Bad"] = fail
    branches = [machine({name: {"Type": "Task", "Resource": FUNCTION}}) for name in ("Slow", "Bad")]
    both = {"Type": "Parallel", "Branches": branches, "Catch": [{"ErrorEquals": ["E"], "Next": "Rest"}]}
    row = await house.run(machine({"Both": both, "Rest": {"Type": "Wait", "Seconds": DAY}}), virtual=True)
    assert row.change.stop_date == row.new.start_date + DAY * 1000
    assert house.dispatcher.running == []


async def test_a_loop_of_states_goes_on_while_a_task_holds_the_clock(house: House) -> None:
    gate = Gate()
    house.dispatcher.handlers["Work"] = gate
    both = {"Type": "Parallel", "Branches": [machine({"Work": {"Type": "Task", "Resource": FUNCTION}}), loop()]}
    row = await house.run(machine({"Both": both}), virtual=True)
    assert row.change.last_event_id == 25_000
    assert row.change.stop_date == row.new.start_date


async def test_a_restart_takes_up_virtual_executions_where_they_were(house: House) -> None:
    gate = Gate()
    house.dispatcher.handlers["Work"] = gate
    states = {
        "Before": {"Type": "Wait", "Seconds": DAY},
        "Work": {"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 10},
        "After": {"Type": "Wait", "Seconds": DAY},
    }
    started = await house.start(await house.machine(machine(states)), virtual=True)
    await until(lambda: len(house.dispatcher.running) == 1)
    await house.restart(Handlers())
    row = await house.end(started)
    assert (row.change.status, row.change.stop_date) == ("SUCCEEDED", row.new.start_date + 2 * DAY * 1000)


async def test_a_restart_takes_up_a_virtual_execution_that_only_waits(house: House) -> None:
    house.engine._driver.wind_down()  # the process ends before the clock jumps
    started = await house.start(await house.machine(machine({"Rest": {"Type": "Wait", "Seconds": DAY}})), virtual=True)
    assert await house.store.virtual_executions(0, 10) == [(await house.row(started)).new.key]
    await house.restart()
    assert (await house.end(started)).change.status == "SUCCEEDED"
    assert await house.store.virtual_executions(0, 10) == []


async def test_a_commit_that_fails_does_not_stop_the_clock_for_ever(house: House) -> None:
    machine_row = await house.machine(
        machine({"A": {"Type": "Wait", "Seconds": 5}, "B": {"Type": "Wait", "Seconds": 5}})
    )
    house.store.faults = []
    started = await house.start(machine_row, virtual=True)
    house.store.faults = [StoreFull("disk full")]
    row = await house.end(started)
    assert (row.change.status, row.change.stop_date) == ("SUCCEEDED", row.new.start_date + 10_000)


async def test_a_mocked_activity_is_dispatched_again_after_a_restart(house: House) -> None:
    house.dispatcher.mocked.add("Dig")
    house.dispatcher.handlers["Dig"] = Gate()
    await house.activity()
    started = await house.start(await house.machine(machine({"Dig": {"Type": "Task", "Resource": ACTIVITY}})), 7)
    await until(lambda: len(house.dispatcher.running) == 1)
    await house.restart(Handlers(mocked=["Dig"]))
    assert json.loads((await house.end(started)).change.output or "") == 7


async def test_an_activity_that_a_worker_waits_for_is_claimed_before_it_can_time_out(house: House) -> None:
    await house.activity()
    machine_row = await house.machine(machine({"Dig": {"Type": "Task", "Resource": ACTIVITY, "TimeoutSeconds": 1}}))
    polls = [asyncio.create_task(house.engine.get_activity_task(ACTIVITY, None, 5)) for _ in range(2)]
    await asyncio.sleep(0)
    started = [await house.start(machine_row, virtual=True) for _ in range(2)]
    for poll in polls:
        task = await poll
        assert task is not None
        await house.engine.send_task_success(task.token, "1")
    for each in started:
        row = await house.end(each)
        assert (row.change.status, row.change.stop_date) == ("SUCCEEDED", row.new.start_date)


async def test_a_worker_that_leaves_without_a_task_lets_the_clock_go(house: House) -> None:
    await house.activity()
    dig = {"Type": "Task", "Resource": ACTIVITY, "TimeoutSeconds": 60}
    dig_twice = {"Type": "Parallel", "Branches": [machine({"One": dig}), machine({"Two": dig})]}
    poll = asyncio.create_task(house.engine.get_activity_task(ACTIVITY, None, 5))
    await asyncio.sleep(0)
    started = await house.start(await house.machine(machine({"Both": dig_twice})), virtual=True)
    task = await poll
    assert task is not None
    await house.engine.send_task_success(task.token, "1")
    row = await house.end(started)
    assert (row.change.error, row.change.stop_date) == ("States.Timeout", row.new.start_date + 60_000)


async def test_a_callback_holds_the_clock_of_an_execution_that_was_started_so(house: House) -> None:
    async def send(task: Task) -> AsyncIterator[Outcome]:
        yield Submitted("{}")

    house.dispatcher.handlers["Call"] = send
    call = {"Type": "Task", "Resource": CALLBACK, "TimeoutSeconds": 3_600}
    states = {"Call": call, "Rest": {"Type": "Wait", "Seconds": DAY}}
    started = await house.start(await house.machine(machine(states)), virtual=True, tokens_hold_clock=True)
    await until(lambda: len(house.dispatcher.tasks) == 1)
    await house.restart()
    await asyncio.sleep(0.03)
    assert (await house.row(started)).change.status == "RUNNING"
    await house.engine.send_task_success(house.dispatcher.tasks[0].token, "1")
    row = await house.end(started)
    assert (row.change.status, row.change.stop_date) == ("SUCCEEDED", row.new.start_date + DAY * 1000)
