"""Executions, as AWS's clients know them."""

from __future__ import annotations

import json

import pytest

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:orders"
ONE = "arn:aws:states:us-east-1:123456789012:execution:orders:one"
MISSING = "arn:aws:states:us-east-1:123456789012:execution:orders:missing"


async def test_a_finished_execution_is_described_with_its_very_input_and_output(aws) -> None:
    await aws.create()
    text = '{ "price" : 1.0, "id":12345678901234567890123 }'
    started = await aws("StartExecution", stateMachineArn=ARN, name="one", input=text, traceHeader="Root=1")
    found = await aws.ended(ONE)
    assert found == {
        "executionArn": ONE,
        "stateMachineArn": ARN,
        "name": "one",
        "status": "SUCCEEDED",
        "startDate": started["startDate"],
        "stopDate": found["stopDate"],
        "input": text,
        "inputDetails": {"included": True},
        "output": '{"a":1}',
        "outputDetails": {"included": True},
        "traceHeader": "Root=1",
        "redriveCount": 0,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
    }


async def test_a_description_of_metadata_only_hides_the_payloads(aws) -> None:
    execution = await aws.start(await aws.create(), input='{"secret": 1}')
    await aws.ended(execution)
    found = await aws("DescribeExecution", executionArn=execution, includedData="METADATA_ONLY")
    assert "input" not in found
    assert "output" not in found
    assert found["inputDetails"] == found["outputDetails"] == {"included": False}


async def test_name_and_input_have_defaults(aws) -> None:
    found = await aws.ended(await aws.start(await aws.create()))
    assert len(found["name"]) == 36
    assert found["input"] == "{}"


