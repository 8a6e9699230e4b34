"""Whoever works for an execution, and wherever: each is told the span of its own attempt, in the trace that came in.

One server, one worker, one recorder of requests that stands for all other services, one collector.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.patience import PATIENCE, until
from tests.server import Server, serving, start
from tests.telemetry.collector import Collector, Span, collecting
from tests.telemetry.test_server import ARN, call, ended

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:"
PARENT = "00f067aa0ba902b7"
APP = '''
"""Handlers that tell which trace they are part of."""

import pathlib
import time

from stepwell import ApiKeyHeader, RemoteLambda, Secret, Stepwell

app = Stepwell()


@app.function("Here")
async def here(event, context):
    return context.traceparent


@app.function("OnWorker", worker=True)
async def on_worker(event, context):
    return context.traceparent


@app.activity("act")
def act(event, context):
    return context.traceparent


@app.function("Later")
def later(event, context):
    pathlib.Path(event["tell"]).write_text(str(context.traceparent))


@app.job("single", concurrency=1, retries=0)
def single(gate: str, context):
    while not pathlib.Path(gate).exists():
        time.sleep(0.01)
    return context.traceparent


app.function_from("OnAws", RemoteLambda("arn:aws:lambda:eu-west-1:111122223333:function:bill"))
app.connection("vendor", ApiKeyHeader("X-Api-Key", Secret("VENDOR_KEY")))
'''


@dataclass
class Recorder:
    """Stands for other services: answers all alike, and keeps the headers that came, in small letters."""

    url: str = ""
    seen: list[Mapping[str, str]] = field(default_factory=list)


@contextmanager
def recording() -> Iterator[Recorder]:
    found = Recorder()

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found.seen.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)


@dataclass
class World:
    server: Server
    collector: Collector
    recorder: Recorder
    folder: Path

    def begin(self, trace: str, *states: Mapping[str, Any], **machine: str) -> str:
        """Start an execution of states that follow each other, `S0`, `S1`, …, in a trace; the answer is its ARN."""
        names = [f"S{number}" for number, _ in enumerate(states)]
        following = [*({"Next": name} for name in names[1:]), {"End": True}]
        definition = {
            "StartAt": "S0",
            "States": {name: {**state, **after} for name, state, after in zip(names, states, following, strict=True)},
        }
        name = machine.pop("name", f"m-{uuid.uuid4().hex[:8]}")
        role = "arn:aws:iam::123456789012:role/x"
        call(self.server, "CreateStateMachine", name=name, definition=json.dumps(definition), roleArn=role, **machine)
        given = {"traceparent": f"00-{trace}-{PARENT}-01", "tracestate": "vendor=1"}
        return str(call(self.server, "StartExecution", given, stateMachineArn=ARN + name)["executionArn"])

    def output(self, execution: str) -> Any:
        found = ended(self.server, execution)
        assert found["status"] == "SUCCEEDED", found
        return json.loads(found["output"])

    def spans(self, trace: str, *names: str) -> list[Span]:
        """Those of a trace, once there is one of each name."""
        found = self.collector.until(
            lambda spans: set(names) <= {span.name for span in spans if span.trace_id.hex() == trace}
        )
        return [span for span in found if span.trace_id.hex() == trace]

    def parent_of(self, trace: str, name: str) -> str:
        """The `traceparent` of whoever works for the one span of a name."""
        (span,) = [span for span in self.spans(trace, name) if span.name == name]
        return f"00-{trace}-{span.span_id.hex()}-01"


def xray(traceparent: str) -> str:
    _, trace, parent, _ = traceparent.split("-")
    return f"Root=1-{trace[:8]}-{trace[8:]};Parent={parent};Sampled=1"


def environment(folder: Path, collector: Collector, recorder: Recorder) -> dict[str, str]:
    return {
        "PYTHONPATH": str(folder),
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL_LAMBDA": recorder.url,
        "AWS_ENDPOINT_URL_DYNAMODB": recorder.url,
        "STEPWELL_HTTP_ALLOWED_HOSTS": recorder.url.removeprefix("http://"),
        "VENDOR_KEY": "k",
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("traced")
    (folder / "told.py").write_text(APP)
    with collecting() as collector, recording() as recorder:
        given = environment(folder, collector, recorder)
        with serving(folder, ["told:app"], environment=given) as server:
            yield World(server, collector, recorder, folder)


@pytest.fixture(scope="module")
def worker(world: World) -> Iterator[None]:
    command = [sys.executable, "-m", "stepwell", "worker", "told:app", "--server", world.server.url]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    with (world.folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env=kept | {"PYTHONPATH": str(world.folder), "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    yield
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(PATIENCE)


@pytest.fixture
def trace() -> str:
    return uuid.uuid4().hex


def task(resource: str, **parameters: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, **({"Parameters": parameters} if parameters else {})}


@pytest.mark.usefixtures("worker")
def test_a_function_on_a_worker(world: World, trace: str) -> None:
    seen = world.output(world.begin(trace, task(LAMBDA + "OnWorker")))
    assert seen == world.parent_of(trace, "OnWorker")


@pytest.mark.usefixtures("worker")
def test_an_activity_of_a_worker(world: World, trace: str) -> None:
    seen = world.output(world.begin(trace, task("arn:aws:states:us-east-1:123456789012:activity:act")))
    assert seen == world.parent_of(trace, "act")


def test_an_activity_of_a_client_of_aws_that_sees_it_in_the_headers_of_its_answer(world: World, trace: str) -> None:
    client = boto3.client(
        "stepfunctions",
        "us-east-1",
        endpoint_url=world.server.url,
        aws_access_key_id="k",
        aws_secret_access_key="s",
        config=Config(connect_timeout=10, read_timeout=70, retries={"total_max_attempts": 1}),
    )
    activity = client.create_activity(name="by-hand")["activityArn"]
    execution = world.begin(trace, task(activity))
    taken = client.get_activity_task(activityArn=activity)
    client.send_task_success(taskToken=taken["taskToken"], output="1")
    assert world.output(execution) == 1
    told = taken["ResponseMetadata"]["HTTPHeaders"]
    parent = world.parent_of(trace, "by-hand")
    assert (told["traceparent"], told["tracestate"], told["x-amzn-trace-id"]) == (parent, "vendor=1", xray(parent))


def test_a_function_of_aws_itself(world: World, trace: str) -> None:
    world.output(world.begin(trace, task(LAMBDA + "OnAws")))
    assert world.recorder.seen[-1]["x-amzn-trace-id"] == xray(world.parent_of(trace, "OnAws"))


def test_a_service_of_aws(world: World, trace: str) -> None:
    world.output(world.begin(trace, task("arn:aws:states:::dynamodb:putItem", TableName="t", Item={})))
    assert world.recorder.seen[-1]["x-amzn-trace-id"] == xray(world.parent_of(trace, "dynamodb:putItem"))


def test_a_service_of_aws_by_its_own_name(world: World, trace: str) -> None:
    world.output(world.begin(trace, task("arn:aws:states:::aws-sdk:dynamodb:listTables", Limit=1)))
    assert world.recorder.seen[-1]["x-amzn-trace-id"] == xray(world.parent_of(trace, "aws-sdk:dynamodb:listTables"))


def test_an_http_api(world: World, trace: str) -> None:
    connection = "arn:aws:events:us-east-1:123456789012:connection/vendor/1"
    parameters = {"ApiEndpoint": world.recorder.url, "Method": "POST", "Authentication": {"ConnectionArn": connection}}
    world.output(world.begin(trace, task("arn:aws:states:::http:invoke", **parameters)))
    seen = world.recorder.seen[-1]
    assert (seen["traceparent"], seen["tracestate"]) == (world.parent_of(trace, "http:invoke"), "vendor=1")


def test_an_api_behind_a_gateway(world: World, trace: str) -> None:
    world.output(
        world.begin(trace, task("arn:aws:states:::apigateway:invoke", ApiEndpoint=world.recorder.url, Method="POST"))
    )
    assert world.recorder.seen[-1]["traceparent"] == world.parent_of(trace, "apigateway:invoke")


def test_a_function_that_is_called_back_for(world: World, trace: str) -> None:
    state = task(
        "arn:aws:states:::lambda:invoke.waitForTaskToken",
        FunctionName="Later",
        Payload={"token.$": "$$.Task.Token", "tell": str(world.folder / trace)},
    )
    execution = world.begin(trace, {**state, "TimeoutSeconds": 60})
    seen = until_written(world.folder / trace)
    events = call(world.server, "GetExecutionHistory", {}, executionArn=execution)["events"]
    scheduled = next(event["taskScheduledEventDetails"] for event in events if event["type"] == "TaskScheduled")
    token = json.loads(scheduled["parameters"])["Payload"]["token"]
    call(world.server, "SendTaskSuccess", {}, taskToken=token, output="2")
    assert world.output(execution) == 2
    assert seen == world.parent_of(trace, "lambda:invoke.waitForTaskToken")


def test_a_function_that_nobody_waits_for(world: World, trace: str) -> None:
    parameters = {"FunctionName": "Later", "InvocationType": "Event", "Payload": {"tell": str(world.folder / trace)}}
    world.output(world.begin(trace, task("arn:aws:states:::lambda:invoke", **parameters)))
    seen = until_written(world.folder / trace)
    # The call is kept as an execution, which hangs below the task that has asked for it.
    spans = {span.name: span for span in world.spans(trace, "lambda:invoke", "InvokeLater")}
    assert spans["InvokeLater"].parent_span_id == spans["lambda:invoke"].span_id
    assert seen == world.parent_of(trace, "aws-sdk:stepwell:invokeLater")


def test_a_nested_execution_that_is_waited_for_and_one_that_is_not(world: World, trace: str) -> None:
    world.begin(uuid.uuid4().hex, task(LAMBDA + "Here"), name="nested")
    child = {"StateMachineArn": ARN + "nested", "Input": {}}
    world.output(
        world.begin(
            trace,
            task("arn:aws:states:::states:startExecution.sync:2", **child),
            task("arn:aws:states:::states:startExecution", **child),
            task("arn:aws:states:::aws-sdk:sfn:startExecution", **child),
        )
    )
    world.collector.until(
        lambda spans: sum(span.name == "nested" and span.trace_id.hex() == trace for span in spans) == 3
    )
    spans = world.spans(trace, "S2")
    names = {span.span_id: span.name for span in spans}
    assert {names[span.parent_span_id] for span in spans if span.name == "nested"} == {
        "states:startExecution.sync:2",
        "states:startExecution",
        "aws-sdk:sfn:startExecution",
    }


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_the_children_of_a_distributed_map_hang_below_its_state(world: World, trace: str, kind: str) -> None:
    state = {
        "Type": "Map",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
            "StartAt": "Inside",
            "States": {"Inside": {**task(LAMBDA + "Here"), "End": True}},
        },
        "Label": "Each",
    }
    seen = world.output(world.begin(trace, {"Type": "Pass", "Result": [1, 2, 3]}, state))
    world.collector.until(
        lambda spans: sum(span.name == "Inside" and span.trace_id.hex() == trace for span in spans) == 3
    )
    spans = world.spans(trace, "S1")
    names = {span.span_id: span.name for span in spans}
    children = [span for span in spans if span.name.endswith("/Each")]
    assert [names[span.parent_span_id] for span in children] == ["S1"] * 3
    attempts = {f"00-{trace}-{span.span_id.hex()}-01" for span in spans if span.name == "Here"}
    assert set(seen) == attempts
    assert len(attempts) == 3


def test_a_client_of_lambda_hands_its_trace_to_the_function(world: World, trace: str) -> None:
    for headers in (
        {"traceparent": f"00-{trace}-{PARENT}-01"},
        {"X-Amzn-Trace-Id": xray(f"00-{trace}-{PARENT}-01")},
    ):
        request = urllib.request.Request(
            f"{world.server.url}/2015-03-31/functions/Here/invocations", b"{}", headers, method="POST"
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.loads(answer.read()) == f"00-{trace}-{PARENT}-01"


def test_the_header_of_xray_is_taken_where_no_other_is(world: World, trace: str) -> None:
    world.begin(uuid.uuid4().hex, task(LAMBDA + "Here"), name="by-xray")
    header = {"X-Amzn-Trace-Id": xray(f"00-{trace}-{PARENT}-01")}
    begun = call(world.server, "StartExecution", header, stateMachineArn=ARN + "by-xray")
    assert world.output(begun["executionArn"]) == world.parent_of(trace, "Here")


def test_a_job_that_has_waited_in_its_queue_through_kill_9(tmp_path: Path, trace: str) -> None:
    (tmp_path / "told.py").write_text(APP)
    gate = tmp_path / "gate"
    with collecting() as collector, recording() as recorder:
        given = environment(tmp_path, collector, recorder)
        server = start(tmp_path, ["told:app"], environment=given)
        try:
            posted(server, {}, gate=str(gate))
            waiting = posted(server, {"traceparent": f"00-{trace}-{PARENT}-01"}, gate=str(gate))
            assert waiting["status"] == "PENDING"
            server.kill()
            server = start(tmp_path, ["told:app"], port=server.port, environment=given)
            gate.touch()
            request = urllib.request.Request(f"{server.url}/jobs/{waiting['job_id']}", headers={"Prefer": "wait=50"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                found = json.loads(answer.read())
            assert found["status"] == "COMPLETED", found
            spans = collector.until(
                lambda spans: any(
                    span.trace_id.hex() == trace and span.parent_span_id.hex() == PARENT for span in spans
                )
            )
        finally:
            server.terminate()
    of_trace = [span for span in spans if span.trace_id.hex() == trace]
    assert found["outputs"].split("-")[1] == trace
    assert found["outputs"].split("-")[2] in {span.span_id.hex() for span in of_trace}


def posted(server: Server, headers: Mapping[str, str], **inputs: Any) -> dict[str, Any]:
    """A job that was taken in, as it is told."""
    request = urllib.request.Request(
        f"{server.url}/jobs/single", json.dumps(inputs).encode(), {"Content-Type": "application/json", **headers}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        posted: dict[str, Any] = json.loads(answer.read())
    with urllib.request.urlopen(f"{server.url}/jobs/{posted['job_id']}", timeout=60) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def until_written(path: Path) -> str:
    """The text of a file, once there is one."""
    return until(lambda: path.exists() and path.read_text()) or ""
