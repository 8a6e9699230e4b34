"""`stepwell serve --watch`: code and definitions reload; what is under way ends as it began."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from stepwell.commands.endpoint import Endpoint
from tests.cli.conftest import Serve
from tests.patience import PATIENCE, until
from tests.server import Server

APP = """
import pathlib, time
from stepwell import Stepwell, PythonCode

app = Stepwell()
app.machine("steps.asl.json")
app.function_from("folder", PythonCode("code.handler", "python"))

@app.function("greet", concurrency=4, timeout=300)
def greet(event, context):
    if "until" in event:
        pathlib.Path(event["running"]).touch()
        while not pathlib.Path(event["until"]).exists():
            time.sleep(0.01)
    return "WORD"
"""


def steps(word: str) -> str:
    wait = {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "Say"}
    return json.dumps({"StartAt": "W", "States": {"W": wait, "Say": {"Type": "Pass", "Result": word, "End": True}}})


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "watched.py").write_text(APP.replace("WORD", "old"))
    (tmp_path / "steps.asl.json").write_text(steps("old"))
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "code.py").write_text("def handler(event, context): return 'old'")
    return tmp_path


class Watched:
    """A server that watches its app."""

    def __init__(self, server: Server) -> None:
        self.server = server
        options: dict[str, Any] = {
            "endpoint_url": server.url,
            "region_name": "us-east-1",
            "aws_access_key_id": "a",
            "aws_secret_access_key": "b",
            "config": Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE),
        }
        self.functions = boto3.client("lambda", **options)
        self.machines = boto3.client("stepfunctions", **options)

    def call(self, name: str, **event: str) -> Any:
        return json.loads(self.functions.invoke(FunctionName=name, Payload=json.dumps(event))["Payload"].read())

    def start(self, seconds: float) -> str:
        arn = "arn:aws:states:us-east-1:123456789012:stateMachine:steps"
        return str(
            self.machines.start_execution(stateMachineArn=arn, input=json.dumps({"seconds": seconds}))["executionArn"]
        )

    def output(self, execution: str) -> Any:
        until(lambda: self.machines.describe_execution(executionArn=execution)["status"] != "RUNNING")
        return json.loads(self.machines.describe_execution(executionArn=execution)["output"])

    def says(self, text: str) -> None:
        """Wait until the server has said it."""
        until(lambda: text in self.server.log.read_text(), self.server.log.read_text)


@pytest.fixture
def watched(serve: Serve, app: Path) -> Watched:
    return Watched(serve("watched:app", "--watch"))


def test_new_calls_run_the_new_code_and_those_under_way_end_on_the_old(watched: Watched, app: Path) -> None:
    with ThreadPoolExecutor(1) as thread:
        event = {"running": str(app / "running"), "until": str(app / "until")}
        under_way = thread.submit(watched.call, "greet", **event)
        until((app / "running").exists)
        (app / "watched.py").write_text(APP.replace("WORD", "brand-new"))
        watched.says("stepwell: reloaded: function greet")
        assert watched.call("greet") == "brand-new"
        assert not under_way.done()
        (app / "until").touch()
        assert under_way.result(PATIENCE) == "old"


def test_the_code_of_one_folder_is_renewed_alone(watched: Watched, app: Path) -> None:
    assert watched.call("folder") == "old"
    (app / "python" / "code.py").write_text("def handler(event, context): return 'brand-new'")
    watched.says("stepwell: reloaded: function folder\n")
    assert watched.call("folder") == "brand-new"


def test_new_executions_follow_the_new_definition_and_running_ones_theirs(watched: Watched, app: Path) -> None:
    running = watched.start(2)
    (app / "steps.asl.json").write_text(steps("new"))
    watched.says("stepwell: reloaded: state machine steps\n")
    assert watched.output(watched.start(0)) == "new"
    assert watched.output(running) == "old"


def test_what_is_wrong_is_told_and_the_old_stays_until_it_is_mended(watched: Watched, app: Path) -> None:
    assert watched.call("greet") == "old"
    (app / "steps.asl.json").write_text('{"StartAt": "Nowhere", "States": {}}')
    watched.says("not reloaded, what was there before goes on: ")
    assert "steps.asl.json" in watched.server.log.read_text()
    (app / "watched.py").write_text("def broken(:\n")
    watched.says("'watched' cannot be imported: SyntaxError")
    assert watched.output(watched.start(0)) == "old"
    assert watched.call("greet") == "old"
    (app / "watched.py").write_text(APP.replace("WORD", "mended"))
    (app / "steps.asl.json").write_text(steps("mended"))
    watched.says("state machine steps")
    assert watched.output(watched.start(0)) == "mended"
    assert watched.call("greet") == "mended"


def test_new_functions_and_machines_appear(watched: Watched, app: Path) -> None:
    more = '\napp.machine("more.asl.json")\n@app.function("shout")\ndef shout(event, context): return "!"\n'
    (app / "more.asl.json").write_text(steps("more"))
    (app / "watched.py").write_text(APP.replace("WORD", "old") + more)
    watched.says("function shout, state machine more")
    assert watched.call("shout") == "!"
    names = {machine["name"] for machine in watched.machines.list_state_machines()["stateMachines"]}
    assert names == {"steps", "more"}


def test_without_watch_nothing_reloads(serve: Serve, app: Path) -> None:
    server = Watched(serve("watched:app"))
    (app / "steps.asl.json").write_text(steps("new"))
    assert server.output(server.start(1)) == "old"
    assert "reloaded" not in server.server.log.read_text()


TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Greet:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: greet
      Runtime: python3.12
      Handler: code.handler
      CodeUri: python/
      Environment: {Variables: {WORD: old}}
  Steps:
    Type: AWS::Serverless::StateMachine
    Properties: {Name: steps, DefinitionUri: steps.asl.json}
"""


def test_a_template_its_code_and_its_definitions_reload(serve: Serve, app: Path) -> None:
    (app / "python" / "code.py").write_text("import os\ndef handler(event, context): return os.environ['WORD']")
    (app / "template.yaml").write_text(TEMPLATE)
    watched = Watched(serve(str(app / "template.yaml"), "--watch"))
    assert watched.call("greet") == "old"
    (app / "template.yaml").write_text(TEMPLATE.replace("old", "brand-new"))
    watched.says("stepwell: reloaded: function greet\n")
    assert watched.call("greet") == "brand-new"
    (app / "python" / "code.py").write_text("def handler(event, context): return 'newest'")
    (app / "steps.asl.json").write_text(steps("newest"))
    watched.says("state machine steps")
    until(lambda: watched.call("greet") == "newest")
    assert watched.output(watched.start(0)) == "newest"


def test_what_an_app_declares_beside_its_functions_reloads_too(app: Path, serve: Serve) -> None:
    watched = Watched(serve("watched:app", "--watch"))
    source = (app / "watched.py").read_text()
    (app / "watched.py").write_text(
        source
        + 'app.schedule("once", "at(2090-01-01T00:00:00)", function="greet")\n'
        + 'app.notify(webhook="https://example.com/hooks")\n'
    )
    endpoint = Endpoint(watched.server.url)
    rules = until(lambda: endpoint.send("GET", "/notifications/rules")["rules"])
    assert rules[0]["webhook"] == "https://example.com/hooks"
    assert [each["Name"] for each in endpoint.send("GET", "/schedules")["Schedules"]] == ["once"]
