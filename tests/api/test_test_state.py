"""TestState: what it answers, what it refuses, and what it really does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from stepwell.api.operations import test_state_shapes as shapes
from stepwell.engine.dispatch import Failed, Outcome, StartExecution, Succeeded, Task
from tests.api.conftest import ROLE, Aws

PASS = {"Type": "Pass", "End": True}
INVOKE = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}}
TASK = {**INVOKE, "End": True}
PUT = {"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "Parameters": {"Entries": []}, "End": True}
INSIDE = {"StartAt": "X", "States": {"X": {"Type": "Pass", "End": True}}}
MAP = {"Type": "Map", "ItemProcessor": INSIDE, "End": True}
PARALLEL = {"Type": "Parallel", "Branches": [INSIDE], "End": True}
MACHINE = {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": INSIDE, "Next": "E"}, "E": PASS}}


def mock(result: object, **members: str) -> dict[str, str]:
    return {"result": json.dumps(result), **members}


ERROR = {"errorOutput": {"error": "E", "cause": "C"}}


class Answering:
    """Makes the engine's dispatcher answer every task with one outcome, and keeps the tasks."""

    def __init__(self, aws: Aws, outcome: Outcome | StartExecution) -> None:
        self.tasks: list[Task] = []
        self.outcome = outcome
        aws.callbacks.run = self.run  # type: ignore[method-assign]

    async def run(self, task: Task) -> AsyncIterator[Outcome | StartExecution]:
        self.tasks.append(task)
        yield self.outcome


async def trial(aws: Aws, definition: object, **members: object) -> dict[str, Any]:
    return await aws("TestState", definition=json.dumps(definition), **members)


async def fault(aws: Aws, definition: object, **members: object) -> tuple[str, str]:
    return await aws.fault("TestState", definition=json.dumps(definition), **members)


# -- what it answers


async def test_a_bare_state_is_run_and_its_output_told(aws: Aws) -> None:
    assert await trial(aws, {**PASS, "Next": "B", "End": False}, input='{"a": 1}') == {
        "status": "SUCCEEDED",
        "output": '{"a": 1}',
        "nextState": "B",
    }


async def test_the_inspection_data_is_told_from_debug_on(aws: Aws) -> None:
    assert "inspectionData" not in await trial(aws, PASS, inspectionLevel="INFO")
    for level in ("DEBUG", "TRACE"):
        assert (await trial(aws, PASS, inspectionLevel=level))["inspectionData"]["input"] == "{}"


async def test_a_state_of_a_whole_machine_is_named(aws: Aws) -> None:
    assert (await trial(aws, MACHINE, stateName="M", input="[1]", mock=mock([1])))["nextState"] == "E"
    assert (await trial(aws, MACHINE, stateName="X", input="[7]"))["output"] == "[7]"
    name, message = await fault(aws, MACHINE, stateName="Y")
    assert (name, "'Y'" in message) == ("ValidationException", True)


async def test_variables_are_those_of_the_request(aws: Aws) -> None:
    state = {**PASS, "Parameters": {"v.$": "$x"}}
    assert (await trial(aws, state, variables='{"x": 5}'))["output"] == '{"v":5}'


# -- tasks that are really carried out


async def test_a_task_without_a_mock_is_carried_out(aws: Aws) -> None:
    answering = Answering(aws, Succeeded('{"x":1}'))
    assert (await trial(aws, TASK, roleArn=ROLE))["output"] == '{"x":1}'
    assert [(task.input, task.role_arn) for task in answering.tasks] == [('{"FunctionName":"f"}', ROLE)]


async def test_the_failure_of_a_task_meets_its_retriers(aws: Aws) -> None:
    Answering(aws, Failed("E", "C"))
    found = await trial(aws, {**TASK, "Retry": [{"ErrorEquals": ["E"]}]}, roleArn=ROLE)
    assert found == {"status": "RETRIABLE", "error": "E", "cause": "C"}


async def test_an_execution_that_a_task_asks_for_is_started(aws: Aws) -> None:
    machine = await aws.create()
    Answering(aws, StartExecution(machine, "child", "{}", None, awaited=False))
    aws.callbacks.child_outcome = lambda _, child: Succeeded(json.dumps(child.name))  # type: ignore[attr-defined]
    found = await trial(aws, {**START, "Parameters": {"StateMachineArn": machine}}, roleArn=ROLE)
    assert found["output"] == '"child"'
    listed = await aws("ListExecutions", stateMachineArn=machine)
    assert [execution["name"] for execution in listed["executions"]] == ["child"]


