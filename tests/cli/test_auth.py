"""The commands, handlers and routes of an app against a server that asks who is calling."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Serve, Shell
from tests.patience import PATIENCE

SECRET = "a-secret-that-only-this-test-knows"
APP = '''
import boto3
from stepwell import Stepwell

async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})

app = Stepwell()
app.machine("calls.asl.json")
app.mount("/asks", "app:hello", auth="bearer")
app.mount("/open", "app:hello")

@app.function("Count")
def count(event, context):
    """A handler calls the server that runs it, with the credentials that it finds."""
    return len(boto3.client("stepfunctions").list_state_machines()["stateMachines"])
'''
MACHINE = '{"StartAt": "Count", "States": {"Count": {"Type": "Task", "Resource": "Count", "End": true}}}'


@pytest.fixture
def url(tmp_path: Path, serve: Serve) -> str:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "calls.asl.json").write_text(MACHINE)
    keys = f"AKIAOPS:{SECRET},AKIALOOKS:{SECRET}:read-only"
    server = serve("app:app", STEPWELL_ACCESS_KEYS=keys, STEPWELL_TOKENS="ops:a-token-for-this-test")
    assert SECRET not in server.log.read_text()
    return server.url


def test_commands_sign_with_the_access_key_of_the_environment(tmp_path: Path, url: str) -> None:
    ops = Shell(tmp_path, {"AWS_ACCESS_KEY_ID": "AKIAOPS", "AWS_SECRET_ACCESS_KEY": SECRET})
    done = ops("start", "calls", "--name", "one", "--wait", "--endpoint-url", url)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    done = ops("logs", "Count", "--endpoint-url", url)
    assert done.returncode == 0, done.stderr
    assert list(ops.json("cost", "calls/one", "--endpoint-url", url)["functions"]) == [
        "Count"
    ]  # it asks Lambda's API too
    done = ops("schedule", "create", "daily", "rate(1 day)", "--function", "Count", "--paused", "--endpoint-url", url)
    assert done.returncode == 0, done.stderr


def test_commands_say_what_is_missing_and_who_is_refused(tmp_path: Path, url: str) -> None:
    done = Shell(tmp_path)("list", "--endpoint-url", url)
    assert done.returncode == 2
    assert "asks who is calling: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in done.stderr
    looks = Shell(tmp_path, {"AWS_ACCESS_KEY_ID": "AKIALOOKS", "AWS_SECRET_ACCESS_KEY": SECRET})
    assert looks("list", "--endpoint-url", url).returncode == 0
    done = looks("start", "calls", "--endpoint-url", url)
    assert done.returncode == 1
    assert "user/AKIALOOKS is not authorized to perform: states:StartExecution on resource: " in done.stderr


def test_an_app_may_leave_the_question_to_the_server(url: str) -> None:
    assert httpx.get(f"{url}/asks", timeout=PATIENCE).status_code == 401
    allowed = httpx.get(f"{url}/asks/", headers={"authorization": "Bearer a-token-for-this-test"}, timeout=PATIENCE)
    assert (allowed.status_code, allowed.text) == (200, "hello")
    assert httpx.get(f"{url}/open/", timeout=PATIENCE).text == "hello"
