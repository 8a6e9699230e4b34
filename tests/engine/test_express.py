"""Express executions: in memory while they run, at most once when synchronous, at least once when not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from stepwell.engine.dispatch import Failed, Outcome, Succeeded, Task
from stepwell.engine.engine import EngineSettings
from stepwell.engine.errors import Stopping, TooManyExecutions
from stepwell.engine.express import express_arn
from stepwell.engine.programs import definition_hash
from stepwell.engine.requests import Started, StartRequest
from stepwell.machine.history import Event
from stepwell.store.protocol import ExecutionRow, MachineRow, StoreError
from tests.engine.house import ARN, Gate, Handlers, House, until
from tests.engine.lives import dispatcher

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"a": 1}, "End": True}}}
TASK = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": FUNCTION, "End": True}}}
ENDLESS = {
    "StartAt": "C",
    "States": {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.stop", "IsPresent": True, "Next": "P"}], "Default": "C"},
        "P": {"Type": "Pass", "End": True},
    },
}
EACH = {
    "StartAt": "M",
    "States": {
        "M": {
            "Type": "Map",
            "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}},
            "ResultPath": None,
            "End": True,
        }
    },
}
FAILING = {
    "StartAt": "T",
    "States": {
        "T": {
            "Type": "Task",
            "Resource": FUNCTION,
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "F"}],
            "End": True,
        },
        "F": {"Type": "Fail", "Error": "E"},
    },
}


def wait(seconds: float) -> dict[str, Any]:
    return {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": seconds, "End": True}}}


async def express(house: House, definition: Mapping[str, Any], level: str = "OFF", data: bool = True) -> MachineRow:
    """An Express machine with a log of this level."""
    logging = {"level": level, "includeExecutionData": data}
    row = await house.machine(definition, name=f"M{definition_hash(json.dumps(definition))[:8]}")
    row = replace(row, type="EXPRESS", configuration=json.dumps({"loggingConfiguration": logging}))
    await house.store.update_machine(row, None)
    return row


def request(machine: MachineRow, input: Any = None, name: str = "e", **fields: Any) -> StartRequest:
    text = json.dumps({} if input is None else input)
    return StartRequest(machine=machine, arn=express_arn(machine.arn, name), name=name, input=text, **fields)


async def run(house: House, definition: Mapping[str, Any], input: Any = None, **fields: Any) -> ExecutionRow:
    """A synchronous execution of a new machine without a log."""
    return await house.engine.run_execution(request(await express(house, definition), input, **fields))


async def start(house: House, machine: MachineRow, input: Any = None) -> Started:
    return await house.engine.start_execution(request(machine, input))


async def log(house: House, arn: str) -> list[Event]:
    row = await house.store.find_execution(arn)
    assert row is not None
    return await house.engine.history(row.new.key, 1, max(row.change.last_event_id, 1), False)


class TestSynchronous:
    async def test_the_answer_is_the_end(self, house: House) -> None:
        row = await run(house, PASS, {"x": 1})
        assert (row.change.status, row.change.output) == ("SUCCEEDED", '{"a":1}')
        assert row.new.input == '{"x": 1}'
        assert row.change.stop_date is not None
        assert row.change.stop_date >= row.new.start_date

    async def test_a_failure_is_an_end_like_another(self, house: House) -> None:
        failing = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "why"}}}
        change = (await run(house, failing)).change
        assert (change.status, change.error, change.cause, change.output) == ("FAILED", "E", "why", None)

    async def test_nothing_is_written_without_a_log(self, house: House) -> None:
        row = await run(house, TASK)
        assert house.store.groups == []
        assert await house.store.find_execution(row.new.arn) is None

    async def test_the_log_is_written_with_the_end_and_nothing_before(self, house: House) -> None:
        gate = Gate()
        house.dispatcher.handlers["T"] = gate
        asked = request(await express(house, TASK, "ALL"))
        running = asyncio.ensure_future(house.engine.run_execution(asked))
        await until(lambda: bool(house.dispatcher.running))
        assert house.store.groups == []
        gate.opened.set()
        row = await running
        assert len(house.store.groups) == 1
        stored = await house.store.find_execution(asked.arn)
        assert stored is not None
        assert stored.change == row.change
        assert [(event.id, event.type) for event in await log(house, asked.arn)] == [
            (1, "ExecutionStarted"),
            (2, "TaskStateEntered"),
            (3, "LambdaFunctionScheduled"),
            (4, "LambdaFunctionStarted"),
            (5, "LambdaFunctionSucceeded"),
            (6, "TaskStateExited"),
            (7, "ExecutionSucceeded"),
        ]

    async def test_the_answer_comes_also_where_the_store_does_not_take_the_log(self, house: House) -> None:
        house.store.faults.append(StoreError("the disk is full"))
        row = await house.engine.run_execution(request(await express(house, PASS, "ALL")))
        assert row.change.status == "SUCCEEDED"

    async def test_the_same_name_and_input_run_again(self, house: House) -> None:
        machine = await express(house, TASK)
        first = await house.engine.run_execution(request(machine, name="same"))
        second = await house.engine.run_execution(request(machine, name="same"))
        assert first.new.arn != second.new.arn
        assert len(house.dispatcher.tasks) == 2

    async def test_it_goes_on_where_its_caller_has_left(self, house: House) -> None:
        gate = Gate()
        house.dispatcher.handlers["T"] = gate
        asked = request(await express(house, TASK, "ALL"))
        caller = asyncio.ensure_future(house.engine.run_execution(asked))
        await until(lambda: bool(house.dispatcher.running))
        caller.cancel()
        gate.opened.set()

        async def logged() -> bool:
            return await house.store.find_execution(asked.arn) is not None

        await until(logged)

    async def test_its_context_has_no_redrive_count(self, house: House) -> None:
        asking = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"e.$": "$$.Execution"}, "End": True}}}
        row = await run(house, asking)
        assert row.change.output is not None
        found = json.loads(row.change.output)["e"]
        assert set(found) == {"Id", "Input", "Name", "RoleArn", "StartTime"}
        assert found["Id"] == row.new.arn


class TestMachine:
    """The machine is the same as that of standard executions; only what is around it is in memory."""

    async def test_waits_end(self, house: House) -> None:
        row = await run(house, wait(3600), virtual=True)
        assert row.change.status == "TIMED_OUT"  # after five minutes
        row = await run(house, wait(200), virtual=True)
        assert row.change.status == "SUCCEEDED"
        assert row.change.stop_date == row.new.start_date + 200_000

    async def test_a_task_is_retried(self, house: House) -> None:
        retry = [{"ErrorEquals": ["E"], "IntervalSeconds": 60, "MaxAttempts": 3, "BackoffRate": 1}]
        house.dispatcher.handlers["T"] = fail_first(2)
        definition = {"StartAt": "T", "States": {"T": {**TASK["States"]["T"], "Retry": retry}}}  # type: ignore[index]
        row = await run(house, definition, virtual=True)
        assert row.change.status == "SUCCEEDED"
        assert row.change.stop_date == row.new.start_date + 120_000
        assert len(house.dispatcher.tasks) == 3

    async def test_a_task_that_overruns_its_time_is_ended(self, house: House) -> None:
        house.dispatcher.handlers["T"] = Gate()
        definition = {"StartAt": "T", "States": {"T": {**TASK["States"]["T"], "TimeoutSeconds": 1}}}  # type: ignore[index]
        row = await run(house, definition)
        assert (row.change.status, row.change.error) == ("FAILED", "States.Timeout")
        assert row.change.stop_date is not None
        assert 1000 <= row.change.stop_date - row.new.start_date < 2000
        await until(lambda: not house.dispatcher.running)

    async def test_branches_that_have_lost_are_ended(self, house: House) -> None:
        async def fails(task: Task) -> AsyncIterator[Outcome]:
            await until(lambda: len(house.dispatcher.running) == 2)
            yield Failed("E", "why")

        house.dispatcher.handlers.update(A=fails, B=Gate())
        branches = [
            {"StartAt": name, "States": {name: {"Type": "Task", "Resource": FUNCTION, "End": True}}} for name in "AB"
        ]
        row = await run(
            house, {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": True}}}
        )
        assert (row.change.status, row.change.error) == ("FAILED", "E")
        await until(lambda: not house.dispatcher.running)

    async def test_a_defect_of_the_dispatcher_fails_the_task(self, house: House) -> None:
        async def breaks(task: Task) -> AsyncIterator[Outcome]:
            raise ZeroDivisionError
            yield Succeeded("")

        house.dispatcher.handlers["T"] = breaks
        row = await run(house, TASK)
        assert (row.change.status, row.change.error) == ("FAILED", "States.TaskFailed")

    async def test_there_is_no_limit_of_events(self, house: House) -> None:
        row = await run(house, EACH, list(range(7_000)))
        assert row.change.status == "SUCCEEDED"
        assert row.change.last_event_id > 25_000

    async def test_others_have_their_turn_beside_an_endless_loop(self, house: House) -> None:
        house.settings = EngineSettings(express_limit=300)
        await house.restart()
        endless = asyncio.ensure_future(run(house, ENDLESS))
        await asyncio.sleep(0)
        other = await house.engine.run_execution(request(await express(house, PASS)))
        assert other.change.status == "SUCCEEDED"
        assert not endless.done()
        assert (await endless).change.status == "TIMED_OUT"

    async def test_others_have_their_turn_beside_a_long_expression(self, house: House) -> None:
        expression = "{% $sum($map([1..100000], function($n) { $n * $n })) %}"
        definition = {
            "QueryLanguage": "JSONata",
            "StartAt": "P",
            "States": {"P": {"Type": "Pass", "Output": expression, "End": True}},
        }
        machines = [await express(house, definition), await express(house, PASS)]
        long, short = (asyncio.ensure_future(house.engine.run_execution(request(machine))) for machine in machines)
        other = await short
        assert other.change.status == "SUCCEEDED"
        assert not long.done()
        assert (await long).change.output == str(sum(n * n for n in range(100_001)))


class TestAsynchronous:
    async def test_the_start_is_durable_when_it_is_answered(self, house: House) -> None:
        house.dispatcher.handlers["T"] = Gate()
        started = await start(house, await express(house, TASK))
        row = await house.row(started)
        assert (row.change.status, row.change.last_event_id) == ("RUNNING", 0)

    async def test_the_end_and_its_log_are_one_commit(self, house: House) -> None:
        started = await start(house, await express(house, TASK, "ALL"), {"x": 1})
        row = await house.end(started)
        assert (row.change.status, row.change.output) == ("SUCCEEDED", '{"x": 1}')
        assert len(house.store.groups) == 2
        assert (await log(house, started.arn))[-1].type == "ExecutionSucceeded"
        assert await house.store.outbox("express", (0, -1), 10) == []

    async def test_what_a_restart_finds_runs_again_from_its_input(self, house: House) -> None:
        house.dispatcher.handlers["T"] = Gate()
        started = await start(house, await express(house, TASK, "ALL"), {"x": 1})
        await until(lambda: bool(house.dispatcher.running))
        await house.restart(Handlers())
        row = await house.end(started)
        assert (row.change.status, row.change.output) == ("SUCCEEDED", '{"x": 1}')
        assert row.new.start_date == started.start_date
        assert [task.state_name for task in house.dispatcher.tasks] == ["T"]
        assert [event.id for event in await log(house, started.arn)] == list(range(1, 8))

    async def test_what_has_ended_does_not_run_again(self, house: House) -> None:
        await house.end(await start(house, await express(house, TASK)))
        await house.restart(Handlers())
        await house.end(await start(house, await express(house, PASS)))
        assert house.dispatcher.tasks == []

    async def test_a_start_that_is_not_committed_is_refused_and_not_run(self, house: House) -> None:
        machine = await express(house, TASK)
        house.store.faults.append(StoreError("the disk is full"))
        with pytest.raises(StoreError, match="the disk is full"):
            await start(house, machine)
        assert house.dispatcher.tasks == []

    async def test_an_end_is_committed_however_long_the_store_needs(self, house: House) -> None:
        gate = Gate()
        house.dispatcher.handlers["T"] = gate
        started = await start(house, await express(house, TASK))
        house.store.faults += [StoreError("busy"), StoreError("busy")]
        gate.opened.set()
        assert (await house.end(started)).change.status == "SUCCEEDED"
        assert len(house.dispatcher.tasks) == 1

    async def test_its_context_has_a_redrive_count(self, house: House) -> None:
        asking = {
            "StartAt": "P",
            "States": {"P": {"Type": "Pass", "Parameters": {"n.$": "$$.Execution.RedriveCount"}, "End": True}},
        }
        row = await house.end(await start(house, await express(house, asking)))
        assert row.change.output == '{"n":0}'


class TestLog:
    @pytest.mark.parametrize(
        ("level", "types"),
        [
            ("ERROR", [(5, "LambdaFunctionFailed"), (7, "FailStateEntered"), (8, "ExecutionFailed")]),
            ("FATAL", [(8, "ExecutionFailed")]),
            ("OFF", []),
        ],
    )
    async def test_the_level_decides_what_is_kept(self, house: House, level: str, types: list[tuple[int, str]]) -> None:
        house.dispatcher.handlers["T"] = fail_first(1)
        started = await start(house, await express(house, FAILING, level))
        assert (await house.end(started)).change.error == "E"
        assert [(event.id, event.type) for event in await log(house, started.arn)] == types

    async def test_inputs_and_outputs_are_kept_only_where_the_machine_says_so(self, house: House) -> None:
        started = await start(house, await express(house, TASK, "ALL", data=False), {"secret": 1})
        await house.end(started)
        events = await log(house, started.arn)
        assert len(events) == 7
        assert "secret" not in str([event.details for event in events])
        assert events[1].details == {"name": "T"}

    async def test_large_texts_come_back(self, house: House) -> None:
        big = {"text": "x" * 100_000}
        started = await start(house, await express(house, TASK, "ALL"), big)
        await house.end(started)
        assert [event.details["input"] for event in (await log(house, started.arn))[:3]] == [json.dumps(big)] * 3

    async def test_a_long_log_is_read_from_any_place(self, house: House) -> None:
        started = await start(house, await express(house, EACH, "ALL"), list(range(3_000)))
        change = (await house.end(started)).change
        key = (await house.row(started)).new.key
        assert len(await house.store.history(key, 1, 20_000, False)) > 1
        assert [event.id for event in await house.engine.history(key, 9_000, 10, False)] == list(range(9_000, 9_010))
        assert [event.id for event in await log(house, started.arn)] == list(range(1, change.last_event_id + 1))

    async def test_all_logs_together_stay_within_their_bound(self, house: House) -> None:
        house.settings = EngineSettings(express_log_bytes=1)
        await house.restart()
        machine = await express(house, TASK, "ALL")
        for _ in range(2):  # the second finds the memory free again
            started = await start(house, machine)
            await house.end(started)
            assert [(event.id, event.type) for event in await log(house, started.arn)] == [
                (1, "ExecutionStarted"),
                (2, "TaskStateEntered"),
                (3, "LambdaFunctionScheduled"),
                (4, "LambdaFunctionStarted"),
                (7, "ExecutionSucceeded"),
            ]


class TestNested:
    """`states:startExecution`, from and to an Express machine."""

    @staticmethod
    def starting(machine: MachineRow, pattern: str = "") -> dict[str, Any]:
        state = {
            "Type": "Task",
            "Resource": f"arn:aws:states:::states:startExecution{pattern}",
            "Parameters": {"StateMachineArn": machine.arn, "Name": "child", "Input": {"n": 1}},
            "OutputPath": "$.ExecutionArn",
            "End": True,
        }
        return {"StartAt": "S", "States": {"S": state}}

    async def test_an_express_execution_starts_a_standard_one(self, house: House) -> None:
        await house.restart(dispatcher())  # type: ignore[arg-type]
        child = await house.machine(PASS, "Child")
        row = await run(house, self.starting(child))
        assert row.change.output == json.dumps(f"{ARN}execution:Child:child")
        ended = await house.end(Started(f"{ARN}execution:Child:child", 0))
        assert (ended.change.status, ended.new.input) == ("SUCCEEDED", '{"n":1}')

    async def test_a_store_that_fails_meanwhile_fails_no_task(self, house: House) -> None:
        await house.restart(dispatcher())  # type: ignore[arg-type]
        child = await house.machine(PASS, "Child")
        house.store.faults = [StoreError("the disk is full")]
        row = await run(house, self.starting(child))
        assert row.change.output == json.dumps(f"{ARN}execution:Child:child")

    async def test_a_standard_execution_starts_an_express_one(self, house: House) -> None:
        await house.restart(dispatcher())  # type: ignore[arg-type]
        child = await express(house, PASS)
        parent = await house.run(self.starting(child))
        arn = json.loads(parent.change.output or "")
        assert arn.startswith(f"{ARN}express:{child.name}:child:")
        assert (await house.end(Started(arn, 0))).change.status == "SUCCEEDED"

    async def test_nobody_can_wait_for_an_express_execution(self, house: House) -> None:
        await house.restart(dispatcher())  # type: ignore[arg-type]
        parent = await house.run(self.starting(await express(house, PASS), ".sync"))
        assert parent.change.error == "StepFunctions.StateMachineTypeNotSupportedException"

    async def test_one_execution_too_many_fails_the_task(self, house: House) -> None:
        house.settings = EngineSettings(express_executions=1)
        await house.restart(dispatcher())  # type: ignore[arg-type]
        await start(house, await express(house, wait(3600)))
        parent = await house.run(self.starting(await express(house, PASS)))
        assert parent.change.error == "StepFunctions.AWSStepFunctionsException"
        assert "Error Code: ThrottlingException" in (parent.change.cause or "")


class TestBounds:
    async def test_one_execution_too_many_is_refused(self, house: House) -> None:
        house.settings = EngineSettings(express_executions=2)
        await house.restart()
        gate = Gate()
        house.dispatcher.handlers["T"] = gate
        machine = await express(house, TASK)
        await start(house, machine)
        second = asyncio.ensure_future(house.engine.run_execution(request(machine)))
        await until(lambda: len(house.dispatcher.running) == 2)
        with pytest.raises(TooManyExecutions):
            await start(house, machine)
        with pytest.raises(TooManyExecutions):
            await house.engine.run_execution(request(machine))
        gate.opened.set()
        await second
        assert (await house.engine.run_execution(request(machine))).change.status == "SUCCEEDED"

    async def test_what_a_restart_finds_runs_within_the_bound(self, house: House) -> None:
        house.dispatcher.handlers["T"] = Gate()
        machine = await express(house, TASK)
        all_of_them = [await start(house, machine) for _ in range(5)]
        house.settings = EngineSettings(express_executions=2)
        gate = Gate()
        await house.restart(Handlers(T=gate))
        await until(lambda: len(house.dispatcher.running) == 2)
        gate.opened.set()
        for started in all_of_them:
            assert (await house.end(started)).change.status == "SUCCEEDED"
        assert len(house.dispatcher.tasks) == 5

    async def test_a_synchronous_execution_is_ended_with_the_engine(self, house: House) -> None:
        house.dispatcher.handlers["T"] = Gate()
        running = asyncio.ensure_future(house.engine.run_execution(request(await express(house, TASK, "ALL"))))
        await until(lambda: bool(house.dispatcher.running))
        await house.engine.stop(0)
        with pytest.raises(Stopping):
            await running
        assert house.dispatcher.running == []
        assert house.store.groups == []

    async def test_the_grace_period_is_for_those_that_end_in_it(self, house: House) -> None:
        gate = Gate()
        house.dispatcher.handlers["T"] = gate
        running = asyncio.ensure_future(house.engine.run_execution(request(await express(house, TASK))))
        await until(lambda: bool(house.dispatcher.running))
        stopping = asyncio.ensure_future(house.engine.stop(10))
        await asyncio.sleep(0)
        gate.opened.set()
        assert (await running).change.status == "SUCCEEDED"
        await stopping


def fail_first(times: int) -> Any:
    """A handler that fails so many times before it succeeds."""
    left = [times]

    async def handle(task: Task) -> AsyncIterator[Outcome]:
        left[0] -= 1
        yield Failed("E", "why") if left[0] >= 0 else Succeeded(task.input)

    return handle
