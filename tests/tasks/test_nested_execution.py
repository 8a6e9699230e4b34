"""What a task that starts an execution asks for, and what becomes of the answers."""

from __future__ import annotations

import json

import pytest

from stepwell.engine.dispatch import Child, Failed, Refused, StartExecution, SubmitFailed, Submitted, Succeeded
from stepwell.language.resource import parse_resource
from stepwell.tasks.nested_execution import NestedExecution

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:m:kid"


def resource(pattern: str = ""):
    return parse_resource(f"arn:aws:states:::states:startExecution{pattern}")


def child(status: str, **members: object) -> Child:
    about = {
        "arn": EXECUTION,
        "machine_arn": MACHINE,
        "name": "kid",
        "start_date": 1_700_000_000_123,
        "input": '{"a":1}',
    }
    return Child(**{**about, "status": status, **members})


async def asked(task, pattern: str = "", **parameters: object):
    (outcome,) = [outcome async for outcome in NestedExecution().run(task(resource(pattern), json.dumps(parameters)))]
    return outcome


@pytest.mark.parametrize(
    ("given", "text"), [({"a": 1}, '{"a":1}'), ('{"a": 1}', '{"a": 1}'), (None, "{}"), ('"text"', '"text"'), (7, "7")]
)
async def test_an_input_is_a_value_or_the_text_of_one(task, given: object, text: str) -> None:
    outcome = await asked(task, StateMachineArn=MACHINE, Input=given)
    assert outcome == StartExecution(MACHINE, None, text, None, awaited=False)


@pytest.mark.parametrize(
    ("pattern", "awaited"), [("", False), (".sync", True), (".sync:2", True), (".waitForTaskToken", False)]
)
async def test_only_sync_waits_for_the_end(task, pattern: str, awaited: bool) -> None:
    outcome = await asked(task, pattern, StateMachineArn=MACHINE, Name="kid", TraceHeader="t")
    assert outcome == StartExecution(MACHINE, "kid", "{}", "t", awaited=awaited)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({}, "States.Runtime"),
        ({"StateMachineArn": MACHINE, "Name": 7}, "States.Runtime"),
        ({"StateMachineArn": MACHINE, "Name": "a b"}, "StepFunctions.InvalidNameException"),
        ({"StateMachineArn": MACHINE, "Input": "{"}, "StepFunctions.InvalidExecutionInputException"),
    ],
)
async def test_parameters_that_cannot_be_used_fail_the_task(task, parameters: dict, error: str) -> None:
    outcome = await asked(task, **parameters)
    assert isinstance(outcome, Failed)
    assert outcome.error == error
    assert isinstance(await asked(task, ".waitForTaskToken", **parameters), SubmitFailed)


@pytest.mark.parametrize(("pattern", "kind"), [("", Succeeded), (".sync", Submitted), (".waitForTaskToken", Submitted)])
def test_the_start_is_answered_as_the_service_does(pattern: str, kind: type) -> None:
    outcome = NestedExecution().child_outcome(resource(pattern), child("RUNNING"))
    assert isinstance(outcome, kind)
    answer = json.loads(outcome.output)
    assert (answer["ExecutionArn"], answer["StartDate"]) == (EXECUTION, 1_700_000_000_123)
    sent = f'{{"executionArn":"{EXECUTION}","startDate":1.700000000123E9}}'
    assert answer["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"] == str(len(sent))


@pytest.mark.parametrize(("pattern", "output"), [(".sync", '{"b":2}'), (".sync:2", {"b": 2})])
def test_the_end_is_the_description_of_the_execution(pattern: str, output: object) -> None:
    ended = child("SUCCEEDED", output='{"b":2}', stop_date=1_700_000_000_456)
    outcome = NestedExecution().child_outcome(resource(pattern), ended)
    assert isinstance(outcome, Succeeded)
    assert json.loads(outcome.output) == {
        "ExecutionArn": EXECUTION,
        "Input": '{"a":1}' if pattern == ".sync" else {"a": 1},
        "InputDetails": {"Included": True},
        "Name": "kid",
        "Output": output,
        "OutputDetails": {"Included": True},
        "RedriveCount": 0,
        "RedriveStatus": "NOT_REDRIVABLE",
        "RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
        "StartDate": 1_700_000_000_123,
        "StateMachineArn": MACHINE,
        "Status": "SUCCEEDED",
        "StopDate": 1_700_000_000_456,
    }


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_an_execution_that_does_not_succeed_fails_the_task(status: str) -> None:
    outcome = NestedExecution().child_outcome(resource(".sync"), child(status, error="E", stop_date=1))
    assert isinstance(outcome, Failed)
    assert outcome.error == "States.TaskFailed"
    cause = json.loads(outcome.cause)
    assert (cause["Error"], cause["Status"]) == ("E", status)


@pytest.mark.parametrize(
    ("why", "code"),
    [
        ("missing", "StateMachineDoesNotExist"),
        ("deleting", "StateMachineDeleting"),
        ("exists", "ExecutionAlreadyExists"),
        ("unsupported", "StateMachineTypeNotSupported"),
    ],
)
def test_a_refusal_has_the_name_and_the_words_of_the_service(why, code: str) -> None:
    outcome = NestedExecution().child_outcome(resource(), Refused(why, MACHINE, EXECUTION))
    assert isinstance(outcome, Failed)
    assert outcome.error == f"StepFunctions.{code}Exception"
    assert f"(Service: AWSStepFunctions; Status Code: 400; Error Code: {code}; Request ID: " in outcome.cause
