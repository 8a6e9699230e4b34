"""Express executions, as AWS's clients and Stepwell's own commands know them."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from stepwell.engine.engine import EngineSettings
from tests.api.conftest import PASS, one_state

ARN = "arn:aws:states:us-east-1:123456789012"
MACHINE = f"{ARN}:stateMachine:orders"
LOG_GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/states/orders:*"
FAIL = {"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "Refused", "Cause": "It is closed"}}}
NOT_SUPPORTED = ("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")


def logging(level: str = "ALL") -> dict:
    destination = {"cloudWatchLogsLogGroup": {"logGroupArn": LOG_GROUP}}
    return {"level": level, "includeExecutionData": True, "destinations": [destination]}


async def shown(aws, path: str, **query: str) -> dict:
    answer = await aws.http.get(f"/express{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def ended(aws, arn: str) -> dict:
    """An execution, once its end is stored."""
    row = await aws.context.store.find_execution(arn)
    while row.change.status == "RUNNING":
        await aws.context.engine.wait_for_turn(row.new.key, 0, 5)
        row = await aws.context.store.find_execution(arn)
    return await shown(aws, f"/{arn}")


class TestStartSyncExecution:
    async def test_the_answer_tells_the_whole_execution(self, aws) -> None:
        await aws.create(type="EXPRESS")
        text = '{ "price" : 1.0 }'
        found = await aws("StartSyncExecution", stateMachineArn=MACHINE, name="one", input=text, traceHeader="Root=1")
        arn = found.pop("executionArn")
        assert re.fullmatch(rf"{ARN}:express:orders:one:[0-9a-f-]{{36}}", arn)
        assert found.pop("startDate") <= found.pop("stopDate")
        assert found == {
            "stateMachineArn": MACHINE,
            "name": "one",
            "status": "SUCCEEDED",
            "input": text,
            "inputDetails": {"included": True},
            "output": '{"a":1}',
            "outputDetails": {"included": True},
            "traceHeader": "Root=1",
            "billingDetails": {"billedDurationInMilliseconds": 100, "billedMemoryUsedInMB": 64},
        }

    async def test_a_workflow_that_fails_is_an_answer_and_no_error(self, aws) -> None:
        await aws.create(definition=FAIL, type="EXPRESS")
        found = await aws("StartSyncExecution", stateMachineArn=MACHINE)
        assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Refused", "It is closed")
        assert "output" not in found
        assert found["outputDetails"] == {"included": True}
        assert len(found["name"]) == 36

    async def test_metadata_only_hides_the_payloads(self, aws) -> None:
        await aws.create(type="EXPRESS")
        found = await aws("StartSyncExecution", stateMachineArn=MACHINE, includedData="METADATA_ONLY")
        assert {"input", "output"}.isdisjoint(found)
        assert found["inputDetails"] == found["outputDetails"] == {"included": False}

    async def test_every_started_tenth_of_a_second_is_billed(self, aws) -> None:
        await aws.create(definition=one_state(Type="Wait", Seconds=1), type="EXPRESS")
        found = await aws("StartSyncExecution", stateMachineArn=MACHINE)
        billed = found["billingDetails"]["billedDurationInMilliseconds"]
        took = round((found["stopDate"] - found["startDate"]) * 1000)
        assert took <= billed < took + 100
        assert billed % 100 == 0

    async def test_a_virtual_clock_does_not_wait(self, aws) -> None:
        await aws.create(definition=one_state(Type="Wait", Seconds=299), type="EXPRESS")
        clock = {"x-stepwell-clock": "virtual"}
        found = (await aws.post("StartSyncExecution", {"stateMachineArn": MACHINE}, **clock)).json()
        assert found["status"] == "SUCCEEDED"
        assert round(found["stopDate"] - found["startDate"]) == 299
        assert found["billingDetails"]["billedDurationInMilliseconds"] == 299_000

    async def test_five_minutes_are_the_most(self, aws) -> None:
        await aws.create(definition=one_state(Type="Wait", Seconds=301), type="EXPRESS")
        clock = {"x-stepwell-clock": "virtual"}
        found = (await aws.post("StartSyncExecution", {"stateMachineArn": MACHINE}, **clock)).json()
        assert found["status"] == "TIMED_OUT"
        assert round(found["stopDate"] - found["startDate"]) == 300

    async def test_a_standard_machine_is_refused(self, aws) -> None:
        await aws.create()
        assert await aws.fault("StartSyncExecution", stateMachineArn=MACHINE) == NOT_SUPPORTED

    async def test_what_cannot_be_run_is_an_error(self, aws) -> None:
        assert await aws.fault("StartSyncExecution", stateMachineArn=MACHINE) == (
            "StateMachineDoesNotExist",
            f"State Machine Does Not Exist: '{MACHINE}'",
        )
        await aws.create(type="EXPRESS")
        shape, _ = await aws.fault("StartSyncExecution", stateMachineArn=MACHINE, input="{")
        assert shape == "InvalidExecutionInput"
        shape, _ = await aws.fault("StartSyncExecution", stateMachineArn=MACHINE, name="a b")
        assert shape == "InvalidName"

    async def test_the_host_that_sdks_ask_for_it_is_answered(self, aws) -> None:
        await aws.create(type="EXPRESS")
        answer = await aws.post("StartSyncExecution", {"stateMachineArn": MACHINE}, host="sync-localhost:8083")
        assert (answer.status_code, answer.json()["status"]) == (200, "SUCCEEDED")

    async def test_boto3_reads_the_answer(self, sfn, monkeypatch) -> None:
        monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")
        client = sfn()
        role = "arn:aws:iam::123456789012:role/x"
        made = client.create_state_machine(name="synced", definition=json.dumps(PASS), roleArn=role, type="EXPRESS")
        found = await asyncio.to_thread(client.start_sync_execution, stateMachineArn=made["stateMachineArn"])
        assert found["output"] == '{"a":1}'
        assert found["startDate"] <= found["stopDate"]


class TestStartExecution:
    async def test_the_same_name_and_input_start_another_execution(self, aws) -> None:
        await aws.create(type="EXPRESS")
        arns = [await aws.start(MACHINE, name="one") for _ in range(2)]
        assert arns[0] != arns[1]
        assert all(arn.startswith(f"{ARN}:express:orders:one:") for arn in arns)

    async def test_what_aws_does_not_tell_of_it_is_refused(self, aws) -> None:
        execution = await aws.start(await aws.create(type="EXPRESS"))
        assert await aws.fault("ListExecutions", stateMachineArn=MACHINE) == NOT_SUPPORTED
        for operation in (
            "DescribeExecution",
            "StopExecution",
            "GetExecutionHistory",
            "DescribeStateMachineForExecution",
        ):
            assert await aws.fault(operation, executionArn=execution) == (
                "InvalidArn",
                "Invalid Arn: 'Resource type not valid in this context: express'",
            )

    async def test_a_machine_is_gone_once_its_executions_have_ended(self, aws) -> None:
        await aws.create(definition=one_state(Type="Wait", Seconds=1), type="EXPRESS")
        execution = await aws.start(MACHINE)
        await aws("DeleteStateMachine", stateMachineArn=MACHINE)
        assert (await aws("DescribeStateMachine", stateMachineArn=MACHINE))["status"] == "DELETING"
        shape, _ = await aws.fault("StartSyncExecution", stateMachineArn=MACHINE)
        assert shape == "StateMachineDeleting"
        await ended(aws, execution)
        shape, _ = await aws.fault("DescribeStateMachine", stateMachineArn=MACHINE)
        assert shape == "StateMachineDoesNotExist"


class TestBound:
    @pytest.fixture
    def engine_settings(self) -> EngineSettings:
        return EngineSettings(express_executions=1)

    async def test_one_execution_too_many_is_throttled(self, aws) -> None:
        await aws.create(definition=one_state(Type="Wait", Seconds=60), type="EXPRESS")
        await aws.start(MACHINE)
        for operation in ("StartExecution", "StartSyncExecution"):
            assert await aws.fault(operation, stateMachineArn=MACHINE) == ("ThrottlingException", "Rate exceeded")


class TestDefinition:
    """What an Express workflow cannot do is told when its machine is created."""

    @pytest.mark.parametrize(
        ("resource", "sentence"),
        [
            ("arn:aws:states:::batch:submitJob.sync", "does not support '.sync' service integration"),
            ("arn:aws:states:::states:startExecution.sync:2", "does not support '.sync' service integration"),
            (
                "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                "does not support '.waitForTaskToken' service integration",
            ),
            (f"{ARN}:activity:dig", "does not support Activity ARN"),
        ],
    )
    async def test_tasks_that_wait_for_more_than_an_answer(self, aws, resource: str, sentence: str) -> None:
        definition = json.dumps(one_state(Type="Task", Resource=resource, Parameters={"a": 1}))
        shape, message = await aws.fault(
            "CreateStateMachine",
            name="orders",
            definition=definition,
            roleArn="arn:aws:iam::123456789012:role/x",
            type="EXPRESS",
        )
        assert shape == "InvalidDefinition"
        assert f"Express state machine {sentence}" in message
        assert "/States/A/Resource" in message

    async def test_distributed_maps(self, aws) -> None:
        processor = {**PASS, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}}
        shape, _ = await aws.fault(
            "CreateStateMachine",
            name="orders",
            definition=json.dumps(one_state(Type="Map", ItemProcessor=processor)),
            roleArn="arn:aws:iam::123456789012:role/x",
            type="EXPRESS",
        )
        assert shape == "InvalidDefinition"


class TestShown:
    """What AWS shows in CloudWatch Logs."""

    async def test_an_execution_is_shown_with_its_end(self, aws) -> None:
        await aws.create(definition=FAIL, type="EXPRESS")
        execution = await aws.start(MACHINE, name="one", input='{"x": 1}')
        found = await ended(aws, execution)
        assert found.pop("startDate") <= found.pop("stopDate")
        assert found == {
            "executionArn": execution,
            "stateMachineArn": MACHINE,
            "name": "one",
            "status": "FAILED",
            "input": '{"x": 1}',
            "error": "Refused",
            "cause": "It is closed",
        }

    async def test_its_log_has_the_events_of_a_history(self, aws) -> None:
        await aws.create(type="EXPRESS", loggingConfiguration=logging())
        found = await aws("StartSyncExecution", stateMachineArn=MACHINE)
        log = await shown(aws, f"/{found['executionArn']}/events")
        assert log["next"] is None
        assert [event["type"] for event in log["events"]] == [
            "ExecutionStarted",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded",
        ]
        assert log["events"][3]["executionSucceededEventDetails"] == {
            "output": '{"a":1}',
            "outputDetails": {"truncated": False},
        }

    async def test_a_long_log_comes_in_pages(self, aws) -> None:
        each = {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": True}}}
        await aws.create(
            definition=one_state(Type="Map", ItemProcessor=each), type="EXPRESS", loggingConfiguration=logging()
        )
        found = await aws("StartSyncExecution", stateMachineArn=MACHINE, input=json.dumps(list(range(700))))
        path, ids, position = f"/{found['executionArn']}/events", [], 1
        while position is not None:
            page = await shown(aws, path, **{"from": str(position)})
            ids += [event["id"] for event in page["events"]]
            position = page["next"]
        assert len(ids) > 2_000
        assert ids == list(range(1, len(ids) + 1))

    async def test_what_a_log_leaves_out_is_passed_over(self, aws) -> None:
        each = {"StartAt": "B", "States": {"B": {"Type": "Pass", "Next": "C"}, "C": FAIL["States"]["A"]}}
        definition = one_state(
            Type="Map", MaxConcurrency=1, ItemProcessor={"StartAt": "B", "States": {"B": {"Type": "Pass", "End": True}}}
        )
        definition["States"]["A"] = {**definition["States"]["A"], "Next": "Z"}
        del definition["States"]["A"]["End"]
        definition["States"]["Z"] = each["States"]["C"]
        await aws.create(definition=definition, type="EXPRESS", loggingConfiguration=logging("ERROR"))
        found = await aws("StartSyncExecution", stateMachineArn=MACHINE, input=json.dumps(list(range(700))))
        log = await shown(aws, f"/{found['executionArn']}/events")
        assert [event["type"] for event in log["events"]] == ["FailStateEntered", "ExecutionFailed"]
        assert log["events"][0]["id"] > 2_000

    async def test_executions_are_listed_newest_first_in_pages(self, aws) -> None:
        await aws.create(type="EXPRESS")
        started = [await aws.start(MACHINE, name=f"e{n}") for n in range(101)]
        for execution in started:
            await ended(aws, execution)
        first = await shown(aws, "", stateMachineArn=MACHINE)
        second = await shown(aws, "", stateMachineArn=MACHINE, after=first["next"])
        assert len(first["executions"]) == 100
        assert second["next"] is None
        names = [execution["name"] for execution in first["executions"] + second["executions"]]
        assert sorted(names) == sorted(f"e{n}" for n in range(101))
        failed = await shown(aws, "", stateMachineArn=MACHINE, status="FAILED")
        assert failed == {"executions": [], "next": None}

    @pytest.mark.parametrize(
        ("path", "shape"),
        [
            (f"/{ARN}:express:orders:one:nowhere", "ExecutionDoesNotExist"),
            (f"/{ARN}:execution:orders:one", "InvalidArn"),
            ("/nothing/events", "InvalidArn"),
            (f"?stateMachineArn={MACHINE}", "StateMachineDoesNotExist"),
            ("", "InvalidArn"),
        ],
    )
    async def test_what_is_not_there_is_told(self, aws, path: str, shape: str) -> None:
        answer = await aws.http.get(f"/express{path}")
        assert (answer.status_code, answer.json()["__type"]) == (400, shape)

    async def test_only_hosts_that_are_allowed_see_them(self, aws) -> None:
        answer = await aws.http.get("/express", headers={"host": "evil.example"})
        assert answer.status_code == 403
