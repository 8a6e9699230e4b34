"""kill -9 under Express executions: asynchronous ones run again from their input, synchronous ones do not."""

from __future__ import annotations

import json
import threading
import uuid
from pathlib import Path
from typing import Any

from stepwell.commands import express
from stepwell.commands.endpoint import Endpoint
from stepwell.commands.exit_code import CommandFailed
from tests import server
from tests.faults import journal
from tests.faults.app import GATE
from tests.patience import PATIENCE, until

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"
LOG_GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/states/e:*"
EXECUTIONS = 20

# A finished task, then one that ends once the gate is open: the kill falls before.
WORKS_AND_WAITS = {
    "StartAt": "Work",
    "States": {
        "Work": {"Type": "Task", "Resource": f"{FUNCTION}work", "ResultPath": "$.work", "Next": "Wait"},
        "Wait": {"Type": "Task", "Resource": f"{FUNCTION}wait", "ResultPath": None, "End": True},
    },
}


def create(endpoint: Endpoint) -> str:
    destination = {"cloudWatchLogsLogGroup": {"logGroupArn": LOG_GROUP}}
    made = endpoint.call(
        "CreateStateMachine",
        name="Express",
        definition=json.dumps(WORKS_AND_WAITS),
        roleArn="arn:aws:iam::123456789012:role/x",
        type="EXPRESS",
        loggingConfiguration={"level": "ALL", "includeExecutionData": True, "destinations": [destination]},
    )
    return str(made["stateMachineArn"])


def wait_for_runs(written: Path, wanted: int) -> dict[str, list[journal.Run]]:
    """The runs of the handlers, once so many have ended."""

    def look() -> dict[str, list[journal.Run]] | None:
        runs = journal.runs(written) if written.exists() else {}
        many = sum(run.ended is not None for of_key in runs.values() for run in of_key)
        return runs if many >= wanted else None

    return until(look, lambda: journal.runs(written))


def test_what_a_kill_leaves_runs_again_from_its_input(tmp_path: Path) -> None:
    written = tmp_path / "journal"
    gate = tmp_path / "gate"
    environment = {journal.VARIABLE: str(written), GATE: str(gate)}
    alive = server.start(tmp_path, ["tests.faults.app:app"], environment=environment)
    try:
        endpoint = Endpoint(alive.url)
        machine = create(endpoint)
        arns = [
            endpoint.call("StartExecution", stateMachineArn=machine, input=json.dumps({"n": n}), name=f"e{n}")[
                "executionArn"
            ]
            for n in range(EXECUTIONS)
        ]
        answers: list[Any] = []
        waiting = threading.Thread(target=synchronous, args=(alive.url, machine, answers), daemon=True)
        waiting.start()
        wait_for_runs(written, EXECUTIONS + 1)
        alive.kill()
        waiting.join(PATIENCE)
        assert answers == ["no answer"]

        gate.touch()
        alive = server.start(tmp_path, ["tests.faults.app:app"], port=alive.port, environment=environment)
        endpoint = Endpoint(alive.url)
        for n, arn in enumerate(arns):
            ended = express.wait_for_end(endpoint, arn)
            assert (ended["status"], ended["input"]) == ("SUCCEEDED", json.dumps({"n": n}))
            events = list(express.events(endpoint, arn))
            assert [event["id"] for event in events] == list(range(1, len(events) + 1))
            assert [events[0]["type"], events[-1]["type"]] == ["ExecutionStarted", "ExecutionSucceeded"]
            task_key = f"{arn}:{next(event['id'] for event in events if event['type'] == 'LambdaFunctionScheduled')}"
            runs = journal.runs(written)[task_key]
            assert len(runs) == 2
            assert json.loads(ended["output"])["work"]["run"] == runs[1].name
        assert len(wait_for_runs(written, 2 * EXECUTIONS + 1)) == EXECUTIONS + 1
        kept = [execution["executionArn"] for execution in express.executions(endpoint, machine, None)]
        assert sorted(kept) == sorted(arns)
        assert alive.terminate() == 0
    finally:
        if alive.process.poll() is None:
            alive.kill()


def synchronous(url: str, machine: str, answers: list[Any]) -> None:
    """Ask for a synchronous execution; its server does not live to answer."""
    try:
        text = json.dumps({"n": str(uuid.uuid4())})
        answers.append(Endpoint(url).call("StartSyncExecution", stateMachineArn=machine, input=text))
    except CommandFailed:
        answers.append("no answer")
