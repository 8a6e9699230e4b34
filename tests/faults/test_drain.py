"""SIGTERM to a server with everything under way at once: it ends in order within its grace, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests import server
from tests.faults.caller import Caller, until
from tests.faults.soundness import faults

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

GRACE = 2
APP = '''
"""Handlers that take longer than the grace: until the server has been started again."""

import asyncio
import pathlib
from stepwell import Stepwell

app = Stepwell()


@app.function("OnWorker", worker=True)
@app.function("Slow")
async def slow(event, context):
    while not pathlib.Path(event["again"]).exists():
        await asyncio.sleep(0.02)
    return event["n"]


@app.job("long", retries=0)
async def long(again: str):
    while not pathlib.Path(again).exists():
        await asyncio.sleep(0.02)
    return "done"
'''
JSON = {"Content-Type": "application/json"}
LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:"
RETRY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 5}]
LOOP = {
    "Count": {"Type": "Pass", "Parameters": {"left.$": "States.MathAdd($.left, -1)"}, "Next": "Enough"},
    "Enough": {
        "Type": "Choice",
        "Choices": [{"Variable": "$.left", "NumericLessThanEquals": 0, "Next": "Done"}],
        "Default": "Rest",
    },
    "Rest": {"Type": "Wait", "Seconds": 1, "Next": "Count"},
    "Done": {"Type": "Succeed"},
}


def stream(port: int, job: str) -> bytes:
    """The events of a job until the server ends them."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", f"/jobs/{job}/events")
    return connection.getresponse().read()


def upgrade(port: int) -> socket.socket:
    """A connection that asks for a WebSocket, and stays."""
    found = socket.create_connection(("127.0.0.1", port), timeout=30)
    found.sendall(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    return found


def test_everything_under_way_at_once(tmp_path: Path) -> None:
    (tmp_path / "drained.py").write_text(APP)
    again = tmp_path / "again"
    environment = {"PYTHONPATH": str(tmp_path)}
    arguments = ["drained:app", "--grace", str(GRACE)]
    running = server.start(tmp_path, arguments, environment=environment)
    port = running.port
    log = (tmp_path / "worker.log").open("wb")
    worker = subprocess.Popen(
        [sys.executable, "-m", "stepwell", "worker", "drained:app", "--server", running.url, "--grace", "1"],
        env={**_environment(), **environment, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        client = Caller(port)
        activity = client.call("CreateActivity", name="Dig")["activityArn"]
        slow = client.create("Slow", {"T": {"Type": "Task", "Resource": LAMBDA + "Slow", "Retry": RETRY, "End": True}})
        far = client.create(
            "Far", {"T": {"Type": "Task", "Resource": LAMBDA + "OnWorker", "Retry": RETRY, "End": True}}
        )
        loop = client.create("Loop", LOOP)
        kept = [client.start(slow, f"slow-{n}", {"n": n, "again": str(again)}) for n in range(60)]
        kept += [client.start(far, f"far-{n}", {"n": n, "again": str(again)}) for n in range(10)]
        kept += [client.start(loop, f"loop-{n}", {"left": 8}) for n in range(130)]
        job = json.loads(client._ask("POST", "/jobs/long", json.dumps({"again": str(again)}), JSON).text)["job_id"]
        sockets = [upgrade(port) for _ in range(3)]
        with ThreadPoolExecutor(2) as clients:
            poll = clients.submit(client.ask, "GetActivityTask", activityArn=activity)
            events = clients.submit(stream, port, job)
            # The worker's own polls do not wait: it has ten calls for the few that it takes at a time.
            until(lambda: client.metric('stepwell_requests_under_way{kind="waiting"}') >= 2)
            until(lambda: client.metric("stepwell_tasks_in_flight") >= 60)
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(GRACE + 30) == 0
            assert poll.result(10).body == {"taskToken": None}
            events.result(10)
        for each in sockets:
            each.close()
        assert "Traceback" not in running.log.read_text()
        again.touch()
        running = server.start(tmp_path, arguments, port=port, environment=environment)
        for arn in kept:
            assert client.end_of(arn)["status"] == "SUCCEEDED"
            assert faults(client.history(arn), "SUCCEEDED") == []
        until(lambda: json.loads(client.get(f"/jobs/{job}").text)["status"] == "COMPLETED")
        assert running.terminate() == 0
    finally:
        for process in (running.process, worker):
            if process.poll() is None:
                process.kill()
                process.wait(20)
        log.close()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("STEPWELL_")}
