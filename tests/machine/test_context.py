"""The context object, and Wait in all its forms."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machine.journey import CALLBACK, NOON, Journey, machine


def test_the_context_tells_of_execution_machine_and_state() -> None:
    journey = Journey(
        machine({"Rest": {"Type": "Wait", "Seconds": 2}, "Show": {"Type": "Pass", "Parameters": {"c.$": "$$"}}}),
        {"a": 1},
    ).run()
    assert journey.output["c"] == {
        "Execution": {
            "Id": "arn:aws:states:us-east-1:123456789012:execution:Orders:run-1",
            "Input": {"a": 1},
            "StartTime": "2023-11-14T22:13:20.000Z",
            "Name": "run-1",
            "RoleArn": "arn:aws:iam::123456789012:role/Orders",
            "RedriveCount": 0,
        },
        "StateMachine": {"Id": "arn:aws:states:us-east-1:123456789012:stateMachine:Orders", "Name": "Orders"},
        "State": {"Name": "Show", "EnteredTime": "2023-11-14T22:13:22.000Z"},
    }


def test_only_a_callback_has_a_token() -> None:
    journey = Journey(machine({"Call": {"Type": "Task", "Resource": CALLBACK, "Parameters": {"c.$": "$$.Task"}}}))
    assert journey.task().token in journey.task().input


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"Seconds": 7}, 7),
        ({"SecondsPath": "$.s"}, 3),
        ({"Timestamp": "2023-11-14T22:13:30Z"}, 10),
        ({"TimestampPath": "$.t"}, 40),
        ({"Seconds": 0}, 0),
        ({"Timestamp": "2001-01-01T00:00:00Z"}, 0),
    ],
)
def test_a_wait_ends_when_it_says(fields: dict[str, Any], seconds: int) -> None:
    journey = Journey(machine({"Rest": {"Type": "Wait", **fields}}), {"s": 3, "t": "2023-11-14T22:14:00Z"})
    while journey.timers:
        journey.fire()
    assert (journey.status, journey.elapsed) == ("SUCCEEDED", seconds)


def test_every_event_tells_the_time_of_its_turn() -> None:
    journey = Journey(machine({"Rest": {"Type": "Wait", "Seconds": 2}})).run()
    assert [event.timestamp - NOON for event in journey.events] == [0, 0, 2_000, 2_000]


def test_the_text_of_an_input_is_kept_while_nothing_changes_it() -> None:
    journey = Journey(machine({"On": {"Type": "Pass"}, "Rest": {"Type": "Wait", "Seconds": 1}}), {"a": [1.0, 2]})
    assert {event.details.get("input", '{"a": [1.0, 2]}') for event in journey.events} == {'{"a": [1.0, 2]}'}
