"""Tasks: dispatched after the commit, again after a crash, counted once, ended when nobody wants them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from stepwell.engine.dispatch import (
    Failed,
    Outcome,
    Parked,
    SubmitFailed,
    Submitted,
    Succeeded,
    Task,
    TimedOut,
    Told,
)
from stepwell.engine.errors import InvalidToken, TaskDoesNotExist, TaskTimedOut
from stepwell.engine.settings import EngineSettings
from stepwell.machine.states.task import token_of
from stepwell.machine.stimulus import Stop
from tests.engine.house import Gate, Handlers, House, until
from tests.machine.journey import CALLBACK, FUNCTION, INVOKE, machine

WORK = machine({"Work": {"Type": "Task", "Resource": FUNCTION}})


def script(*outcomes: Outcome | Exception) -> object:
    async def handler(task: Task) -> AsyncIterator[Outcome]:
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
            yield outcome

    return handler


async def test_a_task_is_dispatched_after_the_commit_that_schedules_it(house: House) -> None:
    machine_row = await house.machine(WORK)
    house.store.hold = asyncio.Event()
    start = asyncio.create_task(house.start(machine_row, {"a": 1}, name="a"))
    await until(lambda: len(house.store.groups) == 1)
    assert house.dispatcher.tasks == []
    house.store.hold.set()
    started = await start
    await house.end(started)
    (task,) = house.dispatcher.tasks
    assert (task.input, task.state_name, task.execution_arn) == ('{"a": 1}', "Work", started.arn)
    assert task.idempotency_key == f"{started.arn}:3"


async def test_a_task_that_a_restart_cut_is_dispatched_again_with_the_same_key_and_counted_once(house: House) -> None:
    house.dispatcher.handlers["Work"] = Gate()
    started = await house.start(await house.machine(WORK), "x" * 1_000)
    await until(lambda: len(house.dispatcher.running) == 1)
    first = house.dispatcher.tasks[0]
    await house.restart(Handlers())
    row = await house.end(started)
    assert house.dispatcher.tasks == [first]
    assert row.change.last_event_id == 7
    assert (await house.types(started)).count("LambdaFunctionScheduled") == 1


@pytest.mark.parametrize(
    ("outcome", "type"),
    [
        (Failed("E", "C"), "TaskFailed"),
        (TimedOut("States.Timeout", None), "TaskTimedOut"),
        (SubmitFailed("E", None), "TaskSubmitFailed"),
    ],
)
async def test_outcomes_are_told_as_events(house: House, outcome: Outcome, type: str) -> None:
    house.dispatcher.handlers["Work"] = script(outcome)  # type: ignore[assignment]
    call = {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "f"}}
    started = await house.start(await house.machine(machine({"Work": call})))
    await house.end(started)
    assert (await house.types(started))[-2] == type


async def test_only_the_first_end_that_a_dispatcher_tells_counts(house: House) -> None:
    house.dispatcher.handlers["Work"] = script(Succeeded("1"), Succeeded("2"))  # type: ignore[assignment]
    assert (await house.run(WORK)).change.output == "1"


@pytest.mark.parametrize("outcomes", [(RuntimeError("defect"),), (), (Submitted("{}"),)])
async def test_a_dispatcher_that_breaks_or_tells_no_end_fails_the_task(
    house: House, outcomes: tuple[Outcome | Exception, ...]
) -> None:
    house.dispatcher.handlers["Work"] = script(*outcomes)  # type: ignore[assignment]
    row = await house.run(WORK)
    assert (row.change.status, row.change.error) == ("FAILED", "States.TaskFailed")


async def test_a_dispatcher_that_refuses_a_task_at_once_fails_it(house: House) -> None:
    def broken(task: Task) -> AsyncIterator[Outcome]:
        raise RuntimeError("defect")

    house.dispatcher.run = broken  # type: ignore[method-assign]
    assert (await house.run(WORK)).change.error == "States.TaskFailed"


async def test_a_token_is_answered_once(house: House) -> None:
    house.dispatcher.handlers["Call"] = script(Submitted("{}"))  # type: ignore[assignment]
    call = {"Type": "Task", "Resource": CALLBACK}
    started = await house.start(await house.machine(machine({"Call": call})))
    await until(lambda: len(house.dispatcher.tasks) == 1)
    token = house.dispatcher.tasks[0].token
    await house.engine.send_task_success(token, "1")
    for answer in (house.engine.send_task_success(token, "2"), house.engine.send_task_heartbeat(token)):
        with pytest.raises(TaskTimedOut):
            await answer
    assert (await house.end(started)).change.output == "1"


@pytest.mark.parametrize("token", ["", "x", "é", "AAAA", "!!!!", "AP" + "_" * 60, "Af" + "_" * 60])
async def test_a_text_that_is_no_token_is_refused(house: House, token: str) -> None:
    with pytest.raises(InvalidToken):
        await house.engine.send_task_success(token, "1")


async def test_a_token_of_an_execution_that_is_gone_is_refused(house: House) -> None:
    with pytest.raises(TaskDoesNotExist):
        await house.engine.send_task_success(token_of(5, "", bytes(18)), "1")


async def test_stopping_an_execution_ends_its_tasks(house: House) -> None:
    house.dispatcher.handlers["Work"] = Gate()
    started = await house.start(await house.machine(WORK))
    await until(lambda: len(house.dispatcher.running) == 1)
    await house.engine.stop_execution(started.arn, None, None)
    await until(lambda: house.dispatcher.running == [])
    await until(lambda: house.engine._outbox._count == 0)


async def test_a_time_out_ends_the_task(still_house: House) -> None:
    house = still_house
    house.dispatcher.handlers["Work"] = Gate()
    work = {"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 5}
    started = await house.start(await house.machine(machine({"Work": work})))
    await until(lambda: len(house.dispatcher.running) == 1)
    assert house.dispatcher.tasks[0].deadline == house.clock.now() + 5_000
    house.clock.advance(5)
    assert (await house.end(started)).change.error == "States.Timeout"
    await until(lambda: house.dispatcher.running == [])


async def test_a_failing_sibling_ends_the_tasks_of_other_branches(house: House) -> None:
    house.dispatcher.handlers["Slow"] = Gate()
    house.dispatcher.handlers["Bad"] = script(Failed("E", None))  # type: ignore[assignment]
    branches = [machine({name: {"Type": "Task", "Resource": FUNCTION}}) for name in ("Slow", "Bad")]
    assert (await house.run(machine({"Both": {"Type": "Parallel", "Branches": branches}}))).change.error == "E"
    await until(lambda: house.dispatcher.running == [])
    await until(lambda: house.engine._outbox._count == 0)


async def test_a_task_that_is_ended_before_its_first_step_gives_its_place_back(house: House) -> None:
    machine_row = await house.machine(WORK)
    house.store.hold = asyncio.Event()
    start = asyncio.create_task(house.start(machine_row, name="a"))
    await until(lambda: len(house.engine._driver._live) == 1)
    (live,) = house.engine._driver._live.values()
    stop = asyncio.create_task(house.engine._driver.submit(live.key, Stop(None, None)))
    await until(lambda: live.unanswered == 2)
    house.store.hold.set()
    await asyncio.gather(start, stop)
    await until(lambda: house.engine._outbox._count == 0)
    assert house.engine._outbox._under_way == {}


async def test_more_tasks_than_the_bound_wait_on_disk(house: House) -> None:
    house.settings = EngineSettings(in_flight=4)
    most = 0

    async def count(task: Task) -> AsyncIterator[Outcome]:
        nonlocal most
        most = max(most, len(house.dispatcher.running))
        await asyncio.sleep(0)
        yield Succeeded(task.input)

    await house.restart(Handlers(Work=count))
    each = {"Type": "Map", "ItemProcessor": WORK}
    machine_row = await house.machine(machine({"Each": each}))
    rows = [await house.end(await house.start(machine_row, list(range(40)))) for _ in range(3)]
    assert {row.change.status for row in rows} == {"SUCCEEDED"}
    assert most <= 4
    assert len(house.dispatcher.tasks) == 120
    assert len({task.idempotency_key for task in house.dispatcher.tasks}) == 120


async def test_a_task_that_ends_while_the_outbox_is_read_is_not_dispatched_again(house: House) -> None:
    gate = Gate()
    house.dispatcher.handlers["Work"] = gate
    started = await house.start(await house.machine(WORK))
    await until(lambda: len(house.dispatcher.running) == 1)
    rows = await house.store.outbox("task", (0, 0), 10)
    gate.opened.set()
    await house.end(started)
    await until(lambda: house.engine._outbox._count == 0)
    await house.engine._outbox._dispatch_row(rows[0])
    assert len(house.dispatcher.tasks) == 1


async def test_tasks_that_wait_for_a_worker_hold_up_no_others(house: House) -> None:
    house.settings = EngineSettings(in_flight=4)
    worker = asyncio.Event()

    async def parked(task: Task) -> AsyncIterator[Told]:
        yield Parked()
        if task.input == '"remote"':
            await worker.wait()
        yield Succeeded(task.input)

    await house.restart(Handlers(Work=parked))
    machine_row = await house.machine(WORK)
    waiting = [await house.start(machine_row, "remote") for _ in range(20)]
    await until(lambda: len(house.dispatcher.running) == 20)
    assert (await house.end(await house.start(machine_row, "local"))).change.status == "SUCCEEDED"
    worker.set()
    assert {(await house.end(started)).change.status for started in waiting} == {"SUCCEEDED"}
    await until(lambda: house.engine._outbox._count == house.engine._outbox._parked == 0)
