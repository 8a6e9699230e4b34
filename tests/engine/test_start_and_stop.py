"""Starting and stopping executions, and the engine itself."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from stepwell.engine.errors import ExecutionAlreadyExists, ExecutionDoesNotExist, Stopping
from stepwell.engine.settings import EngineSettings
from stepwell.store.protocol import StoreFull
from tests.engine.house import ACTIVITY, Gate, House, until
from tests.machine.journey import FUNCTION, loop, machine
from tests.patience import PATIENCE

LONG = 10 * PATIENCE
PASS = machine({"On": {"Type": "Pass"}})
REST = machine({"Rest": {"Type": "Wait", "Seconds": 3_600}})
WORK = machine({"Work": {"Type": "Task", "Resource": FUNCTION}})


async def test_a_start_is_answered_after_its_commit(house: House) -> None:
    machine_row = await house.machine(PASS)
    house.store.hold = asyncio.Event()
    start = asyncio.create_task(house.start(machine_row, name="a"))
    await until(lambda: len(house.store.groups) == 1)
    assert not start.done()
    house.store.hold.set()
    row = await house.row(await start)
    assert (row.change.status, row.change.output) == ("SUCCEEDED", "{}")


async def test_the_input_is_kept_as_the_text_that_came(house: House) -> None:
    row = await house.run(PASS, [1.0, {"b": 1, "a": 2}])
    assert (row.new.input, row.change.output) == ('[1.0, {"b": 1, "a": 2}]',) * 2


async def test_the_clients_text_is_still_its_own_where_the_execution_was_read_again(house: House) -> None:
    """What is in memory decides no answer: the input that a path leads to goes out as the text that came in."""
    steps = {
        "W": {"Type": "Wait", "Seconds": 1, "Next": "P"},
        "P": {"Type": "Pass", "OutputPath": "$$.Execution.Input", "End": True},
    }
    started = await house.start(await house.machine({"StartAt": "W", "States": steps}), {"b": 1, "a": [2.0]})
    await house.restart()
    assert (await house.end(started)).change.output == '{"b": 1, "a": [2.0]}'


async def test_the_same_start_of_a_running_execution_gives_the_same_answer(house: House) -> None:
    machine_row = await house.machine(REST)
    first = await house.start(machine_row, {"a": 1}, name="a")
    assert await house.start(machine_row, {"a": 1}, name="a") == first
    with pytest.raises(ExecutionAlreadyExists):
        await house.start(machine_row, {"a": 2}, name="a")


async def test_a_name_is_taken_once_its_execution_has_ended(house: House) -> None:
    machine_row = await house.machine(PASS)
    await house.start(machine_row, name="a")
    with pytest.raises(ExecutionAlreadyExists):
        await house.start(machine_row, name="a")


async def test_starts_of_one_name_at_the_same_time_make_one_execution(house: House) -> None:
    machine_row = await house.machine(REST)
    answers = await asyncio.gather(*(house.start(machine_row, name="a") for _ in range(20)))
    assert len(set(answers)) == 1
    assert len(await house.store.list_executions(machine_row.id, "RUNNING", None, 10)) == 1


async def test_turns_that_wait_share_a_commit(house: House) -> None:
    machine_row = await house.machine(PASS)
    house.store.hold = asyncio.Event()
    starts = [asyncio.create_task(house.start(machine_row)) for _ in range(50)]
    await until(lambda: len(house.store.groups) == 1)
    house.store.hold.set()
    await asyncio.gather(*starts)
    assert len(house.store.groups) <= 3
    assert sum(len(group) for group in house.store.groups) == 50


async def test_a_start_that_cannot_be_stored_has_not_happened(house: House) -> None:
    machine_row = await house.machine(PASS)
    house.store.faults = [StoreFull("disk full")]
    with pytest.raises(StoreFull):
        await house.start(machine_row, name="a")
    assert (await house.end(await house.start(machine_row, name="a"))).change.status == "SUCCEEDED"


async def test_stop_ends_an_execution_once_and_tells_when(house: House) -> None:
    started = await house.start(await house.machine(REST))
    date = await house.engine.stop_execution(started.arn, "E", "C")
    row = await house.row(started)
    assert (row.change.status, row.change.error, row.change.cause) == ("ABORTED", "E", "C")
    assert row.change.stop_date == date
    assert await house.engine.stop_execution(started.arn, None, None) == date
    with pytest.raises(ExecutionDoesNotExist):
        await house.engine.stop_execution(started.arn + "x", None, None)


async def test_a_loop_of_states_can_be_stopped(house: House) -> None:
    started = await house.start(await house.machine(loop()))
    await house.engine.stop_execution(started.arn, None, None)
    assert (await house.row(started)).change.status == "ABORTED"
    assert (await house.row(started)).change.last_event_id < 25_000


async def test_a_loop_never_has_more_than_one_turn_that_is_not_committed(house: House) -> None:
    machine_row = await house.machine(loop())
    started = await house.start(machine_row)
    house.store.hold = asyncio.Event()
    held = len(house.store.groups)
    for _ in range(10):
        await asyncio.sleep(0.002)
    assert len(house.store.groups) <= held + 1
    assert sum(len(group) for group in house.store.groups[held:]) <= 1
    house.store.hold.set()
    assert (await house.end(started)).change.last_event_id == 25_000


async def test_a_loop_that_a_restart_cut_goes_on(house: House) -> None:
    started = await house.start(await house.machine(loop()))
    await house.restart()
    assert (await house.end(started)).change.last_event_id == 25_000


async def test_a_graceful_stop_lets_running_tasks_end_and_commits_what_they_told(house: House) -> None:
    gate = Gate()
    house.dispatcher.handlers["Work"] = gate
    started = await house.start(await house.machine(WORK))
    await until(lambda: len(house.dispatcher.running) == 1)
    stop = asyncio.create_task(house.engine.stop(PATIENCE))
    await asyncio.sleep(0)
    with pytest.raises(Stopping):
        await house.start(await house.machine(WORK))
    gate.opened.set()
    await stop
    assert (await house.row(started)).change.status == "SUCCEEDED"


async def test_a_stop_ends_after_the_grace_period_whatever_runs(house: House) -> None:
    house.dispatcher.handlers["Work"] = Gate()
    started = await house.start(await house.machine(WORK))
    await until(lambda: len(house.dispatcher.running) == 1)
    async with asyncio.timeout(PATIENCE):
        await house.engine.stop(0.02)
    assert house.dispatcher.running == []
    assert (await house.row(started)).change.status == "RUNNING"


async def test_a_stop_does_not_wait_for_a_loop(house: House) -> None:
    started = await house.start(await house.machine(loop()))
    async with asyncio.timeout(PATIENCE):
        await house.engine.stop(10 * PATIENCE)
    assert (await house.row(started)).change.status == "RUNNING"


async def test_what_merely_waits_leaves_memory(house: House) -> None:
    house.settings = EngineSettings(idle_executions=3)
    await house.restart()
    machine_row = await house.machine(REST)
    started = [await house.start(machine_row) for _ in range(10)]
    assert len(house.engine._driver._live) == 3
    for each in started:
        await house.engine.stop_execution(each.arn, None, None)
    assert house.engine._driver._live == {}


async def test_what_goes_on_in_a_moment_stays_in_memory_while_it_is_small(house: House) -> None:
    house.settings = EngineSettings(idle_executions=1)
    await house.restart()
    pause = await house.machine({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 9, "End": True}}})
    small = [await house.start(pause) for _ in range(5)]
    for _ in range(5):
        await house.start(pause, {"text": "x" * 5_000})
    kept = house.engine._driver._live.keys()
    assert len(kept) == len(small) + 1
    assert kept >= {(await house.row(each)).new.key for each in small}


async def test_a_watcher_is_told_of_new_events_of_the_end_and_of_a_stop(house: House) -> None:
    started = await house.start(await house.machine(REST))
    key = (await house.row(started)).new.key
    async with asyncio.timeout(PATIENCE):
        await house.engine.wait_for_turn(key, 1, LONG)  # it has more events already
        watch = asyncio.create_task(house.engine.wait_for_turn(key, 2, LONG))
        await asyncio.sleep(0.01)
        assert not watch.done()
        await house.engine.stop_execution(started.arn, None, None)
        await watch
        await house.engine.wait_for_turn(key, 99, LONG)  # it has ended
        other = await house.start(await house.machine(REST))
        watch = asyncio.create_task(house.engine.wait_for_turn((await house.row(other)).new.key, 2, LONG))
        await asyncio.sleep(0.01)
        await house.engine.stop(0)
        await watch
    assert house.engine.watchers.waiting == 0


async def test_a_watcher_gives_up_after_its_time(house: House) -> None:
    started = await house.start(await house.machine(REST))
    async with asyncio.timeout(PATIENCE):
        await house.engine.wait_for_turn((await house.row(started)).new.key, 2, 0.01)


async def test_history_is_read_from_anywhere_in_both_directions(house: House) -> None:
    started = await house.start(await house.machine(machine({f"S{n}": {"Type": "Pass"} for n in range(10)})), "x" * 999)
    key = (await house.row(started)).new.key
    events = await house.events(started)
    assert [event.id for event in events] == list(range(1, 23))
    assert await house.engine.history(key, 5, 4, False) == events[4:8]
    assert await house.engine.history(key, 5, 4, True) == events[1:5][::-1]


async def test_an_execution_whose_activity_does_not_exist_fails_as_aws_says(house: House) -> None:
    row = await house.run(machine({"Dig": {"Type": "Task", "Resource": ACTIVITY}}))
    assert (row.change.status, row.change.error) == ("FAILED", "States.Runtime")
    assert row.change.cause == (
        "An error occurred while executing the state 'Dig' (entered at the event id #2). "
        f"The activity {ACTIVITY} does not exist."
    )


async def test_a_mocked_activity_need_not_exist(house: House) -> None:
    house.dispatcher.mocked.add("Mocked")
    row = await house.run(
        machine(
            {
                "Mocked": {"Type": "Task", "Resource": ACTIVITY},
                "Dig": {"Type": "Task", "Resource": ACTIVITY},
            }
        )
    )
    assert [task.state_name for task in house.dispatcher.tasks] == ["Mocked"]
    assert (row.change.error, row.change.cause) == (
        "States.Runtime",
        "An error occurred while executing the state 'Dig' (entered at the event id #7). "
        f"The activity {ACTIVITY} does not exist.",
    )


async def test_a_machine_whose_definition_is_missing_cannot_be_started(house: House) -> None:
    machine_row = replace(await house.machine(PASS), definition_hash="0" * 64)
    with pytest.raises(Exception, match="not in the store"):
        await house.start(machine_row)
    assert house.engine._driver._live == {}
