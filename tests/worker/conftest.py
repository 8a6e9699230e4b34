"""A server and its workers as processes of their own, on a folder of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.patience import PATIENCE, until
from tests.server import Server, start
from tests.worker import journal

ROOT = Path(__file__).parents[2]
PLACE = "us-east-1:123456789012"


def one_task(resource: str, **more: Any) -> str:
    return json.dumps({"StartAt": "Do", "States": {"Do": {"Type": "Task", "Resource": resource, **more, "End": True}}})


@dataclass
class Fleet:
    """The server, the workers, and who asks them to do something. `lease` is in seconds."""

    folder: Path
    stack: ExitStack
    lease: float = 10 * PATIENCE
    access_key: tuple[str, str] = ("k", "s")
    server: Server | None = None
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("STEPWELL_", "AWS_"))}
        path = f"{self.folder}{os.pathsep}{ROOT}"
        return {**kept, "PYTHONPATH": path, "HOME": str(self.folder), journal.VARIABLE: str(self.journal), **more}

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    def serve(self, port: int = 0, **settings: str) -> None:
        given = self.environment(STEPWELL_WORKER_LEASE=str(self.lease), **settings)
        if self.access_key != ("k", "s"):  # then the server asks for it
            given["STEPWELL_ACCESS_KEYS"] = ":".join(self.access_key)
        self.server = start(self.folder, ["tests.worker.served:app"], port=port, environment=given)
        self.stack.callback(self._end, self.server.process)

    def restart(self) -> None:
        """Kill the server, and start another one in its place; a worker may not have noticed."""
        assert self.server is not None
        self.server.kill()
        self.serve(self.server.port)

    def stay_away_until(self, name: str) -> None:
        """Kill the server, and start another one in its place once this worker has noticed."""
        assert self.server is not None
        self.server.kill()
        until(lambda: "is away" in self.said(name), lambda: self.said(name))
        self.serve(self.server.port)

    def work(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        assert self.server is not None
        command = [sys.executable, "-m", "stepwell", "worker", "tests.worker.served:app", "--name", name]
        id, secret = self.access_key
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*command, "--server", self.server.url, *arguments],
                cwd=self.folder,
                env=self.environment(WORKER=name, AWS_ACCESS_KEY_ID=id, AWS_SECRET_ACCESS_KEY=secret),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.workers[name] = process
        self.stack.callback(self._end, process)
        return process

    def kill(self, name: str) -> None:
        os.kill(self.workers[name].pid, signal.SIGKILL)
        self.workers[name].wait(PATIENCE)

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def client(self, service: str) -> Any:
        assert self.server is not None
        return boto3.client(
            service,
            endpoint_url=self.server.url,
            region_name="us-east-1",
            aws_access_key_id=self.access_key[0],
            aws_secret_access_key=self.access_key[1],
            config=Config(retries={"max_attempts": 0}, inject_host_prefix=False),
        )

    def start(self, machine: str, **input: Any) -> str:
        arn = f"arn:aws:states:{PLACE}:stateMachine:{machine}"
        started = self.client("stepfunctions").start_execution(stateMachineArn=arn, input=json.dumps(input))
        return str(started["executionArn"])

    def ended(self, execution: str) -> dict[str, Any]:
        """The description of an execution, once it has ended."""
        client = self.client("stepfunctions")

        def look() -> Any:
            described = client.describe_execution(executionArn=execution)
            return None if described["status"] == "RUNNING" else described

        return dict(until(look))

    def event_types(self, execution: str) -> list[str]:
        history = self.client("stepfunctions").get_execution_history(executionArn=execution)
        return [event["type"] for event in history["events"]]

    def runs(self, what: str = "began") -> list[dict[str, Any]]:
        return [line for line in journal.read(self.journal) if line["what"] == what]

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """A server without workers, whose leases outlast the test, however slow the machine is."""
    with ExitStack() as stack:
        found = Fleet(tmp_path, stack)
        found.serve()
        yield found


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Fleet]:
    """A server without workers, whose leases last two seconds: those of workers that are not heard of lapse."""
    with ExitStack() as stack:
        found = Fleet(tmp_path, stack, lease=2)
        found.serve()
        yield found
