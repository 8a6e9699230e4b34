"""`stepwell serve`: what it serves, how it stops, and how it says what is wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
from pathlib import Path

import boto3
import pytest

from tests.cli.conftest import FAILS, WAITS, Serve, Shell, client_of
from tests.patience import PATIENCE, until
from tests.server import Server

APP = """
import os
import time

from stepwell import Stepwell

app = Stepwell()
app.machine("greets.asl.json")
app.mount("/hello", "greeter_routes:routes")


@app.function("Greet", environment={"GREETING": "good day"})
def greet(event, context):
    return os.environ["GREETING"] + ", " + event["name"]


@app.function("Sleep")
def sleep(event, context):
    with open(event["pid_file"], "w") as file:
        file.write(str(os.getpid()))
    time.sleep(event["seconds"])
    return "slept"
"""
ROUTES = """
import contextlib

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route


@contextlib.asynccontextmanager
async def lifespan(app):
    yield {"name": "Ada"}


async def hello(request):
    return PlainTextResponse(f"hello {request.state.name} at {request.url.path}")


routes = Starlette(routes=[Route("/you", hello)], lifespan=lifespan)
"""
GREETS = """{"StartAt": "Greet", "States": {"Greet": {"Type": "Task", "Resource": "Greet", "End": true}}}"""
SLEEPS = """{"StartAt": "Sleep", "States": {"Sleep": {"Type": "Task", "Resource": "Sleep", "End": true}}}"""


@pytest.fixture
def app(tmp_path: Path) -> str:
    (tmp_path / "greeter.py").write_text(APP)
    (tmp_path / "greeter_routes.py").write_text(ROUTES)
    (tmp_path / "greets.asl.json").write_text(GREETS)
    return "greeter:app"


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_without_an_app_the_server_is_empty(serve: Serve) -> None:
    server = serve()
    client = boto3.client(
        "stepfunctions",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    assert client.list_state_machines()["stateMachines"] == []
    assert "state machines: 0)" in server.log.read_text()


def test_an_apps_functions_machines_and_routes_share_one_port(serve: Serve, app: str) -> None:
    server = serve(app)
    done = client_of(server)("start", "greets", "--input", '{"name": "Ada"}', "--wait")
    assert (done.returncode, done.stdout) == (0, '"good day, Ada"\n')
    with urllib.request.urlopen(f"{server.url}/hello/you", timeout=PATIENCE) as answer:
        assert answer.read() == b"hello Ada at /hello/you"
    with urllib.request.urlopen(f"{server.url}/health", timeout=PATIENCE) as answer:
        assert json.load(answer)["status"] == "ok"


def test_serving_an_app_again_updates_only_what_has_changed(serve: Serve, app: str, tmp_path: Path) -> None:
    first = serve(app)
    before = client_of(first).json("describe", "greets")
    first.terminate()
    second = serve(app)
    assert client_of(second).json("describe", "greets") == before
    second.terminate()
    (tmp_path / "greets.asl.json").write_text(FAILS)
    third = serve(app)
    after = client_of(third).json("describe", "greets")
    assert (after["definition"], after["creationDate"]) == (FAILS, before["creationDate"])
    assert "revisionId" in after


def test_an_execution_under_way_goes_on_after_a_restart(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "waits.asl.json").write_text(WAITS)
    first = serve()
    client = client_of(first)
    client("create", "waits.asl.json")
    client("start", "waits", "--name", "on", "--input", '{"seconds": 2}')
    assert first.terminate() == 0
    followed = client_of(serve())("history", "waits/on", "--follow")
    assert followed.returncode == 0, followed.stderr
    assert "SUCCEEDED" in followed.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_with_exit_code_0(serve: Serve, number: signal.Signals) -> None:
    server = serve()
    server.process.send_signal(number)
    assert server.process.wait(PATIENCE) == 0


def start_sleeping(serve: Serve, app: str, tmp_path: Path, grace: str) -> tuple[Server, int]:
    """A server with a handler at work, and the handler's process."""
    (tmp_path / "greets.asl.json").write_text(SLEEPS)
    server = serve(app, "--grace", grace)
    pid_file = tmp_path / "pid"
    event = json.dumps({"seconds": 600, "pid_file": str(pid_file)})
    client_of(server)("start", "greets", "--name", "sleeping", "--input", event)
    return server, int(until(lambda: pid_file.is_file() and pid_file.read_text()))


