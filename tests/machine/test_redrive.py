"""Redrive: an execution that has ended without success goes on from what had not succeeded."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.machine import stimulus as stimuli
from stepwell.machine.stimulus import Redrive
from tests.machine.journey import CALLBACK, FUNCTION, INVOKE, Broken, Done, Journey, lines, machine

TASK: dict[str, Any] = {"Type": "Task", "Resource": FUNCTION}


def redrive(journey: Journey, token: str | None = None) -> int:
    """Redrive an execution; the id of ExecutionRedriven."""
    assert journey.tell(Redrive(token)) is not None
    return journey.of("ExecutionRedriven")[-1].id


def test_a_failed_task_is_scheduled_again_without_being_entered_again() -> None:
    journey = Journey(machine({"Pick": {"Type": "Pass"}, "Pack": TASK})).run(Pack=[Broken()])
    failed = len(journey.events)
    redrive(journey)
    journey.run()
    assert journey.status == "SUCCEEDED"
    assert journey.outline(failed) == lines(
        """
        9 8 ExecutionRedriven
        10 9 LambdaFunctionScheduled
        11 10 LambdaFunctionStarted
        12 11 LambdaFunctionSucceeded
        13 12 TaskStateExited Pack
        14 13 ExecutionSucceeded
        """
    )
    assert journey.events[8].details == {"redriveCount": 1}


def test_an_execution_can_be_redriven_time_and_again() -> None:
    journey = Journey(machine({"Pack": TASK})).run(Pack=[Broken()])
    for count in (1, 2, 3):
        redrive(journey)
        assert (journey.execution.redrive_count, journey.execution.redrive_date) == (count, journey.now)
        assert (journey.error, journey.stop_date) == (None, None)
        journey.run(Pack=[Broken()])
        assert (journey.status, journey.error) == ("FAILED", "Broken")


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED"])
def test_what_runs_or_has_succeeded_is_not_redriven(status: str) -> None:
    journey = Journey(machine({"Pack": TASK}))
    if status == "SUCCEEDED":
        journey.run()
    assert journey.tell(Redrive()) is None


def test_retries_are_counted_from_none() -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "IntervalSeconds": 1}]
    journey = Journey(machine({"Pack": {**TASK, "Retry": retry}})).run(Pack=[Broken()] * 3)
    redrive(journey)
    journey.run(Pack=[Broken()] * 2)
    assert journey.status == "SUCCEEDED"


def test_the_token_of_an_attempt_before_the_end_is_spent() -> None:
    call = {"Type": "Task", "Resource": CALLBACK, "Parameters": {"MessageBody.$": "$$.Task.Token"}}
    journey = Journey(machine({"Call": call}))
    task = journey.task()
    journey.tell_stop()
    assert journey.status == "ABORTED"
    redrive(journey)
    assert journey.tell(stimuli.TaskSucceeded(task.path, task.token, "1")) is None
    journey.answer(journey.task(), Done(2))
    assert (journey.status, journey.output) == ("SUCCEEDED", 2)


def test_the_machines_timeout_counts_anew() -> None:
    journey = Journey(machine({"Pack": TASK}, TimeoutSeconds=60))
    journey.fire()
    assert journey.status == "TIMED_OUT"
    journey.now += 500_000
    redrive(journey)
    assert journey.timers == {"|execution": 60.0}
    journey.run()
    assert journey.status == "SUCCEEDED"


def test_the_tasks_timeout_counts_anew() -> None:
    journey = Journey(machine({"Pack": {**TASK, "TimeoutSeconds": 10}}))
    journey.fire()
    assert (journey.status, journey.error) == ("FAILED", "States.Timeout")
    redrive(journey)
    assert journey.timers == {"|timeout": 10.0}


@pytest.mark.parametrize("ends", ["stop", "timeout"])
def test_a_wait_waits_again_from_its_beginning(ends: str) -> None:
    journey = Journey(machine({"Rest": {"Type": "Wait", "Seconds": 100}}, TimeoutSeconds=50))
    if ends == "stop":
        journey.tell_stop()
    else:
        journey.fire()
    redrive(journey)
    assert journey.timers["|wait"] == 100.0


def test_a_wait_for_a_time_that_has_passed_is_over() -> None:
    rest = {"Type": "Wait", "TimestampPath": "$.until"}
    journey = Journey(machine({"Rest": rest}), {"until": "2023-11-15T00:00:00Z"})
    journey.tell_stop()
    journey.now += 10 * 86_400_000
    at = redrive(journey)
    assert journey.status == "SUCCEEDED"
    assert journey.outline(at).splitlines()[0] == f"{at + 1} {at} WaitStateExited Rest"


def test_a_fail_state_is_entered_again_and_fails_again() -> None:
    journey = Journey(machine({"Give up": {"Type": "Fail", "Error": "No", "Cause": "Never"}}))
    at = redrive(journey)
    assert (journey.status, journey.error) == ("FAILED", "No")
    assert journey.outline(at) == lines(
        f"""
        {at + 1} {at} FailStateEntered Give up
        {at + 2} {at + 1} ExecutionFailed
        """
    )


def test_a_choice_is_made_again() -> None:
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": 1, "Next": "End"}]}
    journey = Journey(machine({"Choose": choice, "End": {"Type": "Succeed"}}), {"a": 2})
    assert journey.error == "States.NoChoiceMatched"
    at = redrive(journey)
    assert journey.outline(at) == f"{at + 1} {at} ExecutionFailed"


def test_a_state_that_was_not_entered_is_entered() -> None:
    states = {f"S{number}": {"Type": "Pass"} for number in range(1_100)}  # more than a turn's budget
    journey = Journey(machine(states))
    journey.tell_stop()
    at = redrive(journey)
    assert journey.outline(at).splitlines()[0] == f"{at + 1} {at} PassStateEntered S1000"
    journey.run()
    assert journey.status == "SUCCEEDED"


def test_the_context_tells_the_redrive() -> None:
    seen = {"Type": "Pass", "Parameters": {"count.$": "$$.Execution.RedriveCount", "of.$": "$$.Execution"}}
    pack = {**TASK, "Parameters": {"count.$": "$$.Execution.RedriveCount", "retries.$": "$$.State.RetryCount"}}
    journey = Journey(machine({"Pack": pack, "See": seen})).run(Pack=[Broken()])
    journey.now += 5_000
    redrive(journey)
    assert journey.task().input == '{"count":1,"retries":0}'
    journey.run()
    assert (journey.output["count"], journey.output["of"]["RedriveTime"]) == (1, "2023-11-14T22:13:25.000Z")


def test_a_distributed_map_takes_up_its_map_run() -> None:
    processor = {**machine({"Work": TASK}), "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    journey = Journey(machine({"Each": {"Type": "Map", "ItemProcessor": processor}}), [1, 2])
    journey.tell_stop()
    at = redrive(journey)
    assert journey.outline(at) == lines(
        f"""
        {at + 1} {at} MapRunRedriven
        """
    )


# -- Parallel and Map


def parallel(*branches: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Parallel", "Branches": list(branches), **fields}


def each(*states: tuple[str, dict[str, Any]], **fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": machine(dict(states)), **fields}


def test_only_branches_that_failed_or_were_aborted_run_again() -> None:
    fork = parallel(machine({"A": TASK}), machine({"B": TASK}), machine({"C": TASK}))
    journey = Journey(machine({"Fork": fork}))
    journey.answer(journey.task("A"), Done("a"))
    journey.answer(journey.task("B"), Broken())
    assert journey.status == "FAILED"
    at = redrive(journey)
    assert [task.state_name for task in journey.tasks.values()] == ["B", "C"]
    assert {event.previous_id for event in journey.of("Scheduled") if event.id > at} == {at}
    journey.run(B=[Done("b")], C=[Done("c")])
    assert (journey.status, journey.output) == ("SUCCEEDED", ["a", "b", "c"])
    assert len(journey.of("ParallelStateStarted")) == len(journey.of("ParallelStateEntered")) == 1


def test_only_iterations_that_failed_were_aborted_or_had_not_begun_run_again() -> None:
    journey = Journey(machine({"Each": each(("Work", TASK), MaxConcurrency=2)}), list(range(5)))
    for answer in (Done("a"), Done("b"), Broken()):
        journey.answer(journey.task(), answer)
    assert journey.status == "FAILED"
    redrive(journey)
    assert [task.input for task in journey.tasks.values()] == ["2", "3"]
    journey.run(Work=[Done("c"), Done("d"), Done("e")])
    assert (journey.status, journey.output) == ("SUCCEEDED", ["a", "b", "c", "d", "e"])
    assert [event.details["index"] for event in journey.of("MapIterationStarted")] == [0, 1, 2, 3, 4]


def test_branches_within_branches_go_on_where_they_were() -> None:
    inner = each(("First", {"Type": "Pass"}), ("Work", TASK))
    fork = parallel(machine({"Inner": inner}), machine({"Rest": {"Type": "Wait", "Seconds": 10}, "Other": TASK}))
    journey = Journey(machine({"Fork": fork, "Last": TASK}), [1, 2])
    journey.answer(journey.task(), Done("one"))
    journey.tell_stop()
    redrive(journey)
    assert [task.input for task in journey.tasks.values()] == ["2"]
    journey.run(Work=[Done("two")], Other=[Done("other")], Last=[Done("last")])
    assert (journey.status, journey.output) == ("SUCCEEDED", "last")
    assert len(journey.of("PassStateEntered")) == 2


def test_what_a_catcher_took_is_not_gone_back_to() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Clean", "ResultPath": None}]
    fork = parallel(machine({"A": TASK}), machine({"B": TASK}), Catch=catch, End=True)
    journey = Journey(machine({"Fork": fork, "Clean": TASK}))
    journey.answer(journey.task("A"), Broken())
    journey.answer(journey.task("Clean"), Broken())
    redrive(journey)
    assert [task.state_name for task in journey.tasks.values()] == ["Clean"]
    assert list(journey.execution.frames) == [""]


def test_a_state_that_waited_for_a_retry_is_performed_at_once() -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1_000}]
    journey = Journey(machine({"Fork": parallel(machine({"A": TASK}), Retry=retry)}))
    journey.answer(journey.task(), Broken())
    assert journey.timers == {"|retry": 1_000.0}
    journey.tell_stop()
    redrive(journey)
    journey.run(A=[Done("a")])
    assert (journey.output, journey.elapsed) == (["a"], 0.0)


def test_a_result_that_is_too_large_runs_all_branches_again() -> None:
    fork = parallel(machine({"A": TASK}), machine({"B": TASK}))
    journey = Journey(machine({"Fork": fork})).run(A=[Done("x" * 200_000)], B=[Done("x" * 200_000)])
    assert (journey.status, journey.error) == ("FAILED", "States.DataLimitExceeded")
    redrive(journey)
    assert sorted(task.state_name for task in journey.tasks.values()) == ["A", "B"]


def test_a_result_that_cannot_be_selected_is_selected_again_from_the_branches_that_are_done() -> None:
    fork = parallel(machine({"A": TASK}), ResultSelector={"a.$": "$[0].missing"})
    journey = Journey(machine({"Fork": fork})).run(A=[Done({})])
    assert (journey.status, journey.error) == ("FAILED", "States.Runtime")
    at = redrive(journey)
    assert (journey.status, journey.tasks) == ("FAILED", {})
    assert journey.of("LambdaFunctionScheduled")[-1].id < at


def test_an_iteration_whose_item_could_not_be_selected_is_begun_again() -> None:
    loop = each(("Work", TASK), ItemSelector={"x.$": "$$.Map.Item.Value.x"}, MaxConcurrency=1)
    journey = Journey(machine({"Each": loop}), [{"x": 1}, {}]).run()
    assert (journey.status, journey.error) == ("FAILED", "States.Runtime")
    redrive(journey)
    assert (journey.status, len(journey.of("LambdaFunctionScheduled"))) == ("FAILED", 1)


def test_variables_and_visited_states_stay_as_they_were() -> None:
    work = {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "work", "Payload.$": "$count"}}
    journey = Journey(machine({"Set": {"Type": "Pass", "Assign": {"count": 7}}, "Work": work})).run(Work=[Broken()])
    redrive(journey)
    assert journey.task().input == '{"FunctionName":"work","Payload":7}'


def test_the_last_ten_client_tokens_are_kept() -> None:
    journey = Journey(machine({"Pack": TASK})).run(Pack=[Broken()])
    for number in range(12):
        redrive(journey, f"token-{number}")
        journey.run(Pack=[Broken()])
    kept = journey.execution.redrive_tokens
    assert [token.text for token in kept] == [f"token-{number}" for number in range(2, 12)]
    assert {token.date for token in kept} == {journey.now}
