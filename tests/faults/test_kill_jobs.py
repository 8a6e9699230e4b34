"""Jobs of a service, and `kill -9` of the server while they run: none is submitted twice, none is forgotten."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.patience import PATIENCE, until
from tests.server import Server, serving

JOBS = 20
ROLE = "arn:aws:iam::123456789012:role/x"
DEFINITION = {
    "StartAt": "Work",
    "States": {
        "Work": {
            "Type": "Task",
            "Resource": "arn:aws:states:::glue:startJobRun.sync",
            "Parameters": {"JobName.$": "$.job"},
            "End": True,
        }
    },
}


@dataclass
class Glue:
    """AWS Glue, as far as job runs go. Runs end once `done` is set."""

    url: str = ""
    started: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    looked: set[str] = field(default_factory=set)
    all_looked: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    def answer(self, action: str, given: dict[str, Any]) -> dict[str, Any]:
        if action == "StartJobRun":
            self.started.append(given["JobName"])
            return {"JobRunId": f"run-of-{given['JobName']}"}
        if action == "BatchStopJobRun":
            self.stopped += given["JobRunIds"]
            return {}
        self.looked.add(given["RunId"])
        if len(self.looked) == JOBS:
            self.all_looked.set()
        return {"JobRun": {"Id": given["RunId"], "JobRunState": "SUCCEEDED" if self.done.is_set() else "RUNNING"}}


@pytest.fixture
def glue() -> Iterator[Glue]:
    found = Glue()

    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE

        def do_POST(self) -> None:
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(found.answer(self.headers["X-Amz-Target"].partition(".")[2], given)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Listener(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 4 * JOBS  # all calls at once: none is to be refused

    server = Listener(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


def states(server: Server) -> Any:
    client = boto3.client(
        "stepfunctions",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(connect_timeout=PATIENCE, read_timeout=PATIENCE, retries={"total_max_attempts": 1}),
    )
    client.meta.events.register("before-call.sfn.DescribeExecution", _prefer_to_wait)
    return client


def ended(client: Any, execution: str) -> dict[str, Any] | None:
    row: dict[str, Any] = client.describe_execution(executionArn=execution)
    return None if row["status"] == "RUNNING" else row


def _prefer_to_wait(params: dict[str, Any], **_: object) -> None:
    params["headers"]["Prefer"] = "wait=30"


def test_jobs_are_followed_by_the_next_server_and_stopped_with_their_execution(tmp_path: Path, glue: Glue) -> None:
    environment = {"AWS_ENDPOINT_URL_GLUE": glue.url, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    with serving(tmp_path, environment=environment) as server:
        client = states(server)
        machine = client.create_state_machine(name="m", definition=json.dumps(DEFINITION), roleArn=ROLE)
        arns = [
            client.start_execution(
                stateMachineArn=machine["stateMachineArn"], name=f"e{n}", input=json.dumps({"job": f"j{n}"})
            )["executionArn"]
            for n in range(JOBS)
        ]
        assert glue.all_looked.wait(PATIENCE)
        server.kill()
    glue.looked.clear()
    glue.all_looked.clear()
    with serving(tmp_path, environment=environment) as server:
        client = states(server)
        assert glue.all_looked.wait(PATIENCE)
        client.stop_execution(executionArn=arns[0])
        glue.done.set()
        for n, arn in enumerate(arns[1:], 1):
            row = until(lambda arn=arn: ended(client, arn))
            assert (row["status"], json.loads(row["output"])["Id"]) == ("SUCCEEDED", f"run-of-j{n}")
        history = client.get_execution_history(executionArn=arns[1])["events"]
        assert [event["type"] for event in history].count("TaskSubmitted") == 1
        until(lambda: glue.stopped)
    assert sorted(glue.started) == sorted(f"j{n}" for n in range(JOBS))
    assert glue.stopped == ["run-of-j0"]
