"""`stepwell chaos`: the crash matrix on the command line."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Shell

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"
ORDER = {
    "StartAt": "Charge",
    "States": {
        "Charge": {"Type": "Task", "Resource": FUNCTION + "Charge", "ResultPath": None, "Next": "Wait"},
        "Wait": {"Type": "Wait", "Seconds": 86400, "Next": "Ship"},
        "Ship": {"Type": "Task", "Resource": FUNCTION + "Ship", "End": True},
    },
}
APP = """
from stepwell import Stepwell

app = Stepwell()
paid = set()


@app.function("Charge")
def charge(event, context):
    print("charging")
    mark = {mark}
    if mark in paid and not {idempotent}:
        raise RuntimeError("this order was paid for")
    paid.add(mark)
    return "paid"


@app.function("Ship")
def ship(event, context):
    return f"P-{{event['id']}}"
"""
MOCKS = {
    "StateMachines": {"order": {"TestCases": {"Happy": {"Charge": "Busy", "Ship": "Shipped"}}}},
    "MockedResponses": {
        "Busy": {"0": {"Return": {"StatusCode": 200, "Payload": "paid"}}},
        "Shipped": {"0": {"Return": {"StatusCode": 200, "Payload": "P-8"}}},
    },
}


@pytest.fixture
def folder(shell: Shell) -> Shell:
    (shell.folder / "order.asl.json").write_text(json.dumps(ORDER))
    (shell.folder / "careless.py").write_text(APP.format(mark='event["id"]', idempotent=False))
    (shell.folder / "careful.py").write_text(APP.format(mark="context.idempotency_key", idempotent=True))
    (shell.folder / "mocks.json").write_text(json.dumps(MOCKS))
    return shell


def test_a_machine_that_bears_crashes_is_exit_code_0_and_its_repeated_tasks_are_told(folder: Shell) -> None:
    done = folder("chaos", "order.asl.json", "--input", '{"id": 7}', "--app", "careful:app")
    assert done.returncode == 0, done.stderr
    assert 'without a crash  SUCCEEDED  "P-7"' in done.stdout
    assert "the same end     8 of 8" in done.stdout
    assert "Charge  in 1 of 8 runs, up to 2 times" in done.stdout
    assert "charging" not in done.stdout


def test_another_end_is_exit_code_1_and_both_are_shown(folder: Shell) -> None:
    done = folder("chaos", "order.asl.json", "--input", '{"id": 7}', "--app", "careless:app")
    assert done.returncode == 1, done.stderr
    assert "ANOTHER END      before commit 2 (WaitStateEntered of Wait)" in done.stdout
    assert "is             FAILED  RuntimeError" in done.stdout
    assert 'was            SUCCEEDED  "P-7"' in done.stdout


def test_the_result_for_machines(folder: Shell) -> None:
    done = folder("chaos", "order.asl.json", "--input", '{"id": 7}', "--app", "careless:app", "--json")
    told = json.loads(done.stdout)
    assert (told["same"], told["commits"], told["crashPoints"]) == (False, 4, 8)
    assert told["expected"] == {"status": "SUCCEEDED", "output": "P-7"}
    assert [run["at"] for run in told["different"]] == ["before commit 2 (WaitStateEntered of Wait)"]
    assert {task["state"] for task in told["repeated"]} == {"Charge", "Ship"}


def test_mocks_answer_as_they_do_for_run(folder: Shell) -> None:
    mocked = ("--mock-config", "mocks.json", "--test-case", "Happy")
    done = folder("chaos", "order.asl.json", *mocked, "--most", "3")
    assert done.returncode == 0, done.stderr
    assert "the same end     3 of 3" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["order.asl.json"], "--app names an app with functions"),
        (["nowhere.asl.json"], "There is no definition at nowhere.asl.json"),
        (["order.asl.json", "--test-case", "Happy"], "--mock-config and --test-case go together"),
        (["order.asl.json", "--mock-config", "mocks.json", "--test-case", "Sad"], "they have Happy"),
        (["order.asl.json", "--most", "0"], "--most wants at least 1"),
    ],
)
def test_what_cannot_be_run_is_exit_code_2_and_says_why(folder: Shell, words: list[str], told: str) -> None:
    done = folder("chaos", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
