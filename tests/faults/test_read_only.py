"""A database that cannot be written any more, because its file system or its file has become read-only: clients are
told that nothing is stored, what is there is read on, and when it can be written again it is, by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import server
from tests.faults.caller import RESTS, Caller, until
from tests.faults.soundness import faults
from tests.faults.syscalls import can_trace

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="traces processes, changes users")

_SOMEBODY = 65534  # a user without rights


@contextmanager
def read_only(running: server.Server) -> Iterator[None]:
    """The kernel answers EROFS to all that the server writes to files at an offset, which is how SQLite writes: as a
    file system does that has found a fault in itself, and goes on for readers."""
    tracer = subprocess.Popen(
        [
            *("strace", "-f", "-qq", "-o", "/dev/null", "-p", str(running.process.pid)),
            *("-e", "trace=pwrite64", "-e", "inject=pwrite64:error=EROFS"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    status = Path(f"/proc/{running.process.pid}/status")
    try:
        until(lambda: f"TracerPid:\t{tracer.pid}\n" in status.read_text())
        yield
    finally:
        tracer.terminate()
        tracer.wait(20)


@pytest.mark.skipif(not can_trace(), reason="no strace, or no right to trace: tools/install_packages.sh strace")
def test_a_file_system_that_becomes_read_only_is_told_and_got_over(tmp_path: Path) -> None:
    with server.serving(tmp_path) as running:
        client = Caller(running.port)
        machine = client.create("Rests", RESTS)
        kept = [client.start(machine, f"before-{n}") for n in range(20)]
        refused = []
        with read_only(running):
            until(lambda: client.ask("StartExecution", stateMachineArn=machine, name="first").status == 503)
            for n in range(20):
                answer = client.ask("StartExecution", stateMachineArn=machine, name=f"meanwhile-{n}", input="{}")
                assert (answer.status, answer.error) == (503, "ServiceUnavailable")
                assert "cannot be written" in answer.body["message"]
                refused.append(f"{kept[0].rpartition(':')[0]}:meanwhile-{n}")
            ready = client.get("/ready")
            assert (ready.status, "stepwell.db" in ready.body["why"]) == (503, True)
            assert client.get("/health").status == 200
            assert client.metric("stepwell_store_usable") == 0
            assert client.call("DescribeExecution", executionArn=kept[0])["name"] == "before-0"
        until(lambda: client.get("/ready").status == 200)
        # What fell due meanwhile, and could not be stored, goes on by itself.
        for arn in [*kept, client.start(machine, "after")]:
            assert client.end_of(arn)["status"] == "SUCCEEDED"
            assert faults(client.history(arn), "SUCCEEDED") == []
        for arn in refused:
            assert client.ask("DescribeExecution", executionArn=arn).error == "ExecutionDoesNotExist"
        said = running.log.read_text()
        assert "Traceback" not in said
        assert said.count("nothing can be stored: ") == said.count("takes commits again") == 1
        assert running.terminate() == 0


def _allow(folder: Path, writing: bool) -> None:
    for path in (*folder.glob("stepwell.db*"), folder):
        path.chmod((0o700 if path.is_dir() else 0o600) if writing else (0o500 if path.is_dir() else 0o400))


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root may become somebody else")
def test_rights_that_are_taken_away_are_told_at_the_next_start_and_nothing_is_lost() -> None:
    """Whoever has a file open may go on to write to it, whatever becomes of its rights: so does a server."""
    with tempfile.TemporaryDirectory() as name:  # the folders of other tests are closed to other users
        folder = Path(name)
        os.chown(folder, _SOMEBODY, _SOMEBODY)
        somebody = ["setpriv", f"--reuid={_SOMEBODY}", f"--regid={_SOMEBODY}", "--clear-groups"]
        environment = {"HOME": name, "PYTHONDONTWRITEBYTECODE": "1"}
        with server.serving(folder, prefix=somebody, environment=environment) as running:
            client = Caller(running.port)
            machine = client.create("Rests", RESTS)
            kept = [client.start(machine, "before")]
            _allow(folder, writing=False)
            kept += [client.start(machine, f"meanwhile-{n}") for n in range(20)]
            assert client.end_of(kept[-1])["status"] == "SUCCEEDED"
            assert client.get("/ready").status == 200
            running.kill()
        with pytest.raises(server.NotServing, match=r"(?s)stepwell\.db.*(writable|Permission denied)"):
            server.start(folder, prefix=somebody, environment=environment)
        assert "Traceback" not in (folder / "server.log").read_text()
        _allow(folder, writing=True)
        with server.serving(folder, prefix=somebody, environment=environment) as running:
            client = Caller(running.port)
            for arn in kept:
                assert client.end_of(arn)["status"] == "SUCCEEDED"
                assert faults(client.history(arn), "SUCCEEDED") == []
