"""Handlers that leak, hang, fork, exit, crash, babble and print without end: each fails for itself, as on AWS, the
server stays within bounds, other tasks go on, and nothing is left when the server ends."""

from __future__ import annotations

import os
import resource
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import server
from tests.faults import processes
from tests.faults.caller import Caller
from tests.faults.soundness import faults
from tests.patience import PATIENCE

LONG = os.environ.get("STEPWELL_FAULTS") == "long"
MEGABYTES = 1000 if LONG else 60

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.timeout(2400 if LONG else 300),
]

# What a state machine is told: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
ENDS = {
    "leaks": ("FAILED", "MemoryError", ""),
    "hangs": ("FAILED", "Lambda.Unknown", "Task timed out after 2.00 seconds"),
    "forks": ("SUCCEEDED", None, None),
    "exits": ("FAILED", "Lambda.Unknown", "Runtime exited with error: exit status 3"),
    "crashes": ("FAILED", "Lambda.Unknown", "Runtime exited with error: signal: segmentation fault"),
    "prints": ("SUCCEEDED", None, None),
    "prints_one_line": ("SUCCEEDED", None, None),
    "closes_output": ("SUCCEEDED", None, None),
    "closes_everything": ("FAILED", "Lambda.Unknown", "Task timed out after 3.00 seconds"),
    "babbles": ("FAILED", "Lambda.Unknown", "signal: killed"),
    "returns_much": ("FAILED", "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed"),
    "prints_while_leaving": ("FAILED", "Lambda.Unknown", "signal: killed"),
}


class Peak:
    """The most memory that the server has, in bytes, while it is watched."""

    def __init__(self, pid: int) -> None:
        self._statm = Path(f"/proc/{pid}/statm")
        self.now()
        self.most = self.now()

    def now(self) -> int:
        return int(self._statm.read_text().split()[1]) * resource.getpagesize()

    @contextmanager
    def watched(self) -> Iterator[None]:
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.02):
                self.most = max(self.most, self.now())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join(PATIENCE)


def machine(client: Caller, function: str) -> str:
    task = {"Type": "Task", "Resource": f"arn:aws:lambda:us-east-1:123456789012:function:{function}", "End": True}
    return client.create(function, {"Call": task})


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_each_fails_for_itself_and_nothing_is_left(tmp_path: Path, end: str) -> None:
    mark = uuid.uuid4().hex
    environment = {processes.MARK: mark, "WILD_MEGABYTES": str(MEGABYTES if end == "terminate" else 10)}
    with server.serving(tmp_path, ["tests.faults.wild_app:app"], environment=environment) as running:
        client = Caller(running.port)
        works = machine(client, "works")
        client.end_of(client.start(works, "warm", {"n": 0}))
        memory = Peak(running.process.pid)
        before = memory.now()
        with memory.watched():
            wild = {name: client.start(machine(client, name), "e") for name in ENDS}
            tame = [client.start(works, f"beside-{n}", {"n": n}) for n in range(50)]
            for arn in tame:
                assert client.end_of(arn)["status"] == "SUCCEEDED"
            for name, arn in wild.items():
                row, (status, error, cause) = client.end_of(arn, 900 if LONG else 120), ENDS[name]
                assert (name, row["status"], row.get("error")) == (name, status, error), row.get("cause")
                assert (cause or "") in row.get("cause", ""), name
                assert faults(client.history(arn), status) == []
        assert memory.most - before < 200_000_000, "the server has taken in what handlers print or return"
        print(f"\nthe server has grown by {(memory.most - before) / 1_000_000:.0f} MB at most")
        left = processes.marked(mark)
        assert any("sleep" in line for line in left.values()), "what a handler has started is there as long as it is"
        workers = [pid for pid, line in left.items() if "tasks.worker" in line]
        assert {Path(f"/proc/{pid}/oom_score_adj").read_text().strip() for pid in workers} == {"500"}
        if end == "terminate":
            assert running.terminate() == 0
        else:
            running.kill()
    processes.all_end(mark)
    assert "Traceback" not in (tmp_path / "server.log").read_text()
