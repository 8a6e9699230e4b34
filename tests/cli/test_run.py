"""`stepwell run`: one execution without a server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.cli.conftest import FAILS, WAITS, Shell
from tests.patience import PATIENCE

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:Greet"
CALLS = f"""{{"StartAt": "Greet", "States": {{"Greet": {{"Type": "Task", "Resource": "{LAMBDA}", "End": true}}}}}}"""
BARE = """{"StartAt": "Greet", "States": {"Greet": {"Type": "Task", "Resource": "Greet", "End": true}}}"""
APP = """
from stepwell import Stepwell

app = Stepwell()
app.machine("bare.asl.json")


@app.function("Greet")
def greet(event, context):
    return f"hello {event['name']}"
"""
MOCKS = {
    "StateMachines": {"calls": {"TestCases": {"Happy": {"Greet": "Answer"}}}},
    "MockedResponses": {"Answer": {"0": {"Return": {"StatusCode": 200, "Payload": "mocked"}}}},
}


@pytest.fixture
def folder(shell: Shell) -> Shell:
    texts = {"waits": WAITS, "fails": FAILS, "calls": CALLS, "bare": BARE}
    for name, text in texts.items():
        (shell.folder / f"{name}.asl.json").write_text(text)
    (shell.folder / "greeter.py").write_text(APP)
    (shell.folder / "mocks.json").write_text(json.dumps(MOCKS))
    return shell


def test_the_output_is_told_apart_from_the_progress(folder: Shell) -> None:
    done = folder("run", "waits.asl.json", "--input", '{"seconds": 0}')
    assert (done.returncode, done.stdout) == (0, '{"seconds": 0}\n')
    assert "entered  Wait" in done.stderr
    assert "ended    SUCCEEDED" in done.stderr


def test_the_input_can_stand_in_a_file_or_come_from_standard_input(folder: Shell) -> None:
    (folder.folder / "input.json").write_text('{"seconds": 0, "from": "file"}')
    assert "file" in folder("run", "waits.asl.json", "--input", "@input.json").stdout
    assert "pipe" in folder("run", "waits.asl.json", "--input", "-", input='{"seconds": 0, "from": "pipe"}').stdout


def test_a_failed_execution_is_exit_code_1_and_shows_why(folder: Shell) -> None:
    done = folder("run", "fails.asl.json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Refused: It is closed" in done.stderr


def test_an_execution_that_timed_out_is_exit_code_3(folder: Shell) -> None:
    (folder.folder / "slow.asl.json").write_text(WAITS.replace("{", '{"TimeoutSeconds": 1, ', 1))
    done = folder("run", "slow.asl.json", "--input", '{"seconds": 60}', "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["status"] == "TIMED_OUT"


def test_the_result_can_be_read_by_machines(folder: Shell) -> None:
    done = folder("run", "fails.asl.json", "--json")
    result = json.loads(done.stdout)
    assert (result["status"], result["error"], result["cause"]) == ("FAILED", "Refused", "It is closed")


def test_functions_of_an_app_are_called_and_bare_names_are_bound(folder: Shell) -> None:
    done = folder("run", "bare.asl.json", "--app", "greeter", "--input", '{"name": "Ada"}')
    assert (done.returncode, done.stdout) == (0, '"hello Ada"\n')


def test_a_test_case_takes_its_mocks_from_the_option_or_the_variable(folder: Shell) -> None:
    words = ("run", "calls.asl.json", "--test-case", "Happy")
    assert folder(*words, "--mock-config", "mocks.json").stdout == '"mocked"\n'
    assert replace(folder, environ={"SFN_MOCK_CONFIG": "mocks.json"})(*words).stdout == '"mocked"\n'


def test_a_test_case_that_is_not_there_is_told_before_anything_runs(folder: Shell) -> None:
    done = folder("run", "calls.asl.json", "--mock-config", "mocks.json", "--test-case", "Sad")
    assert done.returncode == 2
    assert done.stderr.startswith("stepwell: mocks.json has no test case 'Sad' for the state machine 'calls'.")
    assert "needs mocks" in folder("run", "calls.asl.json", "--test-case", "Happy").stderr


def test_an_invalid_definition_is_not_run_and_all_that_is_wrong_is_told(folder: Shell) -> None:
    (folder.folder / "broken.asl.json").write_text(
        '{"StartAt": "A", "States": {"B": {"Type": "Succeed", "End": true}}}'
    )
    done = folder("run", "broken.asl.json")
    assert done.returncode == 2
    assert "broken.asl.json: /StartAt: MISSING_TRANSITION_TARGET" in done.stderr
    assert "broken.asl.json: /States/B: SCHEMA_VALIDATION_FAILED" in done.stderr


def test_an_input_that_is_no_json_is_wrong_use(folder: Shell) -> None:
    done = folder("run", "waits.asl.json", "--input", "{")
    assert done.returncode == 2
    assert done.stderr.startswith("stepwell: The input is no JSON: ")


def ctrl_c_counts() -> None:
    """As in a terminal. A runner that is itself in a shell's background has SIGINT ignored, and hands that on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_ends_quietly(folder: Shell) -> None:
    words = [sys.executable, "-m", "stepwell", "run", "waits.asl.json", "--input", '{"seconds": 600}']
    process = subprocess.Popen(
        words,
        cwd=folder.folder,
        env=folder.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=ctrl_c_counts,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    output, rest = process.communicate(timeout=PATIENCE)
    assert "entered  Wait" in first
    assert (process.returncode, output, rest) == (130, "", "")
