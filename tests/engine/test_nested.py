"""Executions that tasks start: begun once, told of, aborted with their parent; whatever crashes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.engine.lives import Life, crashes, execution_arn, live, machine_arn

START = "arn:aws:states:::states:startExecution"
QUICK = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"did": 1}, "End": True}}}
SLOW = {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 3600, "End": True}}}
BAD = {"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "Bad", "Cause": "so it is"}}}


def parent(pattern: str = "", machine: str = "Child", **members: Any) -> dict[str, Any]:
    """A machine with one state that starts an execution."""
    state = {
        "Type": "Task",
        "Resource": START + (f".{pattern}" if pattern else ""),
        "Parameters": {"StateMachineArn": machine_arn(machine), "Name": "kid", "Input": {"a": 1}},
        "End": True,
        **members,
    }
    return {"StartAt": "Nest", "States": {"Nest": state}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


def test_request_response_goes_on_as_soon_as_the_child_has_started(path: Path) -> None:
    async def life(here: Life) -> None:
        await here.create("Child", SLOW)
        await here.create("Parent", parent())
        row = await here.ended(await here.start("Parent", "p"))
        output = json.loads(row.change.output or "")
        child = await here.row(execution_arn("Child", "kid"))
        assert output["ExecutionArn"] == child.new.arn
        assert output["StartDate"] == child.new.start_date
        assert (child.change.status, child.new.input) == ("RUNNING", '{"a":1}')
        assert [event.type for event in await here.events(row.new.arn)][2:5] == [
            "TaskScheduled",
            "TaskStarted",
            "TaskSucceeded",
        ]

    assert live(path, life)


@pytest.mark.parametrize(("pattern", "output"), [("sync", '{"did":1}'), ("sync:2", {"did": 1})])
def test_sync_waits_for_the_end_and_describes_it(path: Path, pattern: str, output: object) -> None:
    async def life(here: Life) -> None:
        await here.create("Child", QUICK)
        await here.create("Parent", parent(pattern))
        row = await here.ended(await here.start("Parent", "p"))
        described = json.loads(row.change.output or "")
        assert described["Output"] == output
        assert described["Status"] == "SUCCEEDED"
        assert [event.type for event in await here.events(row.new.arn)][2:6] == [
            "TaskScheduled",
            "TaskStarted",
            "TaskSubmitted",
            "TaskSucceeded",
        ]
        await here.settled()

    assert live(path, life)


def test_a_child_that_fails_fails_the_task_with_its_description_as_the_cause(path: Path) -> None:
    async def life(here: Life) -> None:
        await here.create("Child", BAD)
        await here.create("Parent", parent("sync"))
        row = await here.ended(await here.start("Parent", "p"))
        assert (row.change.status, row.change.error) == ("FAILED", "States.TaskFailed")
        cause = json.loads(row.change.cause or "")
        assert (cause["Error"], cause["Cause"], cause["Status"]) == ("Bad", "so it is", "FAILED")

    assert live(path, life)


def test_a_machine_that_does_not_exist_fails_the_task(path: Path) -> None:
    async def life(here: Life) -> None:
        await here.create("Parent", parent("sync", machine="Gone"))
        row = await here.ended(await here.start("Parent", "p"))
        assert row.change.error == "StepFunctions.StateMachineDoesNotExistException"
        assert (row.change.cause or "").startswith(
            f"State Machine Does Not Exist: '{machine_arn('Gone')}' (Service: AWSStepFunctions; Status Code: 400; "
            "Error Code: StateMachineDoesNotExist; Request ID: "
        )

    assert live(path, life)


def test_a_name_that_another_execution_has_fails_the_task(path: Path) -> None:
    async def life(here: Life) -> None:
        await here.create("Child", SLOW)
        await here.create("Parent", parent("sync"))
        await here.start("Child", "kid", {"a": 1})
        row = await here.ended(await here.start("Parent", "p"))
        assert row.change.error == "StepFunctions.ExecutionAlreadyExistsException"

    assert live(path, life)


def test_without_a_name_every_attempt_has_a_child_of_its_own(path: Path) -> None:
    async def life(here: Life) -> None:
        await here.create("Child", BAD)
        retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "IntervalSeconds": 1, "BackoffRate": 1.0}]
        definition = parent("sync", Parameters={"StateMachineArn": machine_arn("Child")}, Retry=retry)
        await here.create("Parent", definition)
        await here.ended(await here.start("Parent", "p", virtual=True))
        assert len(await here.executions("Child")) == 3

    assert live(path, life)


def test_a_callback_ends_the_task_and_the_child_goes_on(path: Path) -> None:
    async def life(here: Life) -> None:
        await here.create("Child", SLOW)
        parameters = {
            "StateMachineArn": machine_arn("Child"),
            "Name": "kid",
            "Input": {"token.$": "$$.Task.Token"},
        }
        await here.create("Parent", parent("waitForTaskToken", Parameters=parameters))
        arn = await here.start("Parent", "p")
        while not await here.executions("Child"):
            await here.engine.wait_for_turn((await here.row(arn)).new.key, 4, 0.1)
        child = await here.row(execution_arn("Child", "kid"))
        await here.engine.send_task_success(json.loads(child.new.input)["token"], '"done"')
        assert (await here.ended(arn)).change.output == '"done"'
        assert (await here.row(child.new.arn)).change.status == "RUNNING"

    assert live(path, life)


def test_stopping_the_parent_aborts_the_child(path: Path) -> None:
    async def life(here: Life) -> None:
        await here.create("Child", SLOW)
        await here.create("Parent", parent("sync"))
        arn = await here.start("Parent", "p")
        await here.until_event(arn, "TaskSubmitted")
        await here.engine.stop_execution(arn, None, None)
        assert (await here.ended(execution_arn("Child", "kid"))).change.status == "ABORTED"
        await here.settled()

    assert live(path, life)


def test_a_task_that_times_out_aborts_the_child_and_a_failing_branch_does_too(path: Path) -> None:
    async def life(here: Life) -> None:
        await here.create("Child", SLOW)
        wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "Next": "F"}, "F": BAD["States"]["A"]}}
        await here.create("Late", parent("sync", TimeoutSeconds=1))
        branches = [parent("sync"), wait]
        await here.create(
            "Torn", {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": True}}}
        )
        for machine in ("Late", "Torn"):
            arn = await here.start(machine, "p")
            await here.until_event(arn, "TaskSubmitted")
            assert (await here.ended(arn)).change.status == "FAILED"
            assert (await here.ended(execution_arn("Child", "kid"))).change.status == "ABORTED"
            await here.settled()
            await here.engine.store.delete_execution((await here.row(execution_arn("Child", "kid"))).new.key)

    assert live(path, life)


def test_a_child_shares_the_virtual_clock_of_its_parent(path: Path) -> None:
    """The parent's time-out of two hours is not reached by the child's wait of one."""

    async def life(here: Life) -> None:
        await here.create("Child", SLOW)
        await here.create("Parent", parent("sync", TimeoutSeconds=7200))
        row = await here.ended(await here.start("Parent", "p", virtual=True))
        child = await here.row(execution_arn("Child", "kid"))
        assert row.change.status == child.change.status == "SUCCEEDED"
        assert (child.change.stop_date or 0) - child.new.start_date == 3_600_000
        assert row.change.stop_date == child.change.stop_date

    assert live(path, life)


def test_wherever_it_crashes_one_child_is_started_and_its_end_is_told_once(path: Path) -> None:
    async def begin(here: Life) -> None:
        await here.create("Child", QUICK)
        await here.create("Parent", parent("sync", Parameters={"StateMachineArn": machine_arn("Child")}))
        await here.ended(await here.start("Parent", "p"))
        await here.settled()

    async def recover(here: Life) -> None:
        arn = execution_arn("Parent", "p")
        row = await here.ended(arn)
        assert row.change.status == "SUCCEEDED"
        assert len(await here.executions("Child")) == 1
        assert [event.type for event in await here.events(arn)] == [
            "ExecutionStarted",
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskSubmitted",
            "TaskSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded",
        ]
        await here.settled()

    assert crashes(path, begin, recover) >= 4


@pytest.mark.parametrize("patient", [True, False])
def test_wherever_it_crashes_a_parent_that_is_stopped_takes_its_child_along(path: Path, patient: bool) -> None:
    async def begin(here: Life) -> None:
        await here.create("Child", SLOW)
        await here.create("Parent", parent("sync"))
        arn = await here.start("Parent", "p")
        await here.until_event(arn, "TaskStarted")
        await here.engine.stop_execution(arn, None, None)
        await here.ended(execution_arn("Child", "kid"))
        await here.settled()

    async def recover(here: Life) -> None:
        arn = execution_arn("Parent", "p")
        if (await here.row(arn)).change.status == "RUNNING":
            if patient:
                await here.until_event(arn, "TaskSubmitted")
            await here.engine.stop_execution(arn, None, None)
        for row in await here.executions("Child"):
            assert (await here.ended(row.new.arn)).change.status == "ABORTED"
        await here.settled()

    assert crashes(path, begin, recover) >= 2


def test_a_version_is_started_with_its_own_definition(path: Path) -> None:
    async def life(here: Life) -> None:
        await here.create("Child", QUICK)
        store = here.engine.store
        machine = await store.find_machine(machine_arn("Child"))
        assert machine is not None
        await store.publish_version(machine.id, machine.revision_id, None, 1, 10)
        await store.update_machine(replace(machine, revision_id="next", definition_hash="d"), json.dumps(BAD))
        await here.create("Parent", parent("sync", machine="Child:1"))
        row = await here.ended(await here.start("Parent", "p"))
        assert json.loads(row.change.output or "")["Output"] == '{"did":1}'
        child = await here.row(execution_arn("Child", "kid"))
        assert child.new.version_arn == machine_arn("Child:1")

    assert live(path, life)
