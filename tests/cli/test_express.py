"""Express executions on the command line: what AWS shows of them in its logs."""

from __future__ import annotations

import json

import pytest

from stepwell.commands.endpoint import Endpoint
from tests.cli.conftest import FAILS, WAITS, Shell, client_of
from tests.server import Server

LOG_GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/states/told:*"


@pytest.fixture(scope="module")
def client(server: Server) -> Shell:
    """Commands, on a server with the Express machines `swift`, `refusing` and, with a log, `told`."""
    client = client_of(server)
    for name, definition in (("swift", WAITS), ("refusing", FAILS)):
        (client.folder / f"{name}.asl.json").write_text(definition)
        assert client("create", f"{name}.asl.json", "--type", "EXPRESS").returncode == 0
    made = client.json("describe", "swift")
    destination = {"cloudWatchLogsLogGroup": {"logGroupArn": LOG_GROUP}}
    Endpoint(server.url).call(
        "CreateStateMachine",
        name="told",
        definition=FAILS,
        roleArn=made["roleArn"],
        type="EXPRESS",
        loggingConfiguration={"level": "ERROR", "includeExecutionData": True, "destinations": [destination]},
    )
    return client


def test_an_execution_is_started_awaited_described_and_listed(client: Shell) -> None:
    started = client("start", "swift", "--name", "one", "--input", '{"seconds": 0}', "--wait")
    assert (started.returncode, started.stdout) == (0, '{"seconds": 0}\n')
    listed = client.json("list", "swift")
    assert [execution["name"] for execution in listed] == ["one"]
    arn = listed[0]["executionArn"]
    assert arn in client("list", "swift").stdout
    assert client.json("describe", arn)["output"] == '{"seconds": 0}'
    assert "SUCCEEDED" in client("describe", arn).stdout


def test_the_exit_code_says_how_an_execution_ended(client: Shell) -> None:
    started = client.json("start", "refusing")
    assert client("history", started["executionArn"], "--follow").returncode == 1
    assert client("start", "refusing", "--wait").returncode == 1


def test_the_history_is_the_log_that_the_machine_asks_for(client: Shell) -> None:
    arn = client.json("start", "told")["executionArn"]
    followed = client("history", arn, "--follow")
    assert followed.returncode == 1
    assert [line.split()[3] for line in followed.stdout.splitlines()[1:]] == ["FailStateEntered", "ExecutionFailed"]
    events = [json.loads(line) for line in client("history", arn, "--json").stdout.splitlines()]
    assert [(event["id"], event["type"]) for event in events] == [(2, "FailStateEntered"), (3, "ExecutionFailed")]


def test_what_is_not_there_is_told(client: Shell) -> None:
    missing = client("describe", "arn:aws:states:us-east-1:123456789012:express:swift:one:nowhere")
    assert missing.returncode == 1
    assert "ExecutionDoesNotExist" in missing.stderr
