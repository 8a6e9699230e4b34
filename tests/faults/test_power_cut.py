"""The power goes, and what was not synced goes with it: nothing acknowledged is lost, and no file is left half.

A real server runs under strace while clients start executions, settle tasks, stop executions, seal secrets and have a
distributed Map write its results. What it asked of the system is then played back to a disk with a cache, up to a
moment at which the power goes: every sector that was not synced is there or not by itself. Today's store has to open
what is left, and hold all that was acknowledged by then. `make faults` tries some thousands of moments; the seed is
printed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from stepwell.store.sqlite.examine import examine
from stepwell.store.sqlite.executions import find
from stepwell.store.sqlite.files import open_files
from tests import server
from tests.faults.disk import Disk
from tests.faults.syscalls import Said, can_trace, read, strace, wait_for_end
from tests.patience import PATIENCE, until

LONG = os.environ.get("STEPWELL_FAULTS") == "long"
EXECUTIONS, CUTS = (60, 3000) if LONG else (12, 150)
SEED = int(os.environ.get("STEPWELL_FAULTS_SEED") or random.SystemRandom().randrange(1_000_000))
ACCOUNT = "us-east-1:123456789012"
ACTIVITY = f"arn:aws:states:{ACCOUNT}:activity:Ask"
ROLE = "arn:aws:iam::123456789012:role/x"
MACHINES: dict[str, Any] = {
    "Asks": {"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": ACTIVITY, "End": True}}},
    "Spreads": {
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Map",
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
                    "StartAt": "One",
                    "States": {"One": {"Type": "Pass", "End": True}},
                },
                "ResultWriter": {
                    "Resource": "arn:aws:states:::s3:putObject",
                    "Parameters": {"Bucket": "results", "Prefix": "of"},
                },
                "End": True,
            }
        },
    },
}


pytestmark = [
    pytest.mark.skipif(not can_trace(), reason="no strace, or no right to trace: tools/install_packages.sh strace"),
    pytest.mark.timeout(3600 if LONG else 180),
]

Holds = Callable[[Any, Path], bool]
"""Whether what was acknowledged is in an open database, and in the folder around it."""


@dataclass
class Client:
    """Calls the server, and keeps what each acknowledged call lets it count on, by the answer's id."""

    port: int
    facts: dict[bytes, tuple[str, Holds]] = field(default_factory=dict)

    def call(self, operation: str, fact: Callable[[Any], tuple[str, Holds]] | None = None, **members: Any) -> Any:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AWSStepFunctions.{operation}"}
            connection.request("POST", "/", json.dumps(members), headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        assert response.status == 200, answer
        if fact is not None:
            self.facts[response.headers["x-amzn-RequestId"].encode()] = fact(answer)
        return answer

    def start(self, machine: str, name: str, input: str, also: Holds = lambda _, __: True) -> str:
        def held(answer: Any) -> tuple[str, Holds]:
            arn = answer["executionArn"]
            return (
                f"the start of {arn}",
                lambda database, folder: find(database, arn) is not None and also(database, folder),
            )

        arn = f"arn:aws:states:{ACCOUNT}:stateMachine:{machine}"
        return str(self.call("StartExecution", held, stateMachineArn=arn, name=name, input=input)["executionArn"])

    def ends(self, operation: str, arn: str, status: str, told: str | None, **members: str) -> None:
        def held(_: Any) -> tuple[str, Holds]:
            return f"the end of {arn}", lambda database, _: ended(database, arn) == (status, told)

        self.call(operation, held, **members)


def ended(database: Any, arn: str) -> tuple[str, str | None] | None:
    row = find(database, arn)
    return None if row is None else (row.change.status, row.change.output)


def work(client: Client, folder: Path, first: int, last: int) -> Iterator[str]:
    """What clients do in one life of the server; the ARNs of those that spread."""
    key = folder / "stepwell.db.key"
    asking = [client.start("Asks", f"asks-{n}", json.dumps({"n": n, "text": "x" * 2000})) for n in range(first, last)]
    secret = json.dumps({"token": f"secret-of-{first}"})
    client.start("Asks", f"seals-{first}", secret, lambda _, left: same(left / key.name, key))
    spreading = client.start("Spreads", f"spreads-{first}", json.dumps(list(range(20))))

    def answer() -> None:
        for _ in range((last - first) // 3):
            task = client.call("GetActivityTask", activityArn=ACTIVITY)
            given = json.loads(task["input"])
            if "n" in given:
                arn = f"arn:aws:states:{ACCOUNT}:execution:Asks:asks-{given['n']}"  # of this life, or of an earlier one
                output = json.dumps({"answered": given["n"]})
                client.ends("SendTaskSuccess", arn, "SUCCEEDED", output, taskToken=task["taskToken"], output=output)

    with ThreadPoolExecutor(2) as workers:
        for future in [workers.submit(answer) for _ in range(2)]:
            future.result(PATIENCE)
    row = client.call("DescribeExecution", executionArn=asking[-1])
    if row["status"] == "RUNNING":
        client.ends("StopExecution", asking[-1], "ABORTED", None, executionArn=asking[-1], error="E", cause="c")
    yield spreading


def same(left: Path, whole: Path) -> bool:
    return left.exists() and left.read_bytes() == whole.read_bytes()


def wait_for_success(client: Client, arn: str) -> None:
    until(lambda: client.call("DescribeExecution", executionArn=arn)["status"] != "RUNNING")
    assert client.call("DescribeExecution", executionArn=arn)["status"] == "SUCCEEDED"


def test_what_was_acknowledged_is_there_after_a_power_cut(tmp_path: Path) -> None:
    print(f"\nseed {SEED}: {CUTS} cuts")
    folder, log = tmp_path / "disk", tmp_path / "calls"
    (folder / "objects" / "results").mkdir(parents=True)
    environment = {"STEPWELL_OBJECTS_FOLDER": str(folder / "objects"), "STEPWELL_SENSITIVE": "Asks token"}
    facts, spread = {}, []
    for life in range(2):
        with server.serving(folder, environment=environment, prefix=strace(log)) as running:
            client = Client(running.port, facts)
            if life == 0:
                client.call("CreateActivity", name="Ask")
                for name, definition in MACHINES.items():
                    client.call("CreateStateMachine", name=name, definition=json.dumps(definition), roleArn=ROLE)
            for arn in work(client, folder, life * EXECUTIONS, (life + 1) * EXECUTIONS):
                wait_for_success(client, arn)
                spread.append(arn)
            assert running.terminate() == 0
            wait_for_end(log, running.process.pid)
    assert len(facts) > EXECUTIONS
    check_cuts(tmp_path, folder, list(read(log, folder)), facts, spread)


def test_a_backup_is_whole_or_not_there(tmp_path: Path) -> None:
    with server.serving(tmp_path) as running:
        client = Client(running.port)
        client.call("CreateActivity", name="Ask")
        name, definition = "Asks", json.dumps(MACHINES["Asks"])
        client.call("CreateStateMachine", name=name, definition=definition, roleArn=ROLE)
        for n in range(20):
            client.start("Asks", f"asks-{n}", json.dumps("x" * 1000))
        folder, log = tmp_path / "copies", tmp_path / "calls"
        folder.mkdir()
        copy = folder / "copy.db"
        command = [sys.executable, "-m", "stepwell", "backup", "--store", str(tmp_path / "stepwell.db"), str(copy)]
        with subprocess.Popen([*strace(log), *command], stdout=subprocess.DEVNULL) as backup:
            assert backup.wait(PATIENCE) == 0
        wait_for_end(log, backup.pid)
    calls = [call for call in read(log, folder) if not isinstance(call, Said)]
    for number in range(CUTS // 3):
        chance = random.Random(SEED + number)
        moment = len(calls) if number % 5 == 0 else chance.randrange(len(calls))
        disk, left = Disk(folder), tmp_path / f"cut-{number}"
        left.mkdir()
        for call in calls[:moment]:
            disk.take(call)
        disk.cut(chance, left)
        if (left / copy.name).exists():
            assert (left / copy.name).read_bytes() == copy.read_bytes(), f"seed {SEED}, cut {number} at call {moment}"
        else:
            assert moment < len(calls), "a backup that was told to be done is not there"
        shutil.rmtree(left)


def check_cuts(tmp_path: Path, folder: Path, calls: list[Any], facts: dict[bytes, Any], spread: list[str]) -> None:
    chance = random.Random(SEED)
    answers = [at for at, call in enumerate(calls) if isinstance(call, Said) and request_id(call, facts)]
    assert len(answers) == len(facts), "an answer was sent that the trace does not show"
    moments = sorted(
        [chance.choice(answers) + 1 for _ in range(CUTS // 2)]
        + [chance.randrange(len(calls)) for _ in range(CUTS - CUTS // 2)]
    )
    disk, known, done = Disk(folder), [], 0
    for number, moment in enumerate(moments):
        for call in calls[done:moment]:
            if isinstance(call, Said):
                if found := request_id(call, facts):
                    known.append(facts[found])
            else:
                disk.take(call)
        done = moment
        left = tmp_path / f"cut-{number}"
        left.mkdir()
        disk.cut(chance, left)
        place = f"seed {SEED}, cut {number} of {CUTS} at call {moment} of {len(calls)}, kept in {left}"
        check_what_is_left(left, folder, known, spread, place)
        shutil.rmtree(left)
    print(f"{len(calls)} calls, {len(moments)} cuts, {len(facts)} acknowledgements, none lost")


def check_what_is_left(left: Path, folder: Path, known: list[tuple[str, Holds]], spread: list[str], place: str) -> None:
    database = left / "stepwell.db"
    opened = open_files(database)
    try:
        lost = [what for what, holds in known if not holds(opened.writer, left)]
        assert lost == [], place
        for arn in spread:
            status, output = ended(opened.writer, arn) or ("", None)
            if status == "SUCCEEDED":
                written = json.loads(output or "")["ResultWriterDetails"]
                manifest = folder / "objects" / written["Bucket"] / written["Key"]
                for path in (manifest, manifest.with_name("SUCCEEDED_0.json")):
                    assert same(left / path.relative_to(folder), path), f"{path.name} is not whole: {place}"
    finally:
        opened.close()
    assert examine(database, 0).findings == [], place


def request_id(said: Said, facts: dict[bytes, Any]) -> bytes | None:
    """The id of the answer that was sent, where a fact hangs on it."""
    _, mark, rest = said.text.partition(b"x-amzn-requestid: ")
    return rest[:36] if mark and rest[:36] in facts else None
