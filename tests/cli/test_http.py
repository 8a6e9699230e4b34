"""HTTP tasks in a server as users start it: connections by an app and by boto3, over a restart, and no secret on
disk."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.patience import PATIENCE
from tests.server import Server, serving
from tests.tasks.http.conftest import Api, Got, Reply
from tests.tasks.http.conftest import api as api  # the fixture

APP = """
from stepwell import ApiKeyHeader, Secret, Stepwell

app = Stepwell()
app.connection("vendor", ApiKeyHeader("X-Api-Key", Secret("VENDOR_KEY")), headers={"X-Pin": Secret("VENDOR_PIN")})
app.machine("order.asl.json")
"""

SECRETS = ("key-of-the-vendor-0", "pin-of-the-vendor-1", "password-of-mine-2")


def task(url: str, connection: str) -> dict[str, Any]:
    call = {"ApiEndpoint": f"{url}/orders", "Method": "POST", "Authentication": {"ConnectionArn": connection}}
    parameters = {**call, "RequestBody.$": "$"}
    return {"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Parameters": parameters, "End": True}


def client(server: Server, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(connect_timeout=PATIENCE, read_timeout=PATIENCE, retries={"total_max_attempts": 1}),
    )


def prefer_to_wait(params: dict[str, Any], **_: object) -> None:
    params["headers"]["Prefer"] = "wait=60"


def run(server: Server, machine: str, until: str = "SUCCEEDED") -> Any:
    """The output of an execution."""
    states = client(server, "stepfunctions")
    arn = states.start_execution(
        stateMachineArn=f"arn:aws:states:us-east-1:123456789012:stateMachine:{machine}", input='{"id": 1}'
    )["executionArn"]
    states.meta.events.register("before-call.sfn.DescribeExecution", prefer_to_wait)
    row = states.describe_execution(executionArn=arn)
    assert row["status"] == until, row
    history = states.get_execution_history(executionArn=arn, includeExecutionData=True)
    assert not [secret for secret in SECRETS if secret in json.dumps(history, default=str)]
    return json.loads(row["output"])


def test_an_api_is_called_by_connections_of_an_app_and_of_boto3(tmp_path: Path, api: Api) -> None:
    def echo(got: Got) -> Reply:
        said = {"headers": got.headers, "body": got.body}
        return 200, {"Content-Type": "application/json"}, json.dumps(said).encode()

    api.reply = echo
    (tmp_path / "shop.py").write_text(APP)
    definition = {"StartAt": "Order", "States": {"Order": task(api.url, "${vendorConnectionArn}")}}
    (tmp_path / "order.asl.json").write_text(json.dumps(definition))
    environment = {
        "VENDOR_KEY": SECRETS[0],
        "VENDOR_PIN": SECRETS[1],
        "PYTHONPATH": os.pathsep.join((str(tmp_path), str(Path(__file__).parents[2]))),
        "STEPWELL_HTTP_ALLOWED_HOSTS": f"127.0.0.1:{api.port}",
    }
    with serving(tmp_path, ["shop:app"], environment=environment) as server:
        answer = run(server, "order")["ResponseBody"]
        assert json.loads(answer["body"]) == {"id": 1}
        assert (answer["headers"]["X-Api-Key"], answer["headers"]["X-Pin"]) == ("***", "***")
        assert (api.got[0].headers["X-Api-Key"], api.got[0].headers["X-Pin"]) == SECRETS[:2]

        events, states = client(server, "events"), client(server, "stepfunctions")
        mine = {"BasicAuthParameters": {"Username": "me", "Password": SECRETS[2]}}
        made = events.create_connection(Name="mine", AuthorizationType="BASIC", AuthParameters=mine)
        second = {"StartAt": "Order", "States": {"Order": task(api.url, made["ConnectionArn"])}}
        role = "arn:aws:iam::123456789012:role/x"
        states.create_state_machine(name="second", definition=json.dumps(second), roleArn=role)
        server.kill()
    with serving(tmp_path, ["shop:app"], environment=environment) as server:
        run(server, "second")
        assert api.got[-1].headers["Authorization"].startswith("Basic ")
        log = server.log.read_text()
    held = [path for path in tmp_path.rglob("*") if path.is_file() and not path.name.endswith(".key")]
    for secret in SECRETS:
        assert secret not in log
        assert not [path for path in held if secret.encode() in path.read_bytes()]


def test_a_state_that_is_tested_shows_its_request_and_secrets_only_where_they_are_asked_for(
    tmp_path: Path, api: Api
) -> None:
    api.answer({"ok": True}, **{"X-Echo": SECRETS[2]})
    environment = {"STEPWELL_HTTP_ALLOWED_HOSTS": f"127.0.0.1:{api.port}"}
    with serving(tmp_path, environment=environment) as server:
        mine = {"BasicAuthParameters": {"Username": "me", "Password": SECRETS[2]}}
        events, states = client(server, "events"), client(server, "stepfunctions")
        states.meta.events.register("before-call.sfn.TestState", stay_here(server))
        made = events.create_connection(Name="mine", AuthorizationType="BASIC", AuthParameters=mine)
        definition = json.dumps(task(api.url, made["ConnectionArn"]))
        asked = {"definition": definition, "input": '{"id": 1}', "inspectionLevel": "TRACE"}
        role = "arn:aws:iam::123456789012:role/x"
        hidden = states.test_state(**asked, roleArn=role)["inspectionData"]
        shown = states.test_state(**asked, roleArn=role, revealSecrets=True)["inspectionData"]
    request, response = hidden["request"], hidden["response"]
    assert (request["protocol"], request["method"], request["url"]) == ("http", "POST", f"{api.url}/orders")
    assert (request["body"], response["statusCode"], response["body"]) == ('{"id":1}', "200", '{"ok": true}')
    assert "Authorization" not in request["headers"]
    assert SECRETS[2] not in json.dumps(hidden)
    assert "Authorization: Basic" in shown["request"]["headers"]
    assert f"X-Echo: {SECRETS[2]}" in shown["response"]["headers"]


def stay_here(server: Server) -> Any:
    """TestState has a host of its own on AWS."""

    def change(params: dict[str, Any], **_: object) -> None:
        params["url"] = server.url + "/"

    return change
