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
from tests.patience import until

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
    for lead in (2, 8, 32, 90):  # seconds until the first are due: a busy machine may not have written all by then
        folder = tmp_path / str(lead)
        folder.mkdir()
        (folder / "noting.py").write_text(APP)
        alive = start(folder)
        try:
            first = int(time.time()) + lead
            arn = write_schedules(Endpoint(alive.url), first)
            if time.time() < first:
                break
        except BaseException:
            alive.kill()
            raise
        alive.kill()
    try:
        kills = 0
        while kills < KILLS or time.time() < first + SECONDS + 1:
            time.sleep(draw.uniform(0.05, 0.9))
            if kills < KILLS:
                alive.kill()
                alive = start(folder)
                kills += 1
        endpoint = Endpoint(alive.url)
        wanted = sorted(f"s{n}-{moment}" for n in range(SCHEDULES) for moment in moments(first))
        until(lambda: len(listed(endpoint, arn)) >= len(wanted) and len(listed(endpoint, LATER)) > SECONDS)
        time.sleep(1.5)  # time for one too many
        assert sorted(each["name"].rpartition("-")[0] for each in listed(endpoint, arn)) == wanted
        assert len(listed(endpoint, LATER)) == SECONDS + 1
    finally:
        alive.kill()


def start(folder: Path) -> server.Server:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return server.start(folder, ["noting:app"], environment={"PYTHONPATH": f"{folder}:{ROOT}"})


def write_schedules(endpoint: Endpoint, first: int) -> str:
    """Write the schedules of a new machine, and one of a function; the machine's ARN."""
    machine = endpoint.call("CreateStateMachine", name="M", definition=json.dumps(PASS), roleArn=ROLE)
    arn = str(machine["stateMachineArn"])
    for n in range(SCHEDULES):
        endpoint.send("POST", f"/schedules/s{n}", schedule(arn, first))
    endpoint.send("POST", "/schedules/calls", schedule(FUNCTION, first))
    return arn


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
