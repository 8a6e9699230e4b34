"""Waiting without polling: `stepwell wait`, and botocore's waiters."""

from __future__ import annotations

import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from botocore.exceptions import WaiterError

from stepwell.commands import wait as wait_command
from stepwell.commands.endpoint import Endpoint
from tests.cli.conftest import Shell
from tests.patience import PATIENCE, until
from tests.server import Server


def test_the_exit_code_and_the_output_say_how_the_execution_ended(client: Shell) -> None:
    done = client("wait", client("start", "waits", "--input", '{"seconds": 0}').stdout.strip())
    assert (done.returncode, done.stdout) == (0, '{"seconds": 0}\n')
    failed = client("wait", client("start", "fails").stdout.strip())
    assert (failed.returncode, failed.stdout, failed.stderr) == (1, "", "FAILED  Refused: It is closed\n")


def test_the_answer_comes_as_soon_as_the_execution_has_ended(client: Shell, server: Server) -> None:
    client("start", "waits", "--name", "stopped", "--input", '{"seconds": 600}')
    waiting = subprocess.Popen([sys.executable, "-m", "stepwell", "wait", "waits/stopped"], env=client.environment())
    until(lambda: server.under_way() == 1)
    client("stop", "waits/stopped")
    began = time.monotonic()
    assert waiting.wait(PATIENCE) == 4
    assert time.monotonic() - began < 10  # the server was asked to answer after 20 at the latest


def test_a_time_out_has_an_exit_code_of_its_own(client: Shell) -> None:
    client("start", "waits", "--name", "long", "--input", '{"seconds": 600}')
    done = client("wait", "waits/long", "--timeout", "0.3")
    assert done.returncode == 6
    assert done.stderr.endswith(":long still runs after 0.3 s.\n")


def test_an_execution_that_there_is_not_is_told(client: Shell) -> None:
    done = client("wait", "waits/nobody")
    assert done.returncode == 1
    assert "ExecutionDoesNotExist" in done.stderr


def test_a_server_that_does_not_wait_is_asked_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(wait_command.time, "sleep", pauses.append)

    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = b'{"status": "RUNNING"}' if len(pauses) < 8 else b'{"status": "SUCCEEDED"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as elsewhere:
        Thread(target=elsewhere.serve_forever, daemon=True).start()
        endpoint = Endpoint(f"http://127.0.0.1:{elsewhere.server_port}")
        assert wait_command.wait(endpoint, "arn", None) == {"status": "SUCCEEDED"}
        elsewhere.shutdown()
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]


@pytest.fixture
def boto(shell: Shell, server: Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of the server that has the waiters."""
    path = shell("waiters").stdout.strip()
    assert Path(path).is_dir()
    monkeypatch.setenv("AWS_DATA_PATH", path)
    return boto3.Session("key", "secret", region_name="us-east-1").client("stepfunctions", endpoint_url=server.url)


def test_botocore_finds_the_waiters(boto: Any, client: Shell) -> None:
    assert sorted(boto.waiter_names) == [
        "execution_ended",
        "execution_succeeded",
        "map_run_ended",
        "state_machine_deleted",
    ]


def test_a_waiter_returns_when_the_execution_has_succeeded(boto: Any, client: Shell) -> None:
    arn = client("start", "waits", "--input", '{"seconds": 1}').stdout.strip()
    boto.get_waiter("execution_succeeded").wait(executionArn=arn, WaiterConfig={"Delay": 0.1})
    assert boto.describe_execution(executionArn=arn)["status"] == "SUCCEEDED"


def test_a_waiter_for_success_tells_a_failure_and_one_for_the_end_takes_it(boto: Any, client: Shell) -> None:
    arn = client("start", "fails").stdout.strip()
    boto.get_waiter("execution_ended").wait(executionArn=arn)
    with pytest.raises(WaiterError, match="FAILED"):
        boto.get_waiter("execution_succeeded").wait(executionArn=arn)


def test_a_waiter_does_not_poll_where_the_server_is_asked_to_wait(boto: Any, client: Shell) -> None:
    asked: list[str] = []

    def preferred(params: dict[str, dict[str, str]], **_: object) -> None:
        params["headers"]["Prefer"] = "wait=30"
        asked.append(params["headers"]["Prefer"])

    boto.meta.events.register("before-call.sfn.DescribeExecution", preferred)
    arn = client("start", "waits", "--input", '{"seconds": 1}').stdout.strip()
    boto.get_waiter("execution_succeeded").wait(executionArn=arn)
    assert len(asked) == 1


def test_a_deleted_machine_is_waited_for(boto: Any, client: Shell) -> None:
    (Path(client.folder) / "gone.asl.json").write_text('{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}')
    arn = client.json("create", "gone.asl.json")["stateMachineArn"]
    boto.delete_state_machine(stateMachineArn=arn)
    boto.get_waiter("state_machine_deleted").wait(stateMachineArn=arn, WaiterConfig={"Delay": 0.1})
