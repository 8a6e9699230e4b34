"""`stepwell cost` on a server that runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepwell.commands.cost import since_when
from stepwell.commands.exit_code import CommandFailed
from tests.cli.conftest import Serve, Shell

APP = """
from stepwell import Stepwell

app = Stepwell()
app.machine("calls.asl.json")
app.machine("fast.asl.json", type="EXPRESS")
app.machine("parent.asl.json")

@app.function("Count", memory=512)
def count(event, context):
    return len(event)
"""
MACHINE = """{"StartAt": "Prepare", "States": {
  "Prepare": {"Type": "Pass", "Next": "Count"}, "Count": {"Type": "Task", "Resource": "Count", "End": true}}}"""
FAST = """{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}"""
PARENT = """{"StartAt": "Start", "States": {"Start": {
  "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": true,
  "Parameters": {"StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:calls", "Input": {}}}}}"""


@pytest.fixture
def shell(tmp_path: Path, serve: Serve) -> Shell:
    for name, text in {
        "app.py": APP,
        "calls.asl.json": MACHINE,
        "fast.asl.json": FAST,
        "parent.asl.json": PARENT,
    }.items():
        (tmp_path / name).write_text(text)
    return Shell(tmp_path, {"STEPWELL_ENDPOINT_URL": serve("app:app").url})


def test_it_tells_the_cost_of_an_execution_of_a_machine_and_of_what_they_start(shell: Shell) -> None:
    for name in ("one", "two"):
        assert shell("start", "calls", "--name", name, "--wait").returncode == 0

    found = shell.json("cost", "calls/one")
    assert [line["used"] for line in found["lines"][:2]] == [2, 1]
    assert found["functions"]["Count"]["memory"] == 512
    assert found["total"] == pytest.approx(2 * 0.000025 + 0.0000002, rel=0.2)
    text = shell("cost", "calls/one").stdout
    assert "state transitions  2" in text
    assert "prices of us-east-1" in text

    found = shell.json("cost", "calls", "--since", "1h")
    assert (found["executions"], found["lines"][0]["used"]) == (2, 4)
    assert found["average"] == pytest.approx(found["total"] / 2)
    assert shell.json("cost", "calls", "--since", "2100-01-01")["executions"] == 0
    assert shell.json("cost", "calls", "--free-tier")["total"] == 0

    assert shell("start", "parent", "--name", "p", "--wait").returncode == 0
    found = shell.json("cost", "parent/p")
    assert (found["executions"], found["children"], found["lines"][0]["used"]) == (1, 1, 3)

    started = shell.json("start", "fast", "--wait")
    found = shell.json("cost", started["executionArn"])
    assert [line["name"] for line in found["lines"]] == ["Express requests", "Express duration"]
    assert shell.json("cost", "fast")["executions"] == 1


def test_a_time_is_a_span_or_a_date() -> None:
    assert since_when("90m", 10_000) == 10_000 - 5_400
    assert since_when("1970-01-02", 0) == 86_400
    assert since_when("1970-01-01T01:00+01:00", 0) == 0
    with pytest.raises(CommandFailed, match="neither a span"):
        since_when("yesterday", 0)
