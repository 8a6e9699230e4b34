"""A server that listens, and real clients."""

from __future__ import annotations

import asyncio
import json
import socket
import sys

import httpx
import pytest
from botocore.exceptions import ClientError

from stepwell.api.server import bind, serve
from tests.patience import PATIENCE

ROLE = "arn:aws:iam::123456789012:role/x"


def test_boto3_runs_a_machine_from_its_making_to_its_history(sfn, definitions) -> None:
    client = sfn()
    made = client.create_state_machine(name="real", definition=json.dumps(definitions["pass"]), roleArn=ROLE)
    execution = client.start_execution(stateMachineArn=made["stateMachineArn"], input="{}")["executionArn"]
    while (found := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        pass
    assert found["output"] == '{"a":1}'
    pages = client.get_paginator("get_execution_history").paginate(
        executionArn=execution, PaginationConfig={"PageSize": 3}
    )
    assert [event["id"] for page in pages for event in page["events"]] == [1, 2, 3, 4]


def test_boto3_raises_the_exceptions_of_its_model(sfn) -> None:
    client = sfn()
    with pytest.raises(client.exceptions.ActivityDoesNotExist):
        client.describe_activity(activityArn="arn:aws:states:us-east-1:123456789012:activity:never")
    with pytest.raises(ClientError) as caught:
        client.list_executions(stateMachineArn="arn", maxResults=1001)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_the_region_of_a_client_is_that_of_its_machines(sfn, definitions) -> None:
    made = sfn("eu-west-1").create_activity(name="regional")
    assert ":eu-west-1:" in made["activityArn"]


def test_an_answer_tells_nothing_about_the_server(server) -> None:
    answer = httpx.get(f"{server}/health", timeout=PATIENCE)
    assert answer.json() == {"status": "ok"}
    assert "server" not in answer.headers


def test_a_client_that_leaves_during_a_long_poll_takes_no_task_with_it(server, sfn) -> None:
    client = sfn()
    arn = client.create_activity(name="left")["activityArn"]
    headers = {"x-amz-target": "AWSStepFunctions.GetActivityTask", "content-type": "application/x-amz-json-1.0"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(server, json={"activityArn": arn}, headers=headers, timeout=0.2)
    work = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": arn, "End": True}}}
    made = client.create_state_machine(name="left", definition=json.dumps(work), roleArn=ROLE)
    client.start_execution(stateMachineArn=made["stateMachineArn"])
    assert client.get_activity_task(activityArn=arn)["taskToken"]


async def test_the_server_tells_its_port_and_ends_when_it_is_told_to() -> None:
    told: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
    stop = asyncio.Event()

    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    running = asyncio.ensure_future(
        serve(app, bind("localhost", 0), stop=stop, grace=1, listening=lambda host, port: told.put_nowait((host, port)))
    )
    host, port = await told.get()
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        assert (await http.get(f"http://{host}:{port}/")).status_code == 204
    stop.set()
    await asyncio.wait_for(running, PATIENCE)
    with pytest.raises(OSError):
        socket.create_connection((host, port), timeout=1)


async def test_a_request_that_the_grace_period_cuts_off_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    begun, stop = asyncio.Event(), asyncio.Event()
    ports: asyncio.Queue[int] = asyncio.Queue()

    async def app(scope, receive, send) -> None:
        begun.set()
        await asyncio.Event().wait()

    running = asyncio.ensure_future(
        serve(app, bind("127.0.0.1", 0), stop=stop, grace=1, listening=lambda _, port: ports.put_nowait(port))
    )
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient(timeout=PATIENCE) as http:
        request = asyncio.ensure_future(http.get(f"http://127.0.0.1:{await ports.get()}/"))
        await begun.wait()
        stop.set()
        answer = await request
        await running
    assert answer.status_code == 503
    assert answer.json() == {"__type": "ServiceUnavailable", "message": "The server is shutting down"}
    assert not [record for record in caplog.records if record.exc_info]


def test_a_port_that_is_listened_on_is_an_os_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError):
        bind("127.0.0.1", taken.getsockname()[1])


def test_nobody_else_is_given_a_port_that_is_bound() -> None:
    with bind("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        with socket.socket() as other, pytest.raises(OSError):
            other.bind(("127.0.0.1", port))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is told when it is bound")
async def test_of_two_who_were_told_the_same_port_the_second_is_told_when_it_listens() -> None:
    with bind("127.0.0.1", 0) as first:
        second = bind("127.0.0.1", first.getsockname()[1])
        first.listen()
        with pytest.raises(OSError):
            await serve(lambda *_: None, second, stop=asyncio.Event())
