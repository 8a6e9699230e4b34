"""`stepwell logs`, and the route of the server behind it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import boto3
import httpx
import pytest

from tests.cli.conftest import ROOT, Shell, client_of
from tests.patience import PATIENCE, until
from tests.server import Server, serving

APP = """
from stepwell import Stepwell

app = Stepwell()
app.machine("says.asl.json")


@app.function("Say")
def say(event, context):
    print(event["word"])
    return event


@app.function("Shout")
def shout(event, context):
    print(event["word"].upper())
    return event
"""
SAYS = {
    "StartAt": "Say",
    "States": {
        "Say": {"Type": "Task", "Resource": "Say", "Next": "Shout"},
        "Shout": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "Shout", "Payload.$": "$"},
            "End": True,
        },
    },
}
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:says"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("logs")
    (folder / "speaker.py").write_text(APP)
    (folder / "says.asl.json").write_text(json.dumps(SAYS))
    with serving(
        folder, ["speaker:app"], environment={"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "HOME": str(folder)}
    ) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Shell:
    return client_of(server)


def call(server: Server, function: str, word: str) -> str:
    """The request id of a call outside of any execution."""
    functions = boto3.client(
        "lambda",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    answer = functions.invoke(FunctionName=function, Payload=json.dumps({"word": word}))
    return answer["ResponseMetadata"]["RequestId"]


def run(client: Shell, name: str, word: str) -> None:
    done = client("start", "says", "--name", name, "--input", json.dumps({"word": word}), "--wait")
    assert done.returncode == 0, done.stderr


def lines(client: Shell, *words: str) -> list[dict]:
    done = client("logs", *words, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_lines_of_an_execution_are_those_of_its_tasks(server: Server, client: Shell) -> None:
    run(client, "one", "first")
    run(client, "two", "second")
    call(server, "Say", "apart")
    for source in ("says/one", f"{EXECUTION}:one"):
        found = lines(client, source)
        assert [(line["function"], line["message"]) for line in found] == [("Say", "first"), ("Shout", "FIRST")]
        assert {line["execution"] for line in found} == {f"{EXECUTION}:one"}


def test_the_lines_of_a_function_are_those_of_all_its_calls(server: Server, client: Shell) -> None:
    run(client, "three", "third")
    request_id = call(server, "Say", "alone")
    for source in ("Say", "arn:aws:lambda:us-east-1:123456789012:function:Say"):
        *_, task, alone = lines(client, source)
        assert (task["message"], task["execution"]) == ("third", f"{EXECUTION}:three")
        assert alone.keys() == {"time", "function", "requestId", "execution", "message"}
        assert (alone["message"], alone["execution"], alone["requestId"]) == ("alone", None, request_id)


def test_the_last_lines_of_all_are_shown_in_order(server: Server, client: Shell) -> None:
    for word in ("a", "b", "c"):
        call(server, "Say", word)
        call(server, "Shout", word)
    assert [line["message"] for line in lines(client, "--limit", "4")] == ["b", "B", "c", "C"]
    assert lines(client, "Nobody") == []


def test_a_reader_sees_time_function_and_call(server: Server, client: Shell) -> None:
    request_id = call(server, "Say", "to you")
    (line,) = client("logs", "Say", "--limit", "1").stdout.splitlines()
    assert re.fullmatch(rf"\d\d:\d\d:\d\d\.\d\d\d  Say  {request_id[:8]}  to you", line)


@pytest.mark.parametrize("source", ["Nobody", "says/nobody"])
def test_where_nothing_has_been_written_it_is_told(client: Shell, source: str) -> None:
    done = client("logs", source)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"Nothing has been written by {source} yet.\n")


def test_what_is_followed_comes_as_it_is_written(server: Server, client: Shell) -> None:
    command = [sys.executable, "-m", "stepwell", "logs", "-f", "Shout", "--limit", "1", "--json"]
    call(server, "Shout", "before")
    with subprocess.Popen(
        command, cwd=client.folder, env=client.environment(), stdout=subprocess.PIPE, text=True
    ) as following:
        try:
            assert following.stdout is not None
            assert json.loads(following.stdout.readline())["message"] == "BEFORE"
            for word in ("one", "two"):
                call(server, "Say", word)
                call(server, "Shout", word)
                assert json.loads(following.stdout.readline())["message"] == word.upper()
        finally:
            following.terminate()


def test_a_place_is_gone_on_from_without_a_gap(server: Server) -> None:
    def ask(**query: object) -> dict:
        return httpx.get(f"{server.url}/logs", params=query, timeout=PATIENCE).json()

    place = ask(limit=0)["next"]
    for word in ("1", "2", "3"):
        call(server, "Say", word)
    first = ask(after=place, limit=2)
    second = ask(after=first["next"], limit=2)
    assert [line["message"] for line in first["lines"] + second["lines"]] == ["1", "2", "3"]
    assert ask(after=second["next"], wait=0.01)["lines"] == []
    assert httpx.get(f"{server.url}/logs", params={"after": "x"}, timeout=PATIENCE).status_code == 400


def test_a_server_that_stops_lets_nobody_wait(tmp_path: Path) -> None:
    with serving(tmp_path, ["--grace", "600"]) as server:
        asking = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        for path in ("/logs", "/logs?after=0&wait=60"):
            asking.request("GET", path)
            if path == "/logs":
                asking.getresponse().read()
        until(lambda: server.under_way() == 1)
        server.process.terminate()
        assert server.process.wait(25) == 0  # else the question is over after 30 seconds
        assert json.load(asking.getresponse())["lines"] == []
