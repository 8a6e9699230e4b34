"""A disk that is full, a database that is taken away under a server: clients are told, nothing acknowledged is lost."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests import server
from tests.faults import journal
from tests.faults.caller import RESTS, Caller
from tests.faults.soundness import faults
from tests.faults.syscalls import can_trace
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of another process, mounts")

WORKS = {
    "Work": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
    | {"Parameters": {"FunctionName": "work", "Payload": {"n": 1}}, "ResultSelector": {"n.$": "$.Payload.n"}}
}


@contextmanager
def at_its_limit(running: server.Server) -> Iterator[None]:
    """No file of the server grows any more: the system refuses to write beyond."""
    soft, hard = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
    size = (running.log.parent / "stepwell.db-wal").stat().st_size
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def without_space(running: server.Server) -> Iterator[None]:
    """The file system is full, to the last byte."""
    ballast = running.log.parent / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """A small file system. Skips the test where it cannot be made."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    made = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False) if os.getuid() == 0 else None
    if made is None or made.returncode:
        pytest.skip("no right to mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], timeout=PATIENCE, check=False)


def sizes() -> Iterator[int]:
    """Of inputs: large ones until nothing fits, then small ones, until not even they do."""
    yield from [100_000] * 100
    yield from [1] * 500


@pytest.mark.parametrize("full", [at_its_limit, without_space])
def test_a_full_disk_is_told_and_got_over(
    tmp_path: Path, full: Callable[[server.Server], AbstractContextManager[None]]
) -> None:
    with ExitStack() as stack:
        folder, environment = tmp_path / "disk", {journal.VARIABLE: str(tmp_path / "journal")}
        if full is without_space:
            stack.enter_context(mounted(folder))
        else:
            folder.mkdir()
        running = stack.enter_context(server.serving(folder, ["tests.faults.app:app"], environment=environment))
        client = Caller(running.port)
        rests, works = client.create("Rests", RESTS), client.create("Works", WORKS)
        kept = [client.start(rests, f"before-{n}") for n in range(20)]
        kept += [client.start(works, f"works-{n}") for n in range(3)]
        with full(running):
            refused = []
            for n, size in enumerate(sizes()):
                input = json.dumps("x" * size)
                answer = client.ask("StartExecution", stateMachineArn=rests, name=f"meanwhile-{n}", input=input)
                if answer.status == 200:
                    kept.append(answer.body["executionArn"])
                    continue
                assert (answer.status, answer.error) == (503, "ServiceUnavailable")
                assert "disk of the server is full" in answer.body["message"]
                refused.append(f"{kept[0].rpartition(':')[0]}:meanwhile-{n}")
                ready = client.get("/ready")
                if ready.status == 503:
                    break
            assert ready.status == 503
            assert "stepwell.db" in ready.body["why"]
            until(lambda: client.metric("stepwell_store_usable") == 0)
            assert client.get("/health").status == 200
            assert client.call("DescribeExecution", executionArn=kept[0])["name"] == "before-0"
        until(lambda: client.get("/ready").status == 200)
        assert client.metric("stepwell_commits_refused_total") >= 1
        for arn in kept:
            assert client.end_of(arn)["status"] == "SUCCEEDED"
            assert faults(client.history(arn), "SUCCEEDED") == []
        for arn in refused:
            assert client.ask("DescribeExecution", executionArn=arn).error == "ExecutionDoesNotExist"
        said = running.log.read_text()
        assert "Traceback" not in said
        if full is at_its_limit:  # else the log had no room either
            assert "nothing can be stored: " in said
            assert "takes commits again" in said
        assert running.terminate() == 0


@pytest.mark.skipif(not can_trace(), reason="no strace, or no right to trace: tools/install_packages.sh strace")
def test_a_disk_that_fails_to_sync_is_told_and_got_over(tmp_path: Path) -> None:
    """The kernel says EIO some dozen times in a row, as it does of a disk that is about to go."""
    failing = ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync"]
    failing += ["-e", "inject=fdatasync:error=EIO:when=30..45"]  # counted in each thread: one does all the commits
    with server.serving(tmp_path, prefix=failing) as running:
        client = Caller(running.port)
        machine = client.create("Rests", RESTS)
        kept, refused = [], 0
        for n in range(60):
            answer = client.ask("StartExecution", stateMachineArn=machine, name=f"e{n}", input="{}")
            if answer.status == 200:
                kept.append(answer.body["executionArn"])
            else:
                assert (answer.status, answer.error) == (503, "ServiceUnavailable")
                refused += 1
        assert refused > 0
        running.kill()
    with server.serving(tmp_path) as running:
        client = Caller(running.port)
        for arn in kept:
            assert client.end_of(arn)["status"] == "SUCCEEDED"
            assert faults(client.history(arn), "SUCCEEDED") == []


def lost(client: Caller, machine: str) -> str:
    """What the server says of its database once it does not find it any more."""
    answer = client.ask("StartExecution", stateMachineArn=machine, name="meanwhile", input="{}")
    assert (answer.status, answer.error) == (503, "ServiceUnavailable")
    ready = client.get("/ready")
    assert ready.status == 503
    return str(ready.body["why"])


def test_a_database_that_is_moved_away_takes_nothing_until_it_is_back(tmp_path: Path) -> None:
    with server.serving(tmp_path) as running:
        client = Caller(running.port)
        machine = client.create("Rests", RESTS)
        before = client.start(machine, "before")
        database, away = tmp_path / "stepwell.db", tmp_path / "away.db"
        database.rename(away)
        assert f"{database} was removed" in lost(client, machine)
        away.rename(database)
        until(lambda: client.get("/ready").status == 200)
        after = client.start(machine, "after")
        assert {client.end_of(arn)["status"] for arn in (before, after)} == {"SUCCEEDED"}
    with server.serving(tmp_path) as running:
        assert Caller(running.port).end_of(after)["status"] == "SUCCEEDED"


def test_no_empty_database_takes_the_place_of_one_that_was_removed(tmp_path: Path) -> None:
    with server.serving(tmp_path) as running:
        client = Caller(running.port)
        machine = client.create("Rests", RESTS)
        client.start(machine, "before")
        (tmp_path / "stepwell.db").unlink()
        assert "was removed while this server has it open" in lost(client, machine)
        running.kill()
    with pytest.raises(server.NotServing, match=r"it is missing, but its log stepwell\.db-wal is here"):
        server.start(tmp_path)
    assert not (tmp_path / "stepwell.db").exists()


def test_a_database_that_another_file_was_copied_over_is_not_written_to(tmp_path: Path) -> None:
    with server.serving(tmp_path) as running:
        client = Caller(running.port)
        machine = client.create("Rests", RESTS)
        client.start(machine, "before")
        other = tmp_path / "other"
        other.write_bytes(b"Dear diary\n" * 50_000)
        shutil.copyfile(other, tmp_path / "stepwell.db")
        assert "was cut or overwritten while this server has it open" in lost(client, machine)
        running.terminate()
