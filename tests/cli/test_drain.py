"""SIGTERM: what is under way is finished and answered, what waits is let go, and the server ends in order."""

from __future__ import annotations

import json
import signal
import threading
import urllib.error
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.patience import PATIENCE, until
from tests.server import Server, serving

ARN = "arn:aws:states:us-east-1:123456789012:"
APP = '''
"""A handler that ends when a file is there."""

import pathlib
import time
from stepwell import Stepwell

app = Stepwell()
app.machine("slow.asl.json", type="EXPRESS")


@app.function("Slow")
def slow(event, context):
    while not pathlib.Path(event["file"]).exists():
        time.sleep(0.01)
    return "done"
'''
SLOW = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Slow", "End": True}


def call(server: Server, operation: str, **members: object) -> tuple[int, dict]:
    request = urllib.request.Request(
        server.url,
        json.dumps(members).encode(),
        {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AWSStepFunctions.{operation}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "drained.py").write_text(APP)
    (tmp_path / "slow.asl.json").write_text(json.dumps({"StartAt": "S", "States": {"S": SLOW}}))
    return tmp_path


def test_what_is_under_way_is_finished_and_answered_and_what_waits_is_let_go(folder: Path) -> None:
    go = folder / "go"
    environment = {"PYTHONPATH": str(folder)}
    with (
        serving(folder, ["drained:app", "--grace", "600"], environment=environment) as server,
        ThreadPoolExecutor(2) as clients,
    ):
        assert call(server, "CreateActivity", name="Dig")[0] == 200
        given = json.dumps({"file": str(go)})
        work: Future[tuple[int, dict]] = clients.submit(
            call, server, "StartSyncExecution", stateMachineArn=ARN + "stateMachine:slow", input=given
        )
        poll: Future[tuple[int, dict]] = clients.submit(
            call, server, "GetActivityTask", activityArn=ARN + "activity:Dig"
        )
        until(lambda: server.under_way() == 2)
        server.process.send_signal(signal.SIGTERM)
        status, answer = poll.result(40)  # else it ends after a minute
        assert (status, answer["taskToken"]) == (200, None)
        assert not work.done()
        assert server.process.poll() is None
        go.touch()
        status, answer = work.result(PATIENCE)
        assert (status, answer["status"], answer["output"]) == (200, "SUCCEEDED", '"done"')
        assert server.process.wait(PATIENCE) == 0


def test_a_second_signal_ends_the_server_at_once_with_the_signals_own_code(folder: Path) -> None:
    environment = {"PYTHONPATH": str(folder)}
    with serving(folder, ["drained:app", "--grace", "600"], environment=environment) as server:
        given = json.dumps({"file": str(folder / "never")})
        machine = ARN + "stateMachine:slow"

        def ask() -> None:
            with pytest.raises(OSError):
                call(server, "StartSyncExecution", stateMachineArn=machine, input=given)

        begun = threading.Thread(target=ask, daemon=True)
        begun.start()
        until(lambda: server.under_way() == 1)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: b"a second signal stops at once" in server.log.read_bytes())
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 128 + signal.SIGTERM
        begun.join(PATIENCE)
