"""Deleting a machine: its executions end at their next transition, and not before."""

from __future__ import annotations

from msgspec.structs import replace

from stepwell.engine.dispatch import Succeeded
from stepwell.store.protocol import MachineRow
from tests.engine.house import Gate, House, until
from tests.machine.journey import FUNCTION, loop, machine

TASK = {"Type": "Task", "Resource": FUNCTION}


async def delete(house: House, row: MachineRow) -> None:
    await house.store.update_machine(replace(row, status="DELETING"), None)
    house.engine.end_executions(row.id)


async def test_what_waits_goes_on_waiting_and_ends_with_the_state_that_it_is_in(house: House) -> None:
    gate = house.dispatcher.handlers["Work"] = Gate(Succeeded("1"))
    row = await house.machine(machine({"Work": TASK, "Next": {"Type": "Pass"}}))
    started = await house.start(row)
    await until(lambda: len(house.dispatcher.running) == 1)
    await delete(house, row)
    assert (await house.row(started)).change.status == "RUNNING"
    gate.opened.set()
    assert (await house.end(started)).change.status == "ABORTED"
    assert (await house.types(started))[-3:] == ["LambdaFunctionSucceeded", "TaskStateExited", "ExecutionAborted"]


async def test_an_execution_in_its_last_state_may_succeed(house: House) -> None:
    gate = house.dispatcher.handlers["Work"] = Gate(Succeeded("1"))
    row = await house.machine(machine({"Work": TASK}))
    started = await house.start(row)
    await until(lambda: len(house.dispatcher.running) == 1)
    await delete(house, row)
    gate.opened.set()
    assert (await house.end(started)).change.status == "SUCCEEDED"


async def test_an_endless_loop_ends(house: House) -> None:
    row = await house.machine(loop())
    started = await house.start(row)
    await delete(house, row)
    assert (await house.end(started)).change.status == "ABORTED"


async def test_it_is_remembered_over_a_restart(house: House) -> None:
    house.dispatcher.handlers["Work"] = Gate()
    row = await house.machine(machine({"Work": TASK, "Next": {"Type": "Pass"}}))
    started = await house.start(row)
    await until(lambda: len(house.dispatcher.running) == 1)
    await delete(house, row)
    del house.dispatcher.handlers["Work"]
    await house.restart()
    assert (await house.end(started)).change.status == "ABORTED"


async def test_a_machine_made_anew_under_the_name_is_not_meant(house: House) -> None:
    row = await house.machine(machine({"Next": {"Type": "Pass"}, "Last": {"Type": "Pass"}}))
    await delete(house, row)
    await house.store.delete_machine(row.id)
    again = await house.machine(machine({"Next": {"Type": "Pass"}, "Last": {"Type": "Pass"}}))
    assert (await house.end(await house.start(again))).change.status == "SUCCEEDED"
