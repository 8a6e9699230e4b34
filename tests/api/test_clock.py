"""The clock of an execution: asked for by a header, by a field of the trace header, by the server's setting."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from msgspec.structs import replace

from stepwell.api.app import create_app
from tests.api.conftest import CALLBACK, Aws, one_state

DAY = 86_400
YEAR = {
    "StartAt": "Day",
    "States": {
        "Day": {"Type": "Wait", "Seconds": DAY, "Next": "Count"},
        "Count": {
            "Type": "Pass",
            "Parameters": {"days.$": "States.MathAdd($.days, 1)"},
            "Next": "More",
        },
        "More": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.days", "NumericLessThan": 365, "Next": "Day"}],
            "Default": "Done",
        },
        "Done": {"Type": "Succeed"},
    },
}


async def started(aws: Aws, machine: str, headers: dict[str, str] | None = None, **members: object) -> str:
    answer = await aws.post("StartExecution", {"stateMachineArn": machine, **members}, **(headers or {}))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["executionArn"])


@pytest.mark.parametrize(
    ("headers", "members"),
    [
        ({"X-Stepwell-Clock": "virtual"}, {}),
        ({}, {"traceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793;Stepwell-Clock=virtual"}),
        ({"X-Stepwell-Clock": "Virtual"}, {"traceHeader": "Stepwell-Clock=real"}),
    ],
    ids=["header", "trace header", "the header goes before the trace header"],
)
async def test_a_year_passes_at_once_and_the_history_has_its_dates(
    aws: Aws, headers: dict[str, str], members: dict[str, object]
) -> None:
    execution = await started(aws, await aws.create(definition=YEAR), headers, input='{"days": 0}', **members)
    described = await aws.ended(execution)
    assert described["status"] == "SUCCEEDED"
    assert described["stopDate"] - described["startDate"] == pytest.approx(365 * DAY, abs=0.01)
    history = await aws("GetExecutionHistory", executionArn=execution, reverseOrder=True, maxResults=1)
    assert history["events"][0]["timestamp"] == described["stopDate"]


async def test_the_servers_clock_is_that_of_executions_that_ask_for_none(aws: Aws) -> None:
    assert aws.context is not None
    machine = await aws.create(definition=one_state(Type="Wait", Seconds=DAY))
    transport = httpx.ASGITransport(create_app(replace(aws.context, clock="virtual")))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as aws.http:
        assert (await aws.ended(await started(aws, machine)))["status"] == "SUCCEEDED"
        real = await started(aws, machine, {"X-Stepwell-Clock": "real"})
        assert (await aws("DescribeExecution", executionArn=real))["status"] == "RUNNING"


async def test_a_callback_holds_the_clock_where_it_is_asked_to(aws: Aws) -> None:
    callback = {**CALLBACK, "States": {"A": {**CALLBACK["States"]["A"], "TimeoutSeconds": 60}}}
    machine = await aws.create(definition=callback)
    execution = await started(aws, machine, {"X-Stepwell-Clock": "virtual"})
    assert (await aws.ended(execution))["error"] == "States.Timeout"
    await aws.callbacks.tasks.get()

    execution = await started(aws, machine, {"X-Stepwell-Clock": "virtual-held"})
    task = await aws.callbacks.tasks.get()
    await asyncio.sleep(0.03)
    await aws("SendTaskSuccess", taskToken=task.token, output="1")
    assert (await aws.ended(execution))["output"] == "1"


async def test_a_worker_that_holds_an_activity_holds_the_clock(aws: Aws) -> None:
    activity = (await aws("CreateActivity", name="dig"))["activityArn"]
    dig = {"Type": "Task", "Resource": activity, "TimeoutSeconds": 60, "HeartbeatSeconds": 20, "Next": "Rest"}
    rest = {"Type": "Wait", "Seconds": DAY, "End": True}
    machine = await aws.create(definition={"StartAt": "Dig", "States": {"Dig": dig, "Rest": rest}})
    poll = asyncio.create_task(aws("GetActivityTask", activityArn=activity))
    await asyncio.sleep(0.01)
    execution = await started(aws, machine, {"X-Stepwell-Clock": "virtual"})
    token = (await poll)["taskToken"]
    await asyncio.sleep(0.03)
    await aws("SendTaskHeartbeat", taskToken=token)
    await aws("SendTaskSuccess", taskToken=token, output="1")
    described = await aws.ended(execution)
    assert described["stopDate"] - described["startDate"] == pytest.approx(DAY, abs=0.01)


async def test_a_clock_that_there_is_not_is_refused(aws: Aws) -> None:
    machine = await aws.create()
    answer = await aws.post("StartExecution", {"stateMachineArn": machine}, **{"X-Stepwell-Clock": "sundial"})
    assert answer.status_code == 400
    assert answer.json() == {
        "__type": "ValidationException",
        "message": "There is no clock 'sundial'. Clocks are: real, virtual, virtual-held",
    }


def test_boto3_asks_for_a_virtual_clock_by_an_event_hook(server: str) -> None:
    client = boto3.client(
        "stepfunctions",
        endpoint_url=server,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(retries={"max_attempts": 0}),
    )

    def virtual(params: dict[str, Any], **_: object) -> None:
        params["headers"]["X-Stepwell-Clock"] = "virtual"

    client.meta.events.register("before-call.sfn.StartExecution", virtual)
    wait = json.dumps(one_state(Type="Wait", Seconds=DAY))
    role = "arn:aws:iam::123456789012:role/x"
    machine = client.create_state_machine(name="yearly", definition=wait, roleArn=role)["stateMachineArn"]
    execution = client.start_execution(stateMachineArn=machine)["executionArn"]

    def preferred(params: dict[str, Any], **_: object) -> None:
        params["headers"]["Prefer"] = "wait=60"

    client.meta.events.register("before-call.sfn.DescribeExecution", preferred)
    assert client.describe_execution(executionArn=execution)["status"] == "SUCCEEDED"


async def test_a_synchronous_express_execution_takes_the_clock_too(aws: Aws) -> None:
    machine = await aws.create(definition=one_state(Type="Wait", Seconds=120), type="EXPRESS")
    headers = {"X-Stepwell-Clock": "virtual"}
    answer = (await aws.post("StartSyncExecution", {"stateMachineArn": machine}, **headers)).json()
    assert answer["status"] == "SUCCEEDED"
    assert answer["stopDate"] - answer["startDate"] == pytest.approx(120, abs=0.01)