async def test_a_mock_stands_in_for_the_task(aws: Aws) -> None:
    answering = Answering(aws, Failed("E", "C"))
    assert (await trial(aws, TASK, mock=mock({"StatusCode": 200})))["status"] == "SUCCEEDED"
    assert (await trial(aws, TASK, mock=ERROR)) == {"status": "FAILED", "error": "E", "cause": "C"}
    assert answering.tasks == []


async def test_a_wait_is_really_waited_for(aws: Aws) -> None:
    state = {"Type": "Wait", "Timestamp": "2001-01-01T00:00:00Z", "End": True}
    assert (await trial(aws, state))["status"] == "SUCCEEDED"


# -- what it refuses


async def test_what_runs_other_states_or_waits_for_others_needs_a_mock(aws: Aws) -> None:
    for state in (MAP, PARALLEL):
        assert await fault(aws, state) == (
            "InvalidDefinition",
            "TestState API does not support Map or Parallel states. Supported state types include: "
            "[Task, Wait, Pass, Succeed, Fail, Choice]",
        )
    for resource in (
        "arn:aws:states:us-east-1:123456789012:activity:a",
        "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "arn:aws:states:::states:startExecution.sync:2",
    ):
        name, _ = await fault(aws, {"Type": "Task", "Resource": resource, "End": True}, roleArn=ROLE)
        assert name == "InvalidDefinition"


async def test_a_task_without_a_mock_needs_a_role(aws: Aws) -> None:
    message = "RoleArn must be specified when testing a Task state"
    assert await fault(aws, TASK) == ("ValidationException", message)


@pytest.mark.parametrize(
    ("state", "given", "message"),
    [
        (PASS, ERROR, "State type 'Pass' is not supported when a mock is specified"),
        (
            TASK,
            {**mock({}), **ERROR},
            "A test mock should have only one of the following fields: [result, errorOutput].",
        ),
        (TASK, {}, "A test mock should have one of the following fields: [result, errorOutput]."),
        (TASK, {"result": "no JSON"}, "Mocked result must be valid JSON"),
        (PARALLEL, mock({}), "Mocked result must be an array."),
        (MAP, mock({}), "Mocked result must be an array."),
    ],
)
async def test_a_mock_fits_its_state(aws: Aws, state: object, given: object, message: str) -> None:
    assert await fault(aws, state, mock=given) == ("ValidationException", message)


async def test_secrets_are_not_revealed_of_a_mock(aws: Aws) -> None:
    message = "TestState does not support RevealSecrets when a mock is specified."
    assert await fault(aws, TASK, mock=mock({}), revealSecrets=True) == ("ValidationException", message)


async def test_input_that_is_not_json_is_told_as_that_of_an_execution(aws: Aws) -> None:
    assert (await fault(aws, PASS, input="{"))[0] == "InvalidExecutionInput"


async def test_an_unsound_definition_is_refused_with_the_place(aws: Aws) -> None:
    name, message = await fault(aws, {"Type": "Pass", "End": True, "Foo": 1})
    assert (name, "Field 'Foo' is not supported at /States/StateName" in message) == ("InvalidDefinition", True)


@pytest.mark.parametrize(
    ("context", "why"),
    [
        ({"Pokedex": {}}, "Field 'Pokedex' is not allowed"),
        ({"Execution": {"x": 1}}, "Field 'x' is not allowed"),
        ({"Map": {}}, "'Map' field is not supported when mocking a Context object"),
    ],
)
async def test_a_context_object_has_known_fields_only(aws: Aws, context: object, why: str) -> None:
    found = await fault(aws, TASK, mock=mock({}), context=json.dumps(context))
    assert found == ("ValidationException", f"Invalid Context object provided: {why}")


async def test_a_context_object_needs_a_mock(aws: Aws) -> None:
    assert (await fault(aws, PASS, context="{}"))[0] == "ValidationException"


async def test_a_configuration_fits_its_state(aws: Aws) -> None:
    for state, configuration in (
        (TASK, {"mapIterationFailureCount": 1}),
        (MAP, {"mapItemReaderData": "[]"}),
        (PARALLEL, {"errorCausedByState": "Y"}),
        (MAP, {"mapIterationFailureCount": 3}),
    ):
        given = mock([]) if state is not TASK else mock({})
        found = await fault(aws, state, mock=given, input="[1, 2]", stateConfiguration=configuration)
        assert found[0] == "ValidationException", configuration
    caused = {"errorCausedByState": "X"}
    assert (await trial(aws, PARALLEL, mock=ERROR, stateConfiguration=caused))["error"] == "E"


