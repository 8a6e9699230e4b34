"""Catch: which failures a catcher sees, and what it hands on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machine.journey import FUNCTION, Answer, Broken, Done, Journey, Silent, machine


def caught(names: list[str], answer: Answer, input: Any = None, **fields: Any) -> Journey:
    work = {
        "Type": "Task",
        "Resource": FUNCTION,
        "TimeoutSeconds": 100,
        "HeartbeatSeconds": 20,
        "Catch": [{"ErrorEquals": names, "Next": "Caught", **fields}],
        "Next": "Caught",
    }
    return Journey(machine({"Work": work, "Caught": {"Type": "Succeed"}}), input).run(Work=[answer])


@pytest.mark.parametrize(
    ("names", "answer", "seen"),
    [
        (["E"], Broken("E"), True),
        (["Other", "E"], Broken("E"), True),
        (["Other"], Broken("E"), False),
        (["States.ALL"], Broken("E"), True),
        (["States.ALL"], Broken(None), True),
        (["States.ALL"], Silent(), True),
        (["States.TaskFailed"], Broken("E"), True),
        (["States.TaskFailed"], Silent(), False),
        (["States.Timeout"], Silent(), True),
        (["States.HeartbeatTimeout"], Silent(), True),
        (["States.Timeout"], Broken("States.HeartbeatTimeout"), True),
        (["States.ALL"], Broken("States.Runtime"), False),
        (["States.Runtime"], Broken("States.Runtime"), False),
        (["States.ALL"], Done("x" * 262_145), True),
        (["States.DataLimitExceeded"], Done("x" * 262_145), True),
    ],
)
def test_a_catcher_sees_the_errors_that_it_names(names: list[str], answer: Answer, seen: bool) -> None:
    assert (caught(names, answer).status == "SUCCEEDED") is seen


def test_a_missed_heartbeat_is_told_as_a_time_out() -> None:
    journey = caught(["States.HeartbeatTimeout"], Silent())
    assert journey.output == {"Error": "States.Timeout", "Cause": None}
    assert journey.elapsed == 20


def test_the_result_path_puts_the_error_into_the_input() -> None:
    journey = caught(["E"], Broken("E", "why"), {"kept": 1}, ResultPath="$.error")
    assert journey.output == {"kept": 1, "error": {"Error": "E", "Cause": "why"}}


def test_a_result_path_of_null_hands_the_input_on() -> None:
    assert caught(["E"], Broken("E"), {"kept": 1}, ResultPath=None).output == {"kept": 1}


def test_the_first_catcher_that_matches_takes_over() -> None:
    work = {
        "Type": "Task",
        "Resource": FUNCTION,
        "Catch": [
            {"ErrorEquals": ["A"], "Next": "ForA"},
            {"ErrorEquals": ["E"], "Next": "ForE"},
            {"ErrorEquals": ["States.ALL"], "Next": "ForAll"},
        ],
    }
    states = {"Work": work, "ForA": {"Type": "Succeed"}, "ForE": {"Type": "Succeed"}, "ForAll": {"Type": "Succeed"}}
    journey = Journey(machine(states)).run(Work=[Broken("E")])
    assert [event.details["name"] for event in journey.of("SucceedStateEntered")] == ["ForE"]


def test_a_caught_state_exits_with_what_the_next_one_gets() -> None:
    journey = caught(["E"], Broken("E"))
    exited = journey.of("TaskStateExited")[0]
    assert exited.previous_id == journey.of("FunctionFailed")[0].id
    assert exited.details["output"] == '{"Error":"E","Cause":null}'


def test_a_failing_branch_is_caught_after_parallel_state_failed() -> None:
    both = {
        "Type": "Parallel",
        "Branches": [machine({"Bad": {"Type": "Fail", "Error": "E"}})],
        "Catch": [{"ErrorEquals": ["E"], "Next": "Caught"}],
    }
    journey = Journey(machine({"Both": both, "Caught": {"Type": "Succeed"}}))
    assert journey.status == "SUCCEEDED"
    assert journey.of("ParallelStateExited")[0].previous_id == journey.of("ParallelStateFailed")[0].id


def test_an_error_in_the_fields_of_a_state_ends_the_execution_whatever_catches() -> None:
    work = {
        "Type": "Task",
        "Resource": FUNCTION,
        "ResultSelector": {"a.$": "$.missing"},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
    }
    journey = Journey(machine({"Work": work, "Caught": {"Type": "Succeed"}})).run(Work=[Done({})])
    assert (journey.status, journey.error) == ("FAILED", "States.Runtime")
    assert journey.cause.startswith("An error occurred while executing the state 'Work' (entered at the event id #2).")


def test_a_catcher_whose_result_path_cannot_be_written_fails_the_state() -> None:
    journey = caught(["E"], Broken("E"), [1], ResultPath="$.error")
    assert journey.status == "FAILED"
    assert journey.error == "States.ResultPathMatchFailure"