async def test_starting_again_is_idempotent_while_it_runs_with_the_same_input(aws, definitions) -> None:
    await aws.create(definition=definitions["wait"])
    start = {"stateMachineArn": ARN, "name": "one", "input": '{"a": 1}'}
    first = await aws("StartExecution", **start)
    assert await aws("StartExecution", **start) == first
    exists = ("ExecutionAlreadyExists", f"Execution Already Exists: '{ONE}'")
    assert await aws.fault("StartExecution", **start | {"input": '{"a": 2}'}) == exists
    await aws("StopExecution", executionArn=ONE)
    assert await aws.fault("StartExecution", **start) == exists


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", "NaN", "[1,]", '"\\ud800"', "[" * 5_000])
async def test_an_input_that_is_not_json_is_refused(aws, text: str) -> None:
    await aws.create()
    shape, message = await aws.fault("StartExecution", stateMachineArn=ARN, input=text)
    assert shape == "InvalidExecutionInput"
    assert message.startswith("Invalid State Machine Execution Input: '")


async def test_an_input_may_be_any_json_value(aws) -> None:
    await aws.create()
    for text in ("1", '"a"', "null", "[]", " {} "):
        assert (await aws.ended(await aws.start(ARN, input=text)))["input"] == text


async def test_a_name_with_a_forbidden_character_is_refused(aws) -> None:
    await aws.create()
    assert await aws.fault("StartExecution", stateMachineArn=ARN, name="a/b") == ("InvalidName", "Invalid Name: 'a/b'")


async def test_a_test_case_of_the_mocks_is_no_part_of_the_arn(aws, definitions) -> None:
    await aws.create(definition=definitions["callback"])
    long = "Case" + "x" * 300
    execution = await aws.start(f"{ARN}#{long}")
    assert execution.startswith("arn:aws:states:us-east-1:123456789012:execution:orders:")
    assert (await aws.callbacks.tasks.get()).test_case == long


@pytest.mark.parametrize("operation", ["StartExecution", "StartSyncExecution"])
async def test_a_test_case_that_has_no_mocks_runs_without_and_is_told_once_in_the_log(aws, operation, caplog) -> None:
    kind = "EXPRESS" if operation == "StartSyncExecution" else "STANDARD"
    await aws.create(type=kind)
    for case in ("", "#Typo", "#Typo", "#Other"):
        await aws(operation, stateMachineArn=f"{ARN}{case}")
    told = [record for record in caplog.records if record.name == "stepwell.mocks"]
    assert [record.levelname for record in told] == ["WARNING", "WARNING"]
    assert '"Typo" without mocks: no SFN_MOCK_CONFIG is set' in told[0].getMessage()
    assert '"Other"' in told[1].getMessage()


async def test_a_stopped_execution_shows_error_and_cause_and_stops_once(aws, definitions) -> None:
    await aws.create(definition=definitions["wait"])
    await aws.start(ARN, name="one")
    stopped = await aws("StopExecution", executionArn=ONE, error="Enough", cause="It is late")
    found = await aws("DescribeExecution", executionArn=ONE)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Enough", "It is late")
    assert found["stopDate"] == stopped["stopDate"]
    assert found["redriveStatus"] == "REDRIVABLE"
    assert await aws("StopExecution", executionArn=ONE) == stopped


async def test_the_redrive_period_is_14_days(aws, definitions) -> None:
    await aws.create(definition=definitions["wait"])
    await aws.start(ARN, name="one")
    running = await aws("DescribeExecution", executionArn=ONE)
    assert running["redriveStatusReason"] == "Execution is RUNNING and cannot be redriven"
    await aws("StopExecution", executionArn=ONE)
    aws.skew = 14 * 24 * 3600 * 1000 + 5_000
    found = await aws("DescribeExecution", executionArn=ONE)
    assert (found["redriveStatus"], found["redriveStatusReason"]) == (
        "NOT_REDRIVABLE",
        "Execution redrivable period exceeded",
    )


@pytest.mark.parametrize(
    "operation",
    ["DescribeExecution", "StopExecution", "GetExecutionHistory", "DescribeStateMachineForExecution"],
)
async def test_an_execution_that_is_not_there_does_not_exist(aws, operation: str) -> None:
    assert await aws.fault(operation, executionArn=MISSING) == (
        "ExecutionDoesNotExist",
        f"Execution Does Not Exist: '{MISSING}'",
    )
    assert await aws.fault(operation, executionArn="arn:aws:states:us-east-1:1:express:a:b:c") == (
        "InvalidArn",
        "Invalid Arn: 'Resource type not valid in this context: express'",
    )


async def test_an_execution_shows_the_machine_as_it_was_at_its_start(aws, definitions) -> None:
    await aws.create(definition=definitions["wait"])
    await aws.start(ARN, name="one")
    await aws("UpdateStateMachine", stateMachineArn=ARN, definition=json.dumps(definitions["pass"]))
    found = await aws("DescribeStateMachineForExecution", executionArn=ONE)
    assert json.loads(found["definition"]) == definitions["wait"]
    assert (found["name"], found["stateMachineArn"]) == ("orders", ARN)
    assert "revisionId" not in found
    await aws.start(ARN, name="two")
    later = await aws("DescribeStateMachineForExecution", executionArn=ONE.replace(":one", ":two"))
    assert json.loads(later["definition"]) == definitions["pass"]
    assert len(later["revisionId"]) == 36


async def test_executions_are_listed_newest_first_page_by_page_and_by_status(aws, definitions) -> None:
    await aws.create(definition=definitions["wait"])
    for number in range(5):
        await aws.start(ARN, name=f"e{number}")
    await aws("StopExecution", executionArn=ONE.replace(":one", ":e2"))
    running = await aws("ListExecutions", stateMachineArn=ARN, statusFilter="RUNNING")
    assert {execution["name"] for execution in running["executions"]} == {"e0", "e1", "e3", "e4"}
    first = await aws("ListExecutions", stateMachineArn=ARN, maxResults=3)
    rest = await aws("ListExecutions", stateMachineArn=ARN, maxResults=10, nextToken=first["nextToken"])
    assert "nextToken" not in rest
    names = [execution["name"] for execution in first["executions"] + rest["executions"]]
    assert sorted(names) == ["e0", "e1", "e2", "e3", "e4"]
    assert names[0] == "e2"
    assert set(first["executions"][0]) == {
        "executionArn",
        "stateMachineArn",
        "name",
        "status",
        "startDate",
        "stopDate",
        "redriveCount",
    }
    assert (
        await aws.fault("ListExecutions", stateMachineArn=ARN, statusFilter="FAILED", nextToken=first["nextToken"])
    )[0] == "InvalidToken"


async def test_a_listing_is_of_a_machine_or_of_a_map_run(aws) -> None:
    map_run = "arn:aws:states:us-east-1:123456789012:mapRun:orders/each:1"
    assert (await aws.fault("ListExecutions"))[0] == "ValidationException"
    assert (await aws.fault("ListExecutions", stateMachineArn=ARN, mapRunArn=map_run))[0] == "ValidationException"
    assert (await aws.fault("ListExecutions", mapRunArn=map_run))[0] == "ResourceNotFound"
