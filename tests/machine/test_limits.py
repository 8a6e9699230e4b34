"""Limits: the size of payloads, the length of a history, the budget of a turn."""

from __future__ import annotations

import json

import pytest

from stepwell.machine import stimulus as stimuli
from stepwell.machine.advance import break_down
from tests.machine.journey import FUNCTION, Done, Journey, loop, machine

LARGEST = 262_144


def test_a_result_of_256_kib_passes_and_one_byte_more_fails_the_task() -> None:
    definition = machine({"Work": {"Type": "Task", "Resource": FUNCTION}})
    assert Journey(definition).run(Work=[Done("x" * (LARGEST - 2))]).status == "SUCCEEDED"
    journey = Journey(definition).run(Work=[Done("x" * (LARGEST - 1))])
    assert journey.error == "States.DataLimitExceeded"
    assert journey.cause == (
        f"The state/task '{FUNCTION}' returned a result with a size exceeding the maximum number of bytes service "
        "limit."
    )


def test_the_limit_counts_bytes_not_characters() -> None:
    definition = machine({"Work": {"Type": "Task", "Resource": FUNCTION}})
    journey = Journey(definition)
    work = journey.task()
    journey.tell(stimuli.TaskSucceeded(work.path, work.token, json.dumps("é" * (LARGEST // 2), ensure_ascii=False)))
    assert journey.error == "States.DataLimitExceeded"


def test_an_output_that_is_too_large_ends_the_execution_and_nothing_catches_it() -> None:
    double = {"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$"}}
    both = {
        "Type": "Parallel",
        "Branches": [machine({"Double": double})],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
    }
    journey = Journey(machine({"Both": both, "Caught": {"Type": "Succeed"}}), "x" * (LARGEST // 2))
    assert (journey.status, journey.error) == ("FAILED", "States.DataLimitExceeded")
    assert "'Double'" in journey.cause


def test_arguments_that_are_too_large_never_leave_the_house() -> None:
    work = {"Type": "Task", "Resource": FUNCTION, "Parameters": {"a.$": "$", "b.$": "$"}}
    journey = Journey(machine({"Work": work}), "x" * (LARGEST // 2))
    assert journey.error == "States.DataLimitExceeded"
    assert journey.of("Scheduled") == []


def test_a_joined_output_that_is_too_large_aborts_nothing_that_has_ended() -> None:
    each = {"Type": "Map", "ItemProcessor": machine({"Work": {"Type": "Task", "Resource": FUNCTION}})}
    journey = Journey(machine({"Each": each}), [1, 2]).run(Work=[Done("x" * 200_000), Done("x" * 200_000)])
    assert journey.error == "States.DataLimitExceeded"
    assert journey.of("Aborted") == []


def test_a_loop_is_cut_into_turns() -> None:
    journey = Journey(loop())
    assert len(journey.of("StateEntered")) == 1_000
    assert journey.timers == {"|continue": 0}
    journey.fire()
    assert len(journey.of("StateEntered")) == 2_000


def test_large_payloads_spend_the_budget_sooner() -> None:
    journey = Journey(loop(), "x" * 200_000)
    assert len(journey.of("StateEntered")) == 3
    assert journey.timers == {"|continue": 0}


def test_a_loop_can_be_stopped_between_two_turns() -> None:
    journey = Journey(loop())
    journey.tell_stop()
    assert (journey.status, journey.timers) == ("ABORTED", {})
    assert journey.tell(stimuli.Continue()) is None


def test_a_loop_ends_with_the_25000th_event() -> None:
    journey = Journey(loop()).run()
    assert (journey.status, journey.error) == ("FAILED", "States.Runtime")
    assert journey.cause == "The execution reached the maximum number of history events (25000)."
    assert (len(journey.events), journey.events[-1].id) == (25_000, 25_000)
    assert journey.timers == {}


def test_branches_that_the_budget_has_left_go_on_with_the_next_turn() -> None:
    tall = machine({f"S{n}": {"Type": "Pass"} for n in range(30)})
    journey = Journey(machine({"Each": {"Type": "Map", "ItemProcessor": tall}}), list(range(100)))
    turns = 1
    while journey.timers:
        journey.fire()
        turns += 1
    assert turns == 4
    assert journey.output == list(range(100))


def test_nothing_remains_to_be_continued_where_the_branches_have_failed_meanwhile() -> None:
    bad = machine({"Work": {"Type": "Task", "Resource": FUNCTION}})
    both = {"Type": "Parallel", "Branches": [bad, loop()], "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Rest"}]}
    journey = Journey(machine({"Both": both, "Rest": {"Type": "Wait", "Seconds": 60}}))
    work = journey.task()
    journey.tell(stimuli.TaskFailed(work.path, work.token, "E", None))
    assert journey.timers == {"|wait": 60, "|continue": 0}
    events = len(journey.events)
    assert journey.fire() == "|continue"
    assert (len(journey.events), journey.timers) == (events, {"|wait": 60})


@pytest.mark.parametrize("depth", [900])
def test_data_nested_too_deeply_fails_instead_of_breaking(depth: int) -> None:
    text = "[" * depth + "]" * depth
    journey = Journey(machine({"Show": {"Type": "Pass", "Parameters": {"a.$": "$..b"}}}), json.loads(text))
    assert journey.status in ("FAILED", "SUCCEEDED")


def test_a_defect_of_the_interpreter_is_told_as_an_end() -> None:
    journey = Journey(machine({"Rest": {"Type": "Wait", "Seconds": 5}}))
    turn = break_down(journey.program, journey.execution, journey.now)
    assert (turn.status, turn.error) == ("FAILED", "States.Runtime")
    assert turn.timers_removed_below == [""]
