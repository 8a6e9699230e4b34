"""The machine's clock is moved by a year, both ways, while the server runs and while it does not.

libfaketime stands between the server and the clock on the wall; the clocks that only run on are the machine's own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stepwell.commands.endpoint import Endpoint
from tests import server
from tests.faults.caller import ARN, RESTS, ROLE, Caller
from tests.faults.soundness import faults
from tests.patience import until

LIBRARIES = list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
YEAR = 365 * 24 * 3600
pytestmark = pytest.mark.skipif(not LIBRARIES, reason="no libfaketime: tools/install_packages.sh faketime")

ACTIVITY = f"{ARN}activity:Ask"
# Asks, sleeps, asks again: what a client settles is what moves it, so that nothing here depends on the machine's speed.
SLEEPS = {
    "Ask": {"Type": "Task", "Resource": ACTIVITY, "Next": "Sleep"},
    "Sleep": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "Ask again"},
    "Ask again": {"Type": "Task", "Resource": ACTIVITY, "End": True},
}


class Wall:
    """The clock that the server sees."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "wall"
        self.move(0)

    def move(self, seconds: float) -> None:
        """So many seconds from the machine's own."""
        new = self._file.with_name("wall.new")
        new.write_text(f"{seconds:+.0f}\n")
        new.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "FAKETIME_DONT_RESET": "1",
        }


@contextmanager
def serving(folder: Path, wall: Wall) -> Iterator[Caller]:
    with server.serving(folder, environment=wall.environment) as running:
        yield Caller(running.port)
        assert running.terminate() == 0


def prepare(client: Caller) -> str:
    client.call("CreateActivity", name="Ask")
    return client.create("Sleeps", SLEEPS)


def settle(client: Caller, seconds: int) -> None:
    """Take the next task of the activity, and answer it."""
    task = until(lambda: client.call("GetActivityTask", activityArn=ACTIVITY))
    client.call("SendTaskSuccess", taskToken=task["taskToken"], output=json.dumps({"seconds": seconds}))


def types(client: Caller, execution: str) -> list[str]:
    return [event["type"] for event in client.history(execution)]


def goes_back(client: Caller, execution: str) -> list[str]:
    """What is wrong with a history that has ended; time that runs backwards is among it."""
    return faults(client.history(execution), client.end_of(execution)["status"])


def sleeping(client: Caller, machine: str, name: str, seconds: int) -> str:
    execution = client.start(machine, name)
    settle(client, seconds)
    until(lambda: "WaitStateEntered" in types(client, execution))
    return execution


def test_a_clock_that_is_set_back_holds_up_no_wait_and_turns_no_history_back(tmp_path: Path) -> None:
    wall = Wall(tmp_path)
    with serving(tmp_path, wall) as client:
        machine = prepare(client)
        short = sleeping(client, machine, "short", 2)
        long = sleeping(client, machine, "long", 3600)
        wall.move(-YEAR)
        settle(client, 0)  # of the short one: its wait has ended
        assert goes_back(client, short) == []
        after = sleeping(client, machine, "after", 1)
        settle(client, 0)
        assert goes_back(client, after) == []
        assert types(client, long)[-1] == "WaitStateEntered"
    with serving(tmp_path, wall) as client:  # a year before its own history
        newest = max(client.history(arn)[-1]["timestamp"] for arn in (short, after))
        again = sleeping(client, machine, "again", 1)
        settle(client, 0)
        assert goes_back(client, again) == []
        assert client.history(again)[0]["timestamp"] >= newest
        assert types(client, long)[-1] == "WaitStateEntered"
        client.call("StopExecution", executionArn=long)
        assert goes_back(client, long) == []
    assert "s behind what the store has seen: time goes on from there" in (tmp_path / "server.log").read_text()


def test_what_slept_when_the_clock_was_set_back_while_no_server_ran_sleeps_no_year(tmp_path: Path) -> None:
    wall = Wall(tmp_path)
    with serving(tmp_path, wall) as client:
        machine = prepare(client)
        execution = sleeping(client, machine, "e", 3)
    wall.move(-YEAR)
    with serving(tmp_path, wall) as client:
        settle(client, 0)
        assert goes_back(client, execution) == []


def test_a_schedule_goes_on_after_a_restart_on_a_clock_that_was_set_back(tmp_path: Path) -> None:
    wall = Wall(tmp_path)

    def runs(client: Caller) -> int:
        found = client.call("ListExecutions", stateMachineArn=f"{ARN}stateMachine:Rests", maxResults=1000)
        return len(found["executions"])

    with serving(tmp_path, wall) as client:
        target = {"Arn": client.create("Rests", RESTS), "RoleArn": ROLE, "Input": "{}"}
        schedule = {"ScheduleExpression": "rate(1 second)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
        Endpoint(f"http://127.0.0.1:{client.port}").send("POST", "/schedules/often", schedule)
        before = until(lambda: runs(client))
    wall.move(-YEAR)
    with serving(tmp_path, wall) as client:
        until(lambda: runs(client) > before + 2)


def test_a_clock_that_is_set_forward_is_followed_and_each_wait_ends_once(tmp_path: Path) -> None:
    wall = Wall(tmp_path)
    with serving(tmp_path, wall) as client:
        machine = prepare(client)
        execution = sleeping(client, machine, "e", YEAR // 2)
        further = sleeping(client, machine, "further", 2 * YEAR)
        wall.move(YEAR)
        settle(client, 0)
        assert goes_back(client, execution) == []
        assert types(client, execution).count("WaitStateExited") == 1
        assert types(client, further)[-1] == "WaitStateEntered"
        assert abs(client.history(execution)[-1]["timestamp"] - time.time() - YEAR) < 600
        wall.move(0)  # it was a mistake: what has been told cannot be taken back
        mended = sleeping(client, machine, "mended", 1)
        settle(client, 0)
        assert goes_back(client, mended) == []
        assert types(client, further)[-1] == "WaitStateEntered"
