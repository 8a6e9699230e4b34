"""A planted secret is readable nowhere: not on the disk, not in a log, not in any answer of the server."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from stepwell.commands.endpoint import Endpoint
from tests.patience import PATIENCE, until
from tests.server import Server, serving

ROOT = Path(__file__).parents[2]
SECRET = 'planted-S3cret/with "quotes", ünïcode + more'
ARN = "arn:aws:states:us-east-1:123456789012:"

APP = """
import base64, json, os, sys
from urllib.parse import quote
from stepwell import Stepwell

app = Stepwell()
tags = {"stepwell:sensitive": "token more.deep"}
app.machine("echoes.asl.json", tags=tags)
app.machine("quick.asl.json", type="EXPRESS", tags=tags)


def forms(token):
    return [token, json.dumps(token), json.dumps(json.dumps({"t": token})), quote(token, safe=""),
            base64.b64encode(token.encode()).decode(), base64.b64encode(f"user:{token}".encode()).decode()]


@app.function("Echo")
def echo(event, context):
    for form in forms(event["token"]):
        print("has", form)
        print("on standard error", form, file=sys.stderr)
    os.write(1, b"x" * 262_140 + event["token"].encode() + b"y" * 300_000 + b"\\n")  # cut in the middle of it
    return {"forms": forms(event["token"]), event["token"]: "a name", "given": event}


@app.function("Fail")
def fail(event, context):
    raise RuntimeError("no " + " ".join(forms(event["token"])))
"""
ECHO: dict[str, Any] = {
    "StartAt": "Echo",
    "States": {
        "Echo": {"Type": "Task", "Resource": "Echo", "ResultPath": "$.echo", "Next": "Invoke"},
        "Invoke": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "Echo", "LogType": "Tail", "Payload.$": "$"},
            "ResultPath": "$.tail",
            "Next": "Later",
        },
        "Later": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "Echo", "InvocationType": "Event", "Payload": {"token.$": "$.token"}},
            "ResultPath": None,
            "Next": "Fail",
        },
        "Fail": {"Type": "Task", "Resource": "Fail", "End": True},
    },
}
QUICK = {"StartAt": "Fail", "States": {"Fail": {"Type": "Task", "Resource": "Fail", "End": True}}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    folder = tmp_path_factory.mktemp("planted")
    (folder / "planted.py").write_text(APP)
    (folder / "echoes.asl.json").write_text(json.dumps(ECHO))
    (folder / "quick.asl.json").write_text(json.dumps(QUICK))
    environment = {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "STEPWELL_LOG_LEVEL": "debug"}
    with serving(folder, ["planted:app"], environment=environment) as server:
        yield server, folder


def readable(data: bytes) -> list[str]:
    """The forms of the secret, and of each half of it, that stand in some data."""
    half = len(SECRET) // 2
    forms = [
        SECRET,
        SECRET[:half],
        SECRET[half:],
        json.dumps(SECRET)[1:-1],
        json.dumps(json.dumps(SECRET)[1:-1])[1:-1],
        quote(SECRET, safe=""),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"user:{SECRET}".encode()).decode()[8:-4],
    ]
    return [form for form in forms if form.encode() in data]


def ended(server: Server, arn: str) -> dict[str, Any]:
    endpoint = Endpoint(server.url)
    until(lambda: endpoint.call("DescribeExecution", executionArn=arn)["status"] != "RUNNING")
    return dict(endpoint.call("DescribeExecution", executionArn=arn))


def test_a_planted_secret_is_readable_nowhere(server: tuple[Server, Path]) -> None:
    running, folder = server
    endpoint = Endpoint(running.url)
    given = {"token": SECRET, "more": {"deep": [SECRET]}}
    started = endpoint.call("StartExecution", stateMachineArn=f"{ARN}stateMachine:echoes", input=json.dumps(given))
    arn = started["executionArn"]
    described = ended(running, arn)
    assert described["error"] == "RuntimeError"
    quick = endpoint.call("StartSyncExecution", stateMachineArn=f"{ARN}stateMachine:quick", input=json.dumps(given))
    assert quick["error"] == "RuntimeError"
    endpoint.call("RedriveExecution", executionArn=arn)
    ended(running, arn)

    later = "arn:aws:states:us-east-1:lambda:stateMachine:InvokeLater"
    [kept] = endpoint.pages("ListExecutions", "executions", stateMachineArn=later)
    assert ended(running, kept["executionArn"])["status"] == "SUCCEEDED"

    (arn, kept["executionArn"])
    answers = [
        described,
        quick,
        *(
            list(endpoint.pages("GetExecutionHistory", "events", executionArn=each))
            for each in (arn, kept["executionArn"])
        ),
        endpoint.call("DescribeExecution", executionArn=kept["executionArn"]),
        list(endpoint.pages("ListExecutions", "executions", stateMachineArn=f"{ARN}stateMachine:echoes")),
    ]
    lines = httpx.get(f"{running.url}/logs", params={"limit": 1000}, timeout=PATIENCE).text
    assert lines.count("has sealed-") >= 6
    answers += [lines, httpx.get(f"{running.url}/metrics", timeout=PATIENCE).text]
    assert [readable(json.dumps(answer, ensure_ascii=False).encode()) for answer in answers] == [[]] * len(answers)
    assert [readable(json.dumps(answer).encode()) for answer in answers] == [[]] * len(answers)

    running.terminate()
    files = [file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    assert {"stepwell.db", "stepwell.db.key"} <= {file.name for file in files}
    assert {file.name: found for file in files if (found := readable(file.read_bytes()))} == {}
