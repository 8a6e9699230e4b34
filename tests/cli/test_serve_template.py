"""`stepwell serve template.yaml`: a small SAM app runs as it is, driven by boto3 and over HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.cli.conftest import Serve, Shell
from tests.patience import PATIENCE, until
from tests.server import Server

TEMPLATE = """\
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Parameters:
  Greeting: {Type: String, Default: hello}
Globals:
  Function: {Runtime: python3.12, Timeout: 30}
Resources:
  Orders:
    Type: AWS::DynamoDB::Table
  Greet:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: greet/
      Handler: app.handler
      Layers: [!Ref Words]
      Environment: {Variables: {GREETING: !Ref Greeting, TABLE: !Ref Orders}}
      Events:
        One: {Type: HttpApi, Properties: {Path: '/greetings/{name}', Method: get}}
  Words: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: words/}}
  Short:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        def handler(event, context):
            return {"from": context.function_name, "rest": context.get_remaining_time_in_millis() > 0}
      Handler: index.handler
  Old: {Type: AWS::Serverless::Function, Properties: {CodeUri: old/, Handler: a.B, Runtime: java21}}
  Flow:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: flow.asl.yaml
      DefinitionSubstitutions: {GreetArn: !GetAtt Greet.Arn, Short: !Ref Short}
      AutoPublishAlias: live
      Tags: {team: greetings}
      Logging:
        Level: ALL
        Destinations: [CloudWatchLogsLogGroup: {LogGroupArn: 'arn:aws:logs:us-east-1:123456789012:log-group:flow:*'}]
      Events:
        Start: {Type: Api, Properties: {Path: /flows, Method: post}}
  Worker: {Type: AWS::StepFunctions::Activity, Properties: {Name: worker}}
"""
FLOW = """\
StartAt: Greet
States:
  Greet: {Type: Task, Resource: '${GreetArn}', ResultPath: $.greeting, Next: Short}
  Short:
    Type: Task
    Resource: arn:aws:states:::lambda:invoke
    Parameters: {FunctionName: '${Short}', Payload: {}}
    ResultSelector: {from.$: $.Payload.from}
    ResultPath: $.short
    End: true
"""
GREET = """\
import json
import os

from words import shout


