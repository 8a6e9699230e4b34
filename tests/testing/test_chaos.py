"""The crash matrix: a machine that bears crashes is told from one that does not."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any

import pytest

from stepwell.testing import Never, Return, TestFault, Throw, chaos
from stepwell.testing.copies import in_a_copy

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"
CALLBACK = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"


def task(name: str, next: str | None = None, **fields: Any) -> dict[str, Any]:
    way = {"End": True} if next is None else {"Next": next}
    return {"Type": "Task", "Resource": FUNCTION + name, **way, **fields}


ORDER = {
    "StartAt": "Pay",
    "States": {
        "Pay": task("Pay", "Wait", Retry=[{"ErrorEquals": ["Busy"], "IntervalSeconds": 90}], ResultPath="$.paid"),
        "Wait": {"Type": "Wait", "Seconds": 86_400, "Next": "Each"},
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {"StartAt": "Ship", "States": {"Ship": task("Ship")}},
            "ResultPath": "$.parcels",
            "End": True,
        },
    },
}


def shipped(input: int) -> dict[str, int]:
    return {"parcel": input}


def test_every_crash_leads_to_the_same_end() -> None:
    found = chaos(ORDER, {"items": [1, 2]}, mocks={"Pay": [Throw("Busy"), Throw("Busy"), "yes"], "Ship": shipped})
    found.assert_same()
    assert found.expected.output == {"items": [1, 2], "paid": "yes", "parcels": [{"parcel": 1}, {"parcel": 2}]}
    assert found.points == found.commits * 2 > 10
    assert {run.point.when for run in found.lived if run.point is not None} == {"before", "after"}


def test_tasks_that_were_carried_out_twice_are_told() -> None:
    found = chaos(ORDER, {"items": [1, 2]}, mocks={"Pay": Return("yes"), "Ship": shipped})
    told = {task.state: task for task in found.repeated}
    assert set(told) == {"Pay", "Ship"}
    assert told["Pay"].most == 2
    assert "Ship  in" in str(found)


def once_only() -> Callable[[Any], str]:
    """A handler that does not bear being called twice."""
    calls = itertools.count()

    def pay(input: Any) -> str:
        if next(calls):
            raise RuntimeError("paid already")
        return "yes"

    return pay


def test_a_handler_that_does_not_bear_it_is_found_out() -> None:
    found = chaos({"StartAt": "Pay", "States": {"Pay": task("Pay")}}, mocks={"Pay": once_only()})
    assert not found.same
    assert {str(run.end.error) for run in found.different} == {"RuntimeError"}
    with pytest.raises(AssertionError, match=r"ANOTHER END +before commit 2"):
        found.assert_same()


def test_what_differs_from_run_to_run_by_itself_is_not_compared() -> None:
    made = {"Type": "Pass", "Parameters": {"id.$": "States.UUID()", "kept": 1}, "End": True}
    found = chaos({"StartAt": "P", "States": {"P": made}})
    assert found.same
    assert "not compared     output/id" in str(found)


def test_time_is_the_same_in_every_run() -> None:
    steps = {
        "W": {"Type": "Wait", "Seconds": 3600, "Next": "P"},
        "P": {"Type": "Pass", "Parameters": {"at.$": "$$.State.EnteredTime"}, "End": True},
    }
    found = chaos({"StartAt": "W", "States": steps})
    assert found.same
    assert found.own_ways == frozenset()


def test_children_and_map_runs_are_carried_through_crashes() -> None:
    child = {"StartAt": "Work", "States": {"Work": task("Work")}}
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Nest",
        "States": {
            "Nest": {
                "Type": "Task",
                "Resource": "arn:aws:states:::states:startExecution.sync:2",
                "Parameters": {
                    "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:Child",
                    "Input.$": "$",
                },
                "OutputPath": "$.Output",
                "End": True,
            }
        },
    }
    each = {"Type": "Map", "ItemProcessor": processor, "End": True}
    parent = {"StartAt": "Each", "States": {"Each": each}}
    found = chaos(parent, [1, 2], mocks={"Work": lambda input: input * 10}, machines={"Child": child}, most=10)
    found.assert_same()
    assert found.expected.output == [10, 20]
    assert len(found.lived) == 10
    assert {task.state for task in found.repeated} <= {"Work"}


def test_a_callback_that_nobody_answers_times_out_in_every_run() -> None:
    waits = {
        "Type": "Task",
        "Resource": CALLBACK,
        "Parameters": {"QueueUrl": "q", "MessageBody": {"token.$": "$$.Task.Token"}},
        "TimeoutSeconds": 600,
        "Catch": [{"ErrorEquals": ["States.Timeout"], "ResultPath": None, "Next": "Late"}],
        "End": True,
    }
    steps = {"Ask": waits, "Late": {"Type": "Pass", "Result": "late", "End": True}}
    found = chaos({"StartAt": "Ask", "States": steps}, mocks={"Ask": Never()})
    found.assert_same()
    assert found.expected.output == "late"


def test_a_task_that_nothing_answers_is_a_fault_of_the_test() -> None:
    with pytest.raises(TestFault, match="nothing answers"):
        chaos(ORDER, {"items": []}, mocks={})


def test_an_assertion_in_a_mock_is_raised() -> None:
    def pay(input: Any) -> None:
        raise AssertionError("not with this input")

    with pytest.raises(AssertionError, match="not with this input"):
        chaos(ORDER, {"items": []}, mocks={"Pay": pay})


async def test_it_runs_inside_of_a_running_loop() -> None:
    assert chaos({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}).same


def test_what_a_copy_changes_is_gone_with_it() -> None:
    changed: list[int] = []
    assert in_a_copy(lambda: changed.append(1) or len(changed)) == 1  # type: ignore[func-returns-value]
    assert changed == []


def test_a_handler_that_ends_its_process_is_told() -> None:
    with pytest.raises(TestFault, match="has ended with 3"):
        chaos(ORDER, {"items": []}, mocks={"Pay": lambda input: os._exit(3)})