def test_a_handler_that_outlasts_the_grace_period_ends_with_the_server(serve: Serve, app: str, tmp_path: Path) -> None:
    server, pid = start_sleeping(serve, app, tmp_path, "0.2")
    assert server.terminate() == 0  # long before the handler would end by itself
    assert not is_alive(pid)
    assert client_of(serve(app, "--grace", "0.2")).json("describe", "greets/sleeping")["status"] == "RUNNING"


def test_a_second_signal_stops_at_once_and_leaves_no_handler(serve: Serve, app: str, tmp_path: Path) -> None:
    server, pid = start_sleeping(serve, app, tmp_path, "600")
    process = server.process
    process.send_signal(signal.SIGTERM)
    until(lambda: "stopping" in server.log.read_text())
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 128 + signal.SIGTERM
    until(lambda: not is_alive(pid))


def test_a_killed_server_leaves_no_handler(serve: Serve, app: str, tmp_path: Path) -> None:
    server, pid = start_sleeping(serve, app, tmp_path, "600")
    server.kill()
    until(lambda: not is_alive(pid))


def test_mocks_are_read_from_the_variable_of_step_functions_local(serve: Serve, tmp_path: Path) -> None:
    mocks = {
        "StateMachines": {"greets": {"TestCases": {"Mocked": {"Greet": "Answer"}}}},
        "MockedResponses": {"Answer": {"0": {"Return": "mocked"}}},
    }
    (tmp_path / "mocks.json").write_text(json.dumps(mocks))
    definition = GREETS.replace('"Greet", "End"', '"arn:aws:lambda:us-east-1:123456789012:function:Greet", "End"')
    (tmp_path / "greets.asl.json").write_text(definition)
    client = client_of(serve(SFN_MOCK_CONFIG=str(tmp_path / "mocks.json")))
    client("create", "greets.asl.json")
    done = client("start", "greets#Mocked", "--wait")
    assert done.stdout == '"mocked"\n', done.stderr


def one_line(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_port_that_is_taken_is_told_in_one_line(serve: Serve, shell: Shell) -> None:
    server = serve()
    done = shell("serve", "--port", str(server.port), "--store", "other.db")
    assert f"{server.url} cannot be listened on: Address already in use." in one_line(done, 1)
    assert not (shell.folder / "other.db").exists()


def test_a_store_that_another_server_has_open_is_told_in_one_line(serve: Serve, shell: Shell) -> None:
    serve()
    assert "is open in another server" in one_line(shell("serve", "--port", "0"), 1)


def test_a_store_that_is_no_database_is_told_in_one_line_and_left_as_it_is(shell: Shell) -> None:
    (shell.folder / "stepwell.db").write_text("not a database, but somebody's notes" * 100)
    assert "stepwell.db" in one_line(shell("serve", "--port", "0"), 1)
    assert (shell.folder / "stepwell.db").read_text().startswith("not a database")


def test_a_store_that_cannot_be_written_is_told_in_one_line(shell: Shell) -> None:
    assert "/proc/stepwell.db" in one_line(shell("serve", "--port", "0", "--store", "/proc/stepwell.db"), 1)


def test_an_app_that_is_not_there_is_told_in_one_line(shell: Shell) -> None:
    assert "There is no module 'nowhere.app'" in one_line(shell("serve", "nowhere.app:app", "--port", "0"), 2)


def test_everything_that_is_wrong_with_an_app_is_told_before_the_store_is_made(shell: Shell, app: str) -> None:
    broken = GREETS.replace('"Greet", "End": true', '"${Unknown}", "Next": "Nowhere"')
    (shell.folder / "greets.asl.json").write_text(broken)
    done = shell("serve", app, "--port", "0")
    assert done.returncode == 2
    assert "greets.asl.json: /States/Greet/Next: MISSING_TRANSITION_TARGET: " in done.stderr
    assert "greets.asl.json: /States/Greet/Resource: SCHEMA_VALIDATION_FAILED: " in done.stderr
    assert "nothing is substituted for ${Unknown}" in done.stderr
    assert not (shell.folder / "stepwell.db").exists()


def test_mocks_that_cannot_be_read_are_told_in_one_line(shell: Shell) -> None:
    assert "none.json" in one_line(shell("serve", "--port", "0", "--mock-config", "none.json"), 2)


def test_an_address_that_others_reach_is_refused(shell: Shell) -> None:
    assert "allow_unauthenticated = true" in one_line(shell("serve", "--port", "0", "--host", "0.0.0.0"), 2)


def test_a_setting_that_cannot_be_used_is_told_in_one_line(shell: Shell) -> None:
    assert "--port = 'http' cannot be used" in one_line(shell("serve", "--port", "http"), 2)
