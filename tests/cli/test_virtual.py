"""Virtual time with real processes: `run --virtual`, `start --virtual`, `serve --clock virtual`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stepwell.commands.endpoint import Endpoint, machine_arn
from tests.cli.conftest import Serve, Shell, client_of

APP = """
from stepwell import Stepwell

app = Stepwell()
app.machine("yearly.asl.json", name="yearly")


@app.function("Work")
def work(event, context):
    return {"weeks": event["weeks"] + 1}
"""
WEEK = 7 * 86_400
YEARLY = {
    "StartAt": "Work",
    "States": {
        "Work": {"Type": "Task", "Resource": "Work", "TimeoutSeconds": 10, "Next": "More"},
        "More": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.weeks", "NumericLessThan": 53, "Next": "Week"}],
            "Default": "Done",
        },
        "Week": {"Type": "Wait", "Seconds": WEEK, "Next": "Work"},
        "Done": {"Type": "Succeed"},
    },
}


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "yearly_app.py").write_text(APP)
    (tmp_path / "yearly.asl.json").write_text(json.dumps(YEARLY))
    return tmp_path


def test_a_year_of_waits_with_a_real_handler_is_over_at_once(app: Path, serve: Serve) -> None:
    endpoint = Endpoint(serve("yearly_app").url)
    machine = machine_arn(endpoint, "yearly")
    virtual = {"X-Stepwell-Clock": "virtual"}
    started = endpoint.call("StartExecution", virtual, stateMachineArn=machine, input='{"weeks": 0}')
    ended = endpoint.call("DescribeExecution", {"Prefer": "wait=60"}, executionArn=started["executionArn"])
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"weeks": 53})
    assert ended["stopDate"] - ended["startDate"] == pytest.approx(52 * WEEK, abs=1)


def test_a_server_in_virtual_time_needs_nothing_from_its_clients(app: Path, serve: Serve) -> None:
    client = client_of(serve("yearly_app", "--clock", "virtual"))
    ended = client.json("start", "yearly", "--input", '{"weeks": 50}', "--wait")
    assert ended["stopDate"] - ended["startDate"] == pytest.approx(2 * WEEK, abs=1)


def test_start_virtual_asks_for_the_clock(app: Path, serve: Serve) -> None:
    client = client_of(serve("yearly_app"))
    ended = client.json("start", "yearly", "--input", '{"weeks": 50}', "--virtual", "--wait")
    assert ended["stopDate"] - ended["startDate"] == pytest.approx(2 * WEEK, abs=1)


def test_run_virtual_shows_the_dates_of_the_virtual_clock(app: Path, shell: Shell) -> None:
    done = shell("run", "yearly.asl.json", "--app", "yearly_app", "--input", '{"weeks": 51}', "--virtual")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"weeks": 53})
    assert "SUCCEEDED  after 7 d 00 h" in done.stderr


def test_a_clock_that_there_is_not_is_told_with_those_there_are(shell: Shell) -> None:
    done = shell("serve", "--clock", "sundial")
    assert done.returncode == 2
    assert "--clock = 'sundial' cannot be used: it takes real, virtual or virtual-held." in done.stderr
