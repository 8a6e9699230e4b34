"""Histories in the shape of AWS."""

from __future__ import annotations

import pytest

from stepwell.api.operations.history import answered_event
from stepwell.api.service_model import SHAPES, member_shape
from stepwell.machine.history import Event


@pytest.mark.parametrize("event_type", SHAPES["HistoryEventType"]["enum"])
def test_every_type_of_event_puts_its_details_where_the_model_has_them(event_type: str) -> None:
    answer = answered_event(Event(3, 2, event_type, 1_700_000_000_123, {"name": "A"}))
    assert answer["timestamp"] == 1_700_000_000.123
    assert (answer["id"], answer["previousEventId"], answer["type"]) == (3, 2, event_type)
    for member in set(answer) - {"timestamp", "id", "previousEventId", "type"}:
        assert member_shape("HistoryEvent", member).endswith("EventDetails")


@pytest.mark.parametrize(
    ("event_type", "member"),
    [
        ("TaskStateEntered", "stateEnteredEventDetails"),
        ("MapStateExited", "stateExitedEventDetails"),
        ("LambdaFunctionScheduled", "lambdaFunctionScheduledEventDetails"),
        ("MapIterationStarted", "mapIterationStartedEventDetails"),
        ("ActivityStarted", "activityStartedEventDetails"),
        ("ExecutionAborted", "executionAbortedEventDetails"),
    ],
)
def test_details_stand_there_even_when_empty(event_type: str, member: str) -> None:
    assert answered_event(Event(1, 0, event_type, 0, {}))[member] == {}


@pytest.mark.parametrize(
    "event_type", ["LambdaFunctionStarted", "MapStateFailed", "ParallelStateStarted", "WaitStateAborted"]
)
def test_types_without_details_show_none(event_type: str) -> None:
    assert set(answered_event(Event(1, 0, event_type, 0, {}))) == {"timestamp", "type", "id", "previousEventId"}


def test_a_payload_is_followed_by_whether_it_was_cut() -> None:
    event = Event(1, 0, "TaskSucceeded", 0, {"resourceType": "lambda", "resource": "invoke", "output": "{}"})
    assert answered_event(event)["taskSucceededEventDetails"] == {
        "resourceType": "lambda",
        "resource": "invoke",
        "output": "{}",
        "outputDetails": {"truncated": False},
    }


def test_payloads_can_be_left_out() -> None:
    event = Event(1, 0, "TaskScheduled", 0, {"resource": "invoke", "parameters": "{}", "region": "us-east-1"})
    assert answered_event(event, included=False)["taskScheduledEventDetails"] == {
        "resource": "invoke",
        "region": "us-east-1",
    }


async def test_a_history_is_read_forwards_and_backwards_page_by_page(aws) -> None:
    execution = await aws.start(await aws.create())
    await aws.ended(execution)

    async def read(**arguments: object) -> list[int]:
        ids, token = [], None
        while True:
            page = await aws("GetExecutionHistory", executionArn=execution, nextToken=token, **arguments)
            ids += [event["id"] for event in page["events"]]
            token = page.get("nextToken")
            if token is None:
                return ids

    assert await read() == [1, 2, 3, 4]
    assert await read(maxResults=3) == [1, 2, 3, 4]
    assert await read(maxResults=1, reverseOrder=True) == [4, 3, 2, 1]


async def test_a_history_tells_what_happened(aws) -> None:
    execution = await aws.start(await aws.create(), input='{"b": 2}')
    await aws.ended(execution)
    events = (await aws("GetExecutionHistory", executionArn=execution))["events"]
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    assert events[1]["stateEnteredEventDetails"] == {
        "name": "A",
        "input": '{"b": 2}',
        "inputDetails": {"truncated": False},
    }
    hidden = (await aws("GetExecutionHistory", executionArn=execution, includeExecutionData=False))["events"]
    assert "input" not in hidden[1]["stateEnteredEventDetails"]


async def test_a_token_keeps_its_direction(aws) -> None:
    execution = await aws.start(await aws.create())
    await aws.ended(execution)
    token = (await aws("GetExecutionHistory", executionArn=execution, maxResults=1))["nextToken"]
    shape, _ = await aws.fault("GetExecutionHistory", executionArn=execution, reverseOrder=True, nextToken=token)
    assert shape == "InvalidToken"
