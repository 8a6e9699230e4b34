"""Activities, their long poll, and task tokens."""

from __future__ import annotations

import asyncio
import json

import pytest

ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:pack"


async def pack(aws) -> str:
    """The ARN of an execution that waits for the activity `pack`."""
    await aws("CreateActivity", name="pack")
    work = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": ACTIVITY, "End": True}}}
    return await aws.start(await aws.create(definition=work), input='{"box": 1}')


async def test_an_activity_is_made_described_listed_and_deleted(aws) -> None:
    made = await aws("CreateActivity", name="pack")
    assert made == {"activityArn": ACTIVITY, "creationDate": made["creationDate"]}
    assert await aws("CreateActivity", name="pack", tags=[{"key": "a", "value": "b"}]) == made
    listed = {**made, "name": "pack"}
    assert await aws("ListActivities") == {"activities": [listed]}
    assert await aws("DescribeActivity", activityArn=ACTIVITY) == {
        **listed,
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
    }
    for _ in range(2):
        assert await aws("DeleteActivity", activityArn=ACTIVITY) == {}
    gone = ("ActivityDoesNotExist", f"Activity Does Not Exist: '{ACTIVITY}'")
    assert await aws.fault("DescribeActivity", activityArn=ACTIVITY) == gone
    assert await aws.fault("GetActivityTask", activityArn=ACTIVITY) == gone


async def test_activities_are_listed_page_by_page(aws) -> None:
    for number in range(3):
        await aws("CreateActivity", name=f"a{number}")
    first = await aws("ListActivities", maxResults=2)
    rest = await aws("ListActivities", maxResults=2, nextToken=first["nextToken"])
    assert [activity["name"] for activity in first["activities"] + rest["activities"]] == ["a0", "a1", "a2"]
    assert "nextToken" not in rest


async def test_a_worker_gets_a_task_and_answers_it_once(aws) -> None:
    execution = await pack(aws)
    task = await aws("GetActivityTask", activityArn=ACTIVITY, workerName="w1")
    assert json.loads(task["input"]) == {"box": 1}
    assert await aws("SendTaskHeartbeat", taskToken=task["taskToken"]) == {}
    assert await aws("SendTaskSuccess", taskToken=task["taskToken"], output='{ "packed": true }') == {}
    assert json.loads((await aws.ended(execution))["output"]) == {"packed": True}
    closed = ("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
    assert await aws.fault("SendTaskSuccess", taskToken=task["taskToken"], output="{}") == closed
    assert await aws.fault("SendTaskHeartbeat", taskToken=task["taskToken"]) == closed


async def test_a_worker_can_fail_a_task(aws) -> None:
    execution = await pack(aws)
    task = await aws("GetActivityTask", activityArn=ACTIVITY)
    await aws("SendTaskFailure", taskToken=task["taskToken"], error="Torn", cause="The box is torn")
    found = await aws.ended(execution)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Torn", "The box is torn")


async def test_a_callback_ends_its_task(aws, definitions) -> None:
    execution = await aws.start(await aws.create(definition=definitions["callback"]))
    token = (await aws.callbacks.tasks.get()).token
    await aws("SendTaskSuccess", taskToken=token, output='"done"')
    assert (await aws.ended(execution))["output"] == '"done"'


@pytest.mark.parametrize("operation", ["SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"])
async def test_a_text_that_is_no_token_is_refused(aws, operation: str) -> None:
    assert await aws.fault(operation, taskToken="NoSuchTaskToken", output="{}") == (
        "InvalidToken",
        "Invalid Token: 'Invalid token'",
    )


async def test_an_output_that_is_not_json_is_refused_and_changes_nothing(aws, definitions) -> None:
    execution = await aws.start(await aws.create(definition=definitions["callback"]))
    token = (await aws.callbacks.tasks.get()).token
    assert (await aws.fault("SendTaskSuccess", taskToken=token, output="{done}"))[0] == "InvalidOutput"
    await aws("SendTaskSuccess", taskToken=token, output="{}")
    assert (await aws.ended(execution))["status"] == "SUCCEEDED"


async def test_a_poll_ends_empty_when_the_server_closes(aws) -> None:
    await aws("CreateActivity", name="pack")
    poll = asyncio.ensure_future(aws("GetActivityTask", activityArn=ACTIVITY))
    await asyncio.sleep(0)
    aws.context.closing.set()
    assert await asyncio.wait_for(poll, 40) == {"taskToken": None}  # else it ends after a minute