# -- mocked results against the models of the services

START_MACHINE = {"StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:A"}
START = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "Parameters": START_MACHINE, "End": True}
KMS = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:kms:encrypt", "Parameters": {}, "End": True}


@pytest.mark.parametrize(
    ("state", "result", "why"),
    [
        (START, {"executionArn": "a"}, "Required field 'ExecutionArn' is missing"),
        (START, {"ExecutionArn": "a", "StartDate": 1}, "Field 'StartDate' must be a string"),
        (PUT, {"Entries": "x"}, "Field 'Entries' must be an array"),
        (PUT, {"Entries": [{"EventId": []}]}, "Field 'EventId' must be a string"),
        (TASK, {"StatusCode": "200"}, "Field 'StatusCode' must be a number"),
        (KMS, {"CiphertextBlob": 1}, "Field 'CiphertextBlob' must be a string"),
        (KMS, {"EncryptionAlgorithm": "ROT13"}, "Field 'EncryptionAlgorithm' is not an expected value"),
        (PUT, [], "The result must be a JSON object"),
    ],
)
async def test_a_mocked_result_is_one_that_the_service_could_give(
    aws: Aws, state: object, result: object, why: str
) -> None:
    message = f"Mock result schema validation error: {why}"
    assert await fault(aws, state, mock=mock(result)) == ("ValidationException", message)


async def test_only_a_strict_check_asks_for_what_is_missing_and_none_asks_for_anything(aws: Aws) -> None:
    assert (await trial(aws, START, mock=mock({}, fieldValidationMode="PRESENT")))["output"] == "{}"
    name, _ = await fault(aws, START, mock=mock({"StartDate": 1}, fieldValidationMode="PRESENT"))
    assert name == "ValidationException"
    assert (await trial(aws, START, mock=mock({"StartDate": 1}, fieldValidationMode="NONE")))["status"] == "SUCCEEDED"


async def test_what_no_model_knows_is_let_pass(aws: Aws) -> None:
    for state, result in (
        (PUT, {"random": 1}),
        (TASK, {"Payload": {"any": "thing"}}),
        ({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:1:function:f", "End": True}, [1]),
        ({**PUT, "Resource": "arn:aws:states:::events:putEvents.waitForTaskToken"}, "anything"),
    ):
        assert (await trial(aws, state, mock=mock(result)))["status"] == "SUCCEEDED"


async def test_a_sync_integration_answers_what_its_polling_does(aws: Aws) -> None:
    state = {**START, "Resource": "arn:aws:states:::states:startExecution.sync"}
    _, message = await fault(aws, state, mock=mock({"ExecutionArn": "a", "StartDate": "d"}))
    assert message == "Mock result schema validation error: Required field 'StateMachineArn' is missing"


async def test_a_model_that_is_not_at_hand_is_asked_for(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "botocore.loaders", None)
    shapes._botocore_model.cache_clear()
    name, message = await fault(aws, KMS, mock=mock({}))
    assert name == "ValidationException"
    assert "needs botocore" in message
    assert "NONE" in message
    assert (await trial(aws, KMS, mock=mock({}, fieldValidationMode="NONE")))["status"] == "SUCCEEDED"


# -- what an ItemReader has read


@pytest.mark.parametrize(
    ("options", "data", "items"),
    [
        ({}, "[1, 2]", [1, 2]),
        ({"InputType": "JSONL"}, '{"a":1}\n\n{"a":2}\n', [{"a": 1}, {"a": 2}]),
        ({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, 'a,b\n1,"x,y"\n', [{"a": "1", "b": "x,y"}]),
        (
            {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"], "CSVDelimiter": "PIPE"},
            "1|2\n",
            [{"a": "1"}],
        ),
    ],
)
async def test_the_data_of_an_item_reader_is_read_as_its_configuration_says(
    aws: Aws, options: dict[str, Any], data: str, items: list[object]
) -> None:
    reader = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": options, "Parameters": {"Bucket": "b"}}
    processor = {**INSIDE, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    state = {**MAP, "ItemProcessor": processor, "ItemReader": reader, "ItemSelector": {"v.$": "$$.Map.Item.Value"}}
    configuration = {"mapItemReaderData": data}
    found = await trial(aws, state, mock=mock([]), inspectionLevel="DEBUG", stateConfiguration=configuration)
    assert json.loads(found["inspectionData"]["afterItemSelector"]) == [{"v": item} for item in items]
