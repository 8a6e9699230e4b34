"""Tasks: tokens, time-outs, heartbeats, activities and callbacks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepwell.machine import stimulus as stimuli
from tests.machine.journey import ACTIVITY, CALLBACK, FUNCTION, INVOKE, Broken, Done, Journey, lines, machine


def task(resource: str = FUNCTION, **fields: Any) -> Journey:
    return Journey(machine({"Work": {"Type": "Task", "Resource": resource, **fields}}))


def test_a_token_counts_once() -> None:
    journey = Journey(machine({"Work": {"Type": "Task", "Resource": FUNCTION}, "Rest": {"Type": "Wait", "Seconds": 9}}))
    work = journey.task()
    assert journey.answer(work, Done(1)) is not None
    assert journey.answer(work, Done(2)) is None
    assert journey.answer(work, Broken()) is None
    assert journey.tell(stimuli.Heartbeat(work.path, work.token)) is None


def test_a_token_of_an_earlier_attempt_is_stale() -> None:
    journey = task(Retry=[{"ErrorEquals": ["States.ALL"]}])
    first = journey.task()
    journey.answer(first, Broken())
    assert journey.answer(first, Done()) is None
    journey.fire()
    assert journey.task().token != first.token
    assert journey.answer(first, Done()) is None


def test_an_execution_that_has_ended_takes_nothing() -> None:
    journey = task(TimeoutSeconds=5)
    work = journey.task()
    journey.tell(stimuli.Stop("E", "C"))
    assert journey.answer(work, Done()) is None
    assert journey.tell(stimuli.TimerFired("|timeout")) is None
    assert journey.tell(stimuli.Stop(None, None)) is None
    assert journey.tell(stimuli.Continue()) is None


def test_a_timer_of_a_state_that_was_left_is_stale() -> None:
    journey = task(TimeoutSeconds=5, Retry=[{"ErrorEquals": ["States.ALL"]}])
    journey.answer(journey.task(), Broken())
    assert journey.tell(stimuli.TimerFired("|timeout")) is None
    assert journey.tell(stimuli.TimerFired("|wait")) is None
    assert journey.tell(stimuli.TimerFired("9.0/|retry")) is None


def test_stop_hangs_from_nothing_and_leaves_no_timer_and_no_task() -> None:
    journey = task(TimeoutSeconds=5)
    journey.tell(stimuli.Stop("E", "C"))
    assert journey.outline(after=4) == "5 0 ExecutionAborted"
    assert journey.events[-1].details == {"error": "E", "cause": "C"}
    assert (journey.status, journey.timers, journey.tasks) == ("ABORTED", {}, {})


def test_timeout_seconds_limits_each_attempt() -> None:
    journey = task(TimeoutSeconds=5, Retry=[{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1}])
    assert journey.task().deadline == journey.now + 5_000
    assert journey.of("Scheduled")[0].details["timeoutInSeconds"] == 5
    journey.fire()
    journey.fire()
    assert journey.timers == {"|timeout": 5}
    journey.fire()
    assert (journey.status, journey.error, journey.elapsed) == ("FAILED", "States.Timeout", 11)
    assert journey.outline(after=7) == lines("""
        8 7 LambdaFunctionTimedOut
        9 8 ExecutionFailed
    """)


def test_time_out_and_heartbeat_may_come_from_the_input() -> None:
    work = {"TimeoutSecondsPath": "$.t", "HeartbeatSecondsPath": "$.h"}
    given = {"FunctionName": "f", "t": 9, "h": 3}
    journey = Journey(machine({"Work": {"Type": "Task", "Resource": INVOKE, **work}}), given)
    assert journey.timers == {"|timeout": 9, "|heartbeat": 3}
    details = journey.of("TaskScheduled")[0].details
    assert (details["timeoutInSeconds"], details["heartbeatInSeconds"]) == (9, 3)


def test_a_heartbeat_starts_the_interval_anew_but_never_the_time_out() -> None:
    journey = task(CALLBACK, TimeoutSeconds=60, HeartbeatSeconds=10)
    work = journey.task()
    journey.now += 9_000
    assert journey.tell(stimuli.Heartbeat(work.path, work.token)) is not None
    assert journey.timers == {"|heartbeat": 10, "|timeout": 51}
    assert len(journey.events) == 4


def test_an_outcome_takes_the_timers_along() -> None:
    journey = task(TimeoutSeconds=60, HeartbeatSeconds=10, Retry=[{"ErrorEquals": ["States.ALL"]}])
    journey.answer(journey.task(), Broken())
    assert journey.timers == {"|retry": 1}


def test_an_unclaimed_activity_has_a_time_out_but_no_heartbeat() -> None:
    journey = task(ACTIVITY, TimeoutSeconds=60, HeartbeatSeconds=10)
    assert journey.timers == {"|timeout": 60}
    work = journey.task()
    journey.now += 50_000
    assert journey.tell(stimuli.ActivityClaimed(work.path, work.token, "me")) is not None
    assert journey.timers == {"|timeout": 10, "|heartbeat": 10}
    assert journey.tasks == {}
    assert journey.of("ActivityStarted")[0].details == {"workerName": "me"}


def test_an_activity_is_claimed_once() -> None:
    journey = task(ACTIVITY)
    work = journey.task()
    assert journey.tell(stimuli.ActivityClaimed(work.path, work.token, None)) is not None
    assert journey.tell(stimuli.ActivityClaimed(work.path, work.token, None)) is None


def test_a_mocked_activity_that_nobody_claimed_starts_when_it_is_answered() -> None:
    journey = task(ACTIVITY, HeartbeatSeconds=10, Retry=[{"ErrorEquals": ["States.ALL"]}])
    journey.answer(journey.task(), Broken("E"))
    assert journey.outline(after=3) == lines("""
        4 3 ActivityStarted
        5 4 ActivityFailed
    """)
    assert journey.timers == {"|retry": 1}


def test_an_activity_that_does_not_exist_ends_the_execution() -> None:
    journey = Journey(machine({"Dig": {"Type": "Task", "Resource": ACTIVITY}}), absent=["Dig"])
    assert (journey.error, journey.cause) == (
        "States.Runtime",
        "An error occurred while executing the state 'Dig' (entered at the event id #2). "
        f"The activity {ACTIVITY} does not exist.",
    )


def test_the_token_in_the_parameters_is_the_one_that_ends_the_task() -> None:
    journey = task(CALLBACK, Parameters={"t.$": "$$.Task.Token"})
    work = journey.task()
    assert json.loads(work.input) == {"t": work.token}
    assert journey.tell(stimuli.TaskSubmitted(work.path, work.token, '{"sent":true}')) is not None
    assert journey.tasks == {}
    journey.answer(work, Done(1))
    assert journey.outline(after=4) == lines("""
        5 4 TaskSubmitted
        6 5 TaskSucceeded
        7 6 TaskStateExited Work
        8 7 ExecutionSucceeded
    """)


def test_a_token_may_be_answered_before_the_call_itself() -> None:
    journey = task(CALLBACK)
    work = journey.task()
    journey.answer(work, Done(1))
    assert journey.tell(stimuli.TaskSubmitted(work.path, work.token, "{}")) is None
    assert journey.status == "SUCCEEDED"


def test_a_call_that_is_refused_fails_the_task() -> None:
    journey = task(CALLBACK)
    work = journey.task()
    journey.tell(stimuli.TaskSubmitFailed(work.path, work.token, "Sqs.Bad", "why"))
    assert journey.outline(after=4) == lines("""
        5 4 TaskSubmitFailed
        6 5 ExecutionFailed
    """)


def test_a_task_that_kept_its_own_limit_times_out() -> None:
    journey = task()
    work = journey.task()
    journey.tell(stimuli.TaskTimedOut(work.path, work.token, "States.Timeout", "slow"))
    assert journey.of("TimedOut")[0].details == {"error": "States.Timeout", "cause": "slow"}


@pytest.mark.parametrize(("test_case", "calls"), [("Bad", [0, 1, 2]), (None, [0, 0, 0])])
def test_the_calls_of_a_state_are_counted_where_a_test_case_is_on(test_case: str | None, calls: list[int]) -> None:
    retry = [{"ErrorEquals": ["States.ALL"]}]
    each = {"Type": "Map", "ItemProcessor": machine({"Work": {"Type": "Task", "Resource": FUNCTION, "Retry": retry}})}
    journey = Journey(machine({"Each": each}), [1, 2], test_case=test_case)
    found = [work.call for work in journey.tasks.values()]
    journey.answer(journey.task(), Broken())
    journey.fire()
    assert [*found, list(journey.tasks.values())[-1].call] == calls


def test_the_execution_times_out_as_a_whole() -> None:
    journey = Journey(machine({"Rest": {"Type": "Wait", "Seconds": 60}}, TimeoutSeconds=10))
    assert journey.fire() == "|execution"
    assert journey.outline(after=2) == "3 0 ExecutionTimedOut"
    assert (journey.status, journey.elapsed, journey.timers) == ("TIMED_OUT", 10, {})
    assert journey.stop_date == journey.now


def test_arguments_that_cannot_be_used_fail_the_state_before_anything_is_scheduled() -> None:
    journey = task(INVOKE, Parameters={"Payload": 1}, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Work"}])
    assert journey.outline(after=2) == lines("3 2 ExecutionFailed")
    assert journey.error == "States.Runtime"
    assert journey.cause is not None
    assert journey.cause.endswith(
        """The Parameters '{"Payload":1}' could not be used to start the Task: """
        "[The field 'FunctionName' is required but was missing]"
    )


@pytest.mark.parametrize("credentials", [{"RoleArn": "arn:aws:iam::1:role/r"}, {"RoleArn.$": "$.role"}])
def test_the_role_of_the_credentials_goes_with_the_task(credentials: dict[str, str]) -> None:
    work = {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "f"}, "Credentials": credentials}
    journey = Journey(machine({"Work": work}), {"role": "arn:aws:iam::1:role/r"})
    assert journey.task().role == "arn:aws:iam::1:role/r"
    assert task(INVOKE, Parameters={"FunctionName": "f"}).task().role is None
