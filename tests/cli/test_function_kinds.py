"""Functions of all kinds behind one server, as definitions and clients call them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.cli.conftest import ROOT, Serve
from tests.patience import PATIENCE
from tests.server import Server, serving

THERE = """
from stepwell import Stepwell

app = Stepwell()

@app.function("bill")
def bill(event, context):
    if event.get("fail"):
        raise LookupError("no such order")
    return {"billed": event["n"]}
"""

HERE = """
from stepwell import Command, HttpEndpoint, NodeCode, OtherRuntime, PythonCode, RemoteLambda, Stepwell
import os

app = Stepwell()
app.function_from("python", PythonCode("app.handler", "folder"))
app.function_from("node", NodeCode("index.handler", "folder"))
app.function_from("command", Command(["sh", "-c", "cat"]))
app.function_from("http", HttpEndpoint(os.environ["THERE"], "bill"))
app.function_from("remote", RemoteLambda("arn:aws:lambda:us-east-1:123456789012:function:bill"))
app.function_from("java", OtherRuntime("java21"), timeout=7)
app.function_from("none", Command(["true"]), concurrency=0)
"""

TOML = """
[functions.java]
command = ["sh", "-c", "pwd >&2; echo '\\"in its place\\"'"]
folder = "folder"
"""


def lambda_of(server: Server) -> Any:
    return boto3.client(
        "lambda",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE),
    )


@pytest.fixture
def client(serve: Serve, tmp_path: Path) -> Iterator[Any]:
    """Of a server whose functions are of all kinds; two of them are another server's."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "there.py").write_text(THERE)
    (tmp_path / "here.py").write_text(HERE)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "app.py").write_text("def handler(event, context): return {'python': event['n']}")
    (tmp_path / "folder" / "index.js").write_text("exports.handler = async (event) => ({ node: event.n });")
    config = tmp_path / "stepwell.toml"
    config.write_text(TOML)
    path = f"{tmp_path / 'there'}{os.pathsep}{ROOT}"
    with serving(tmp_path / "there", ["there:app"], environment={"PYTHONPATH": path}) as there:
        environment = {"THERE": there.url, "AWS_ENDPOINT_URL_LAMBDA": there.url, "STEPWELL_CONFIG": str(config)}
        yield lambda_of(serve("here:app", **environment))


def call(client: Any, name: str, **event: object) -> tuple[object, str | None]:
    answer = client.invoke(FunctionName=name, Payload=json.dumps({"n": 1, **event}))
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


def test_a_client_calls_functions_of_every_kind_alike(client: Any) -> None:
    assert call(client, "python") == ({"python": 1}, None)
    assert call(client, "command") == ({"n": 1}, None)
    assert call(client, "http") == call(client, "remote") == ({"billed": 1}, None)
    for name in ("http", "remote"):
        error, kind = call(client, name, fail=True)
        assert (error["errorType"], error["errorMessage"], kind) == ("LookupError", "no such order", "Unhandled")
    assert call(client, "java") == ("in its place", None)
    assert client.get_function_configuration(FunctionName="java")["Timeout"] == 7
    with pytest.raises(client.exceptions.TooManyRequestsException, match="Rate Exceeded"):
        call(client, "none")


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js on the PATH")
def test_a_client_calls_a_function_in_node(client: Any) -> None:
    assert call(client, "node") == ({"node": 1}, None)
    assert client.get_function_configuration(FunctionName="node")["Runtime"].startswith("nodejs")