def handler(event, context):
    if "rawPath" in event:
        body = json.dumps(event["pathParameters"])
        return {"statusCode": 201, "headers": {"x-table": os.environ["TABLE"]}, "body": body}
    return shout(os.environ["GREETING"] + ", " + event["name"])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for file, text in {
        "template.yaml": TEMPLATE,
        "flow.asl.yaml": FLOW,
        "greet/app.py": GREET,
        "words/python/words.py": "def shout(text):\n    return text.upper()\n",
        "old/A.java": "",
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    return tmp_path


def client_of(server: Server, service: str = "stepfunctions") -> Any:
    return boto3.client(
        service,
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )


def machine_of(server: Server) -> str:
    [machine] = client_of(server).list_state_machines()["stateMachines"]
    return str(machine["stateMachineArn"])


def output_of(server: Server, arn: str) -> Any:
    client = client_of(server)
    until(lambda: client.describe_execution(executionArn=arn)["status"] != "RUNNING")
    found = client.describe_execution(executionArn=arn)
    assert found["status"] == "SUCCEEDED", found
    return json.loads(found["output"])


def call(server: Server, path: str, body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(server.url + path, data=body)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def test_a_sam_app_runs_as_it_is(serve: Serve, folder: Path) -> None:
    server = serve(
        str(folder / "template.yaml"), "--parameter", "Greeting=good day", "--parameter", "AWS::StackName=shop"
    )
    client = client_of(server)
    machine = machine_of(server)

    started = client.start_execution(stateMachineArn=f"{machine}:live", input='{"name": "Ada"}')
    assert output_of(server, started["executionArn"]) == {
        **{"name": "Ada", "greeting": "GOOD DAY, ADA", "short": {"from": "Short"}}
    }
    assert client.list_tags_for_resource(resourceArn=machine)["tags"] == [{"key": "team", "value": "greetings"}]
    assert client.describe_state_machine(stateMachineArn=machine)["loggingConfiguration"]["level"] == "ALL"
    assert [activity["name"] for activity in client.list_activities()["activities"]] == ["worker"]

    status, headers, body = call(server, "/greetings/Ada")
    assert (status, headers["x-table"], json.loads(body)) == (201, "shop-Orders", {"name": "Ada"})

    status, _, body = call(server, "/Prod/flows", b'{"name": "Bob"}')
    assert status == 200
    assert output_of(server, json.loads(body)["executionArn"])["greeting"] == "GOOD DAY, BOB"


def test_what_is_not_run_is_told_once_at_the_start(serve: Serve, folder: Path) -> None:
    log = serve(str(folder / "template.yaml")).log.read_text()
    assert log.count("template.yaml: not run here: AWS::DynamoDB::Table Orders\n") == 1
    assert (
        "template.yaml: Old cannot be called: its runtime is java21, which does not run here. Say in stepwell.toml what"
        " runs in its place: [functions.Old]\n"
    ) in log


def test_a_function_that_cannot_run_here_is_there_and_says_so(serve: Serve, folder: Path) -> None:
    server = serve(str(folder / "template.yaml"))
    client = client_of(server, "lambda")
    assert sorted(function["FunctionName"] for function in client.list_functions()["Functions"]) == [
        *("Greet", "Old", "Short")
    ]
    answer = client.invoke(FunctionName="Old", Payload=b"{}")
    assert answer["FunctionError"] == "Unhandled"
    assert "java21" in json.load(answer["Payload"])["errorMessage"]


def test_served_again_it_is_the_same_version(serve: Serve, folder: Path) -> None:
    for definition in (FLOW, FLOW, FLOW + "TimeoutSeconds: 60\n"):
        (folder / "flow.asl.yaml").write_text(definition)
        server = serve(str(folder / "template.yaml"))
        versions = client_of(server).list_state_machine_versions(stateMachineArn=machine_of(server))
        assert server.terminate() == 0
    assert len(versions["stateMachineVersions"]) == 2


def test_connections_are_there_for_http_tasks(serve: Serve, folder: Path) -> None:
    connection = {"Type": "AWS::Events::Connection", "Properties": {"AuthorizationType": "BASIC"}}
    connection["Properties"] |= {"AuthParameters": {"BasicAuthParameters": {"Username": "ada", "Password": "sesame"}}}
    (folder / "http.json").write_text(json.dumps({"Resources": {"Shop": connection}}))
    for _ in range(2):  # served again, it is updated
        server = serve(str(folder / "http.json"))
        found = client_of(server, "events").describe_connection(Name="Shop")
        assert server.terminate() == 0
    assert found["AuthorizationType"] == "BASIC"
    assert found["AuthParameters"]["BasicAuthParameters"] == {"Username": "ada"}


def test_a_template_with_a_fault_is_not_served(folder: Path, shell: Shell) -> None:
    (folder / "template.yaml").write_text(TEMPLATE.replace("!GetAtt Greet.Arn", "!GetAtt Great.Arn"))
    done = shell("serve", "template.yaml", "--port", "0")
    assert done.returncode == 2
    assert done.stderr == (
        "stepwell: template.yaml: Flow.DefinitionSubstitutions.GreetArn: there is no resource 'Great' in this"
        " template.\n"
    )
    assert not (folder / "stepwell.db").exists()


def test_what_is_wrong_with_a_definition_names_its_machine_and_the_way_out(folder: Path, shell: Shell) -> None:
    text = TEMPLATE.replace("DefinitionUri: flow.asl.yaml", 'Definition: {StartAt: A, States: {A: {Type: "${Kind}"}}}')
    (folder / "template.yaml").write_text(text)
    done = shell("serve", "template.yaml", "--port", "0")
    assert done.returncode == 2
    assert "template.yaml: Flow: /States/A/Type: " in done.stderr
    assert "template.yaml: Flow: nothing is substituted for ${Kind}. Name it in DefinitionSubstitutions" in done.stderr


def test_a_handler_that_is_none_is_told_with_its_template(folder: Path, shell: Shell) -> None:
    (folder / "template.yaml").write_text(TEMPLATE.replace("Handler: index.handler", "Handler: index"))
    done = shell("serve", "template.yaml", "--port", "0")
    assert (done.returncode, done.stderr) == (
        2,
        "stepwell: template.yaml: Short: handler 'index': write it as 'module.function', as AWS Lambda does.\n",
    )


def test_a_template_reloads_when_it_changes(serve: Serve, folder: Path) -> None:
    server = serve(str(folder / "template.yaml"), "--watch")
    machine = machine_of(server)
    (folder / "template.yaml").write_text(TEMPLATE.replace("Default: hello", "Default: welcome"))
    until(lambda: "stepwell: reloaded: function Greet" in server.log.read_text(), server.log.read_text)
    started = client_of(server).start_execution(stateMachineArn=machine, input='{"name": "Ada"}')
    assert output_of(server, started["executionArn"])["greeting"] == "WELCOME, ADA"


def test_one_execution_is_run_with_the_functions_of_a_template(folder: Path, shell: Shell) -> None:
    (folder / "one.asl.json").write_text(
        '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "${GreetArn}", "End": true}}}'
    )
    (folder / "template.yaml").write_text(TEMPLATE.replace("flow.asl.yaml", "one.asl.json"))
    done = shell("run", "one.asl.json", "--app", "template.yaml", "--input", '{"name": "Ada"}')
    assert (done.returncode, done.stdout) == (0, '"HELLO, ADA"\n'), done.stderr
    assert shell("validate", "one.asl.json", "--app", "template.yaml").returncode == 0
