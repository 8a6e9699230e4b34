"""kill -9 around a redrive, and under executions of two versions of one machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stepwell.commands.endpoint import Endpoint
from tests import server
from tests.faults import journal
from tests.patience import until

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"
ROLE = "arn:aws:iam::123456789012:role/x"

# One branch ends at once; the other calls a function that the first server does not have.
WORKS_BESIDE_A_FINISHED_BRANCH: dict[str, Any] = {
    "StartAt": "Both",
    "States": {
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Kept", "States": {"Kept": {"Type": "Pass", "Result": "kept", "End": True}}},
                {
                    "StartAt": "Work",
                    "States": {
                        "Work": {
                            "Type": "Task",
                            "Resource": f"{FUNCTION}work",
                            "ResultPath": "$.work",
                            "Next": "Pause",
                        },
                        "Pause": {"Type": "Wait", "Seconds": 2, "End": True},
                    },
                },
            ],
            "End": True,
        }
    },
}


def wait_for_end(endpoint: Endpoint, arn: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = endpoint.call("DescribeExecution", executionArn=arn)
        return None if found["status"] == "RUNNING" else found

    return until(look)


def types(endpoint: Endpoint, arn: str) -> list[str]:
    history = endpoint.call("GetExecutionHistory", executionArn=arn, maxResults=1000)
    assert [event["id"] for event in history["events"]] == list(range(1, len(history["events"]) + 1))
    return [event["type"] for event in history["events"]]


def test_a_redrive_outlives_kills_before_and_after_it(tmp_path: Path) -> None:
    environment = {journal.VARIABLE: str(tmp_path / "journal")}
    alive = server.start(tmp_path)
    try:
        endpoint = Endpoint(alive.url)
        definition = json.dumps(WORKS_BESIDE_A_FINISHED_BRANCH)
        machine = endpoint.call("CreateStateMachine", name="M", definition=definition, roleArn=ROLE)["stateMachineArn"]
        arn = endpoint.call("StartExecution", stateMachineArn=machine, input='{"n":1}')["executionArn"]
        assert wait_for_end(endpoint, arn)["status"] == "FAILED"
        alive.kill()
        alive = server.start(tmp_path, ["tests.faults.app:app"], environment=environment)
        endpoint = Endpoint(alive.url)
        endpoint.call("RedriveExecution", executionArn=arn)
        until(lambda: "WaitStateEntered" in types(endpoint, arn))
        alive.kill()
        alive = server.start(tmp_path, ["tests.faults.app:app"], environment=environment)
        endpoint = Endpoint(alive.url)
        found = wait_for_end(endpoint, arn)
        told = types(endpoint, arn)
    finally:
        alive.terminate()
    assert found["status"] == "SUCCEEDED"
    assert found["redriveCount"] == 1
    kept, worked = json.loads(found["output"])
    assert (kept, worked["n"]) == ("kept", 1)
    assert told.count("ExecutionRedriven") == 1
    assert told.count("PassStateEntered") == 1  # the finished branch was left alone
    assert told.count("LambdaFunctionSucceeded") == 1


def test_executions_of_two_versions_go_on_side_by_side(tmp_path: Path) -> None:
    def definition(result: str) -> str:
        states = {
            "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Tell"},
            "Tell": {"Type": "Pass", "Result": result, "End": True},
        }
        return json.dumps({"StartAt": "Wait", "States": states})

    alive = server.start(tmp_path)
    try:
        endpoint = Endpoint(alive.url)
        made = endpoint.call("CreateStateMachine", name="M", definition=definition("one"), roleArn=ROLE, publish=True)
        machine, first = made["stateMachineArn"], made["stateMachineVersionArn"]
        before = endpoint.call("StartExecution", stateMachineArn=first)["executionArn"]
        made = endpoint.call("UpdateStateMachine", stateMachineArn=machine, definition=definition("two"), publish=True)
        after = endpoint.call("StartExecution", stateMachineArn=made["stateMachineVersionArn"])["executionArn"]
        again = endpoint.call("StartExecution", stateMachineArn=first)["executionArn"]
        alive.kill()
        alive = server.start(tmp_path)
        endpoint = Endpoint(alive.url)
        outputs = [wait_for_end(endpoint, arn)["output"] for arn in (before, after, again)]
    finally:
        alive.terminate()
    assert outputs == ['"one"', '"two"', '"one"']
