"""kill -9 while schedules fall due each second: every due time has its one execution, and its one call.

Rules that must stay true here:
- The moments of the kills come from a seed, which is printed.
"""

from __future__ import annotations

import json
import os
import random
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stepwell.commands.endpoint import Endpoint
from tests import server

ROOT = Path(__file__).parents[2]
ROLE = "arn:aws:iam::123456789012:role/x"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:Note"
LATER = "arn:aws:states:us-east-1:lambda:stateMachine:InvokeLater"
PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
APP = """
from stepwell import Stepwell

app = Stepwell()


@app.function("Note")
def note(event, context):
    return None
"""

SCHEDULES = 25
SECONDS = 6
KILLS = 6


def listed(endpoint: Endpoint, machine: str) -> list[dict[str, Any]]:
    return list(endpoint.pages("ListExecutions", "executions", stateMachineArn=machine, maxResults=1000))


def test_each_due_time_starts_once_whatever_is_killed(tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED", random.randrange(1_000_000)))
    print(f"SEED={seed}")
    draw = random.Random(seed)
    (tmp_path / "noting.py").write_text(APP)
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}

    def start() -> server.Server:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            return server.start(tmp_path, ["noting:app"], environment=environment)

    alive = start()
    try:
        endpoint = Endpoint(alive.url)
        machine = endpoint.call("CreateStateMachine", name="M", definition=json.dumps(PASS), roleArn=ROLE)
        arn = machine["stateMachineArn"]
        first = int(time.time()) + 6  # all are written by then
        for n in range(SCHEDULES):
            endpoint.send("POST", f"/schedules/s{n}", schedule(arn, first))
        endpoint.send("POST", "/schedules/calls", schedule(FUNCTION, first))
        kills = 0
        while kills < KILLS or time.time() < first + SECONDS + 1:
            time.sleep(draw.uniform(0.05, 0.9))
            if kills < KILLS:
                alive.kill()
                alive = start()
                kills += 1
        endpoint = Endpoint(alive.url)
        wanted = sorted(f"s{n}-{moment}" for n in range(SCHEDULES) for moment in moments(first))
        deadline = time.monotonic() + 30
        while len(found := listed(endpoint, arn)) < len(wanted) or len(listed(endpoint, LATER)) <= SECONDS:
            assert time.monotonic() < deadline, (len(found), len(wanted))
            time.sleep(0.1)
        time.sleep(1.5)  # time for one too many
        assert sorted(each["name"].rpartition("-")[0] for each in listed(endpoint, arn)) == wanted
        assert len(listed(endpoint, LATER)) == SECONDS + 1
    finally:
        alive.kill()


def schedule(target: str, first: int) -> dict[str, Any]:
    return {
        "ScheduleExpression": "rate(1 second)",
        "StartDate": first,
        "EndDate": first + SECONDS,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": target, "RoleArn": ROLE, "Input": "{}"},
    }


def moments(first: int) -> list[str]:
    """The due times as they stand in the names of executions."""
    return [f"{datetime.fromtimestamp(first + n, UTC):%Y%m%dT%H%M%SZ}" for n in range(SECONDS + 1)]
