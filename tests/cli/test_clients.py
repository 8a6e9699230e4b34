"""The commands that talk to a running server."""

from __future__ import annotations

import json

from tests.cli.conftest import FAILS, Shell

ARN = "arn:aws:states:us-east-1:123456789012"


def test_an_execution_is_started_shown_and_listed_by_the_machines_name(client: Shell) -> None:
    started = client("start", "waits", "--name", "named", "--input", '{"seconds": 0}', "--wait")
    assert (started.returncode, started.stdout) == (0, '{"seconds": 0}\n')
    assert "left     Wait" in started.stderr
    assert client.json("describe", "waits/named")["status"] == "SUCCEEDED"
    assert "named" in [execution["name"] for execution in client.json("list", "waits")]


def test_without_waiting_the_arn_is_the_result(client: Shell) -> None:
    done = client("start", f"{ARN}:stateMachine:waits", "--name", "quick", "--input", '{"seconds": 0}')
    assert done.stdout == f"{ARN}:execution:waits:quick\n"
    answer = client.json("start", "waits", "--name", "quicker", "--input", '{"seconds": 0}')
    assert answer["executionArn"] == f"{ARN}:execution:waits:quicker"


def test_the_exit_code_says_how_an_execution_ended(client: Shell) -> None:
    assert client("start", "fails", "--wait").returncode == 1
    client("start", "waits", "--name", "stopped", "--input", '{"seconds": 600}')
    client("stop", "waits/stopped", "--error", "Cancelled", "--cause", "Enough")
    followed = client("history", "waits/stopped", "--follow")
    assert followed.returncode == 4
    assert "ABORTED" in followed.stdout
    assert "Cancelled: Enough" in followed.stdout


def test_the_history_is_told_event_by_event(client: Shell) -> None:
    client("start", "fails", "--name", "told", "--wait")
    assert [line.split()[3] for line in client("history", "fails/told").stdout.splitlines()[1:]] == [
        "ExecutionStarted",
        "FailStateEntered",
        "ExecutionFailed",
    ]
    events = [json.loads(line) for line in client("history", "fails/told", "--json").stdout.splitlines()]
    assert [event["id"] for event in events] == [1, 2, 3]


def test_machines_are_listed_and_described(client: Shell) -> None:
    assert {"waits", "fails"} <= {machine["name"] for machine in client.json("list")}
    assert client.json("describe", "fails")["definition"] == FAILS
    assert "STANDARD" in client("list").stdout


def test_executions_are_listed_by_status(client: Shell) -> None:
    client("start", "fails", "--name", "listed", "--wait")
    assert {execution["status"] for execution in client.json("list", "fails", "--status", "FAILED")} == {"FAILED"}
    assert client.json("list", "fails", "--status", "RUNNING") == []
    assert len(client.json("list", "fails", "--limit", "1")) == 1


def test_creating_a_machine_again_updates_it(client: Shell) -> None:
    (client.folder / "again.asl.json").write_text(FAILS)
    assert client.json("create", "again.asl.json")["stateMachineArn"] == f"{ARN}:stateMachine:again"
    (client.folder / "again.asl.json").write_text(FAILS.replace("closed", "open"))
    assert client("create", "again.asl.json").returncode == 0
    assert "open" in client.json("describe", "again")["definition"]


def test_what_the_server_refuses_is_one_line_with_awss_name_for_it(client: Shell) -> None:
    done = client("describe", "waits/never")
    assert done.returncode == 1
    assert done.stderr.startswith("stepwell: ExecutionDoesNotExist: ")
    assert done.stderr.count("\n") == 1


def test_a_name_that_leads_nowhere_is_told(client: Shell) -> None:
    done = client("start", "nobody")
    assert done.returncode == 1
    assert "There is no state machine 'nobody'" in done.stderr


def test_without_a_server_one_line_says_how_to_start_it(shell: Shell) -> None:
    done = shell("list", "--endpoint-url", "http://127.0.0.1:1")
    assert done.returncode == 5
    assert done.stderr.startswith("stepwell: No server answers at http://127.0.0.1:1 ")
    assert "stepwell serve" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_address_that_is_none_is_wrong_use(shell: Shell) -> None:
    assert shell("list", "--endpoint-url", "localhost:8083").returncode == 2
