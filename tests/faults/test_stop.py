"""A server that stands still for a while (SIGSTOP, a suspended machine, a debugger), and goes on: nothing is lost, what
fell due meanwhile happens once."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import server
from tests.faults import journal, processes
from tests.faults.caller import ARN, Caller
from tests.faults.soundness import faults
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find processes")

STANDS = 3.0  # seconds; longer than the heartbeats, time-outs and waits below
ACTIVITY = f"{ARN}activity:Ask"
ASKS = {
    "Ask": {"Type": "Task", "Resource": ACTIVITY, "HeartbeatSeconds": 2, "TimeoutSeconds": 600, "End": True}
    | {"Catch": [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Late"}]},
    "Late": {"Type": "Pass", "Result": "late", "End": True},
}
RESTS = {"Rest": {"Type": "Wait", "Seconds": 2, "Next": "Rested"}, "Rested": {"Type": "Pass", "End": True}}
WORKS = {
    "Work": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:work", "Next": "Again"}
    | {"Parameters": {"n": 1}},
    "Again": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:work", "End": True},
}


@contextmanager
def standing_still(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("all_of_it", [False, True], ids=["server", "server-and-handlers"])
def test_what_fell_due_while_the_server_stood_still_happens_once(tmp_path: Path, all_of_it: bool) -> None:
    mark, written = uuid.uuid4().hex, tmp_path / "journal"
    environment = {journal.VARIABLE: str(written), processes.MARK: mark}
    with server.serving(tmp_path, ["tests.faults.app:app"], environment=environment) as running:
        client = Caller(running.port)
        client.call("CreateActivity", name="Ask")
        asks, rests, works = client.create("Asks", ASKS), client.create("Rests", RESTS), client.create("Works", WORKS)
        warm = client.start(works, "warm")
        assert client.end_of(warm)["status"] == "SUCCEEDED"
        asking = [client.start(asks, f"asks-{n}") for n in range(3)]
        tokens = [client.call("GetActivityTask", activityArn=ACTIVITY)["taskToken"] for _ in asking]
        resting = [client.start(rests, f"rests-{n}") for n in range(10)]
        working = [client.start(works, f"works-{n}") for n in range(5)]
        pids = list(processes.marked(mark)) if all_of_it else [running.process.pid]
        assert running.process.pid in pids
        with ThreadPoolExecutor(2) as meanwhile:
            with standing_still(pids):
                started = meanwhile.submit(client.start, rests, "meanwhile")
                beat = meanwhile.submit(client.ask, "SendTaskHeartbeat", taskToken=tokens[0])
                time.sleep(STANDS)
            resting.append(started.result(PATIENCE))
            beat.result(PATIENCE)
        for arn in [*resting, *working]:
            assert client.end_of(arn)["status"] == "SUCCEEDED"
        for arn, token in zip(asking, tokens, strict=True):
            row = client.end_of(arn)
            late = client.ask("SendTaskSuccess", taskToken=token, output='"too late"')
            assert late.error in ("TaskTimedOut", "InvalidToken", "TaskDoesNotExist"), "an answer counted twice"
            assert (row["status"], json.loads(row["output"])) == ("SUCCEEDED", "late")
        for arn in [*resting, *working, *asking]:
            assert faults(client.history(arn), "SUCCEEDED") == [], arn
        for key, runs in journal.runs(written).items():
            assert len(runs) == 1, f"{key} was carried out {len(runs)} times"
        assert until(lambda: client.get("/ready")).status == 200
        assert running.terminate() == 0
    processes.all_end(mark)


def test_a_handler_that_stands_still_is_timed_out_and_leaves_nothing(tmp_path: Path) -> None:
    """Only the handler's process is stopped: a signal that it cannot heed must not keep it for ever."""
    mark = uuid.uuid4().hex
    environment = {journal.VARIABLE: str(tmp_path / "journal"), processes.MARK: mark}
    with server.serving(tmp_path, ["tests.faults.app:app"], environment=environment) as running:
        client = Caller(running.port)
        stuck = {
            "Stuck": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:stuck"}
            | {"TimeoutSeconds": 4, "End": True}
        }
        execution = client.start(client.create("Stuck", stuck), "e")
        worker = until(lambda: [pid for pid, line in processes.marked(mark).items() if "tasks.worker" in line])
        until(lambda: journal.read(tmp_path / "journal")[0])
        os.kill(worker[0], signal.SIGSTOP)
        row = client.end_of(execution)
        assert (row["status"], row["error"]) == ("FAILED", "States.Timeout") or row["status"] == "TIMED_OUT"
        until(lambda: worker[0] not in processes.marked(mark))
        assert running.terminate() == 0
    processes.all_end(mark)
