"""Map and Parallel: how many children run at once, what they get, and what becomes of them when one fails."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.machine.journey import FUNCTION, Broken, Done, Journey, lines, machine

WORK = machine({"Work": {"Type": "Task", "Resource": FUNCTION}})


def each(processor: dict[str, Any] = WORK, **fields: Any) -> dict[str, Any]:
    return machine({"Each": {"Type": "Map", "ItemProcessor": processor, **fields}})


@pytest.mark.parametrize(("limit", "at_once"), [(None, 40), (0, 40), (1, 1), (3, 3), (100, 40)])
def test_no_more_iterations_run_at_once_than_allowed_and_never_more_than_40(limit: int | None, at_once: int) -> None:
    fields = {} if limit is None else {"MaxConcurrency": limit}
    journey = Journey(each(**fields), list(range(50)))
    assert len(journey.tasks) == at_once
    journey.answer(journey.task(), Done())
    assert len(journey.tasks) == at_once
    assert len(journey.of("IterationStarted")) == at_once + 1


def test_the_limit_may_come_from_the_input() -> None:
    journey = Journey(each(ItemsPath="$.items", MaxConcurrencyPath="$.most"), {"items": [1, 2, 3], "most": 2})
    assert len(journey.tasks) == 2


def test_outputs_stand_in_the_order_of_the_items_whatever_ends_first() -> None:
    journey = Journey(each(), ["a", "b", "c"])
    for work in reversed(list(journey.tasks.values())):
        journey.answer(work, Done(json.loads(work.input) * 2))
    assert journey.output == ["aa", "bb", "cc"]


def test_an_empty_map_succeeds_at_once() -> None:
    journey = Journey(each(), [])
    assert journey.outline(after=3) == lines("""
        4 3 MapStateSucceeded
        5 3 MapStateExited Each
        6 5 ExecutionSucceeded
    """)
    assert journey.output == []


def test_what_is_no_array_cannot_be_iterated() -> None:
    journey = Journey(each(ItemsPath="$.items"), {"items": 1})
    assert (journey.status, journey.error) == ("FAILED", "States.Runtime")
    assert journey.outline(after=2) == "3 2 ExecutionFailed"


def test_the_item_selector_sees_the_item_and_the_input_of_the_map() -> None:
    selector = {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "all.$": "$.all"}
    journey = Journey(each(ItemsPath="$.items", ItemSelector=selector), {"items": ["x", "y"], "all": 9})
    assert [json.loads(work.input) for work in journey.tasks.values()] == [
        {"i": 0, "v": "x", "all": 9},
        {"i": 1, "v": "y", "all": 9},
    ]


def test_states_inside_an_iteration_see_the_item_of_the_innermost_map() -> None:
    show = machine({"Show": {"Type": "Pass", "Parameters": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"}}})
    journey = Journey(machine({"Outer": {"Type": "Map", "ItemProcessor": each(show)}}), [["a"], ["b", "c"]])
    assert journey.output == [[{"i": 0, "v": "a"}], [{"i": 0, "v": "b"}, {"i": 1, "v": "c"}]]


def test_a_branch_inside_an_iteration_still_sees_the_item() -> None:
    show = machine({"Show": {"Type": "Pass", "Parameters": {"v.$": "$$.Map.Item.Value"}}})
    journey = Journey(each(machine({"Both": {"Type": "Parallel", "Branches": [show]}})), ["a"])
    assert journey.output == [[{"v": "a"}]]


def test_results_go_through_result_selector_and_result_path() -> None:
    keep = machine({"Keep": {"Type": "Pass"}})
    fields = {"ItemsPath": "$.items", "ResultSelector": {"first.$": "$[0]"}, "ResultPath": "$.out"}
    assert Journey(each(keep, **fields), {"items": [1, 2]}).output == {"items": [1, 2], "out": {"first": 1}}


def test_a_failing_iteration_takes_tasks_and_timers_of_its_siblings_along() -> None:
    slow = machine({"Work": {"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 50}})
    definition = each(slow, Catch=[{"ErrorEquals": ["E"], "Next": "Rest"}], Next="Rest")
    definition["States"]["Rest"] = {"Type": "Wait", "Seconds": 5, "End": True}
    journey = Journey(definition, [1, 2, 3])
    others = list(journey.tasks.values())[1:]
    journey.answer(journey.task(), Broken("E"))
    assert (journey.tasks, journey.timers) == ({}, {"|wait": 5})
    assert [journey.answer(work, Done()) for work in others] == [None, None]
    assert sorted(journey.execution.frames) == [""]


def test_a_selector_that_fails_for_a_later_item_ends_what_is_running() -> None:
    fields = {"MaxConcurrency": 2, "ItemSelector": {"v.$": "$$.Map.Item.Value.a"}}
    journey = Journey(each(**fields), [{"a": 1}, {"a": 2}, {}])
    journey.answer(journey.task(), Done())
    assert journey.error == "States.Runtime"
    assert [event.type for event in journey.events[-4:]] == [
        "MapIterationSucceeded",
        "MapIterationAborted",
        "TaskStateAborted",
        "ExecutionFailed",
    ]


def test_a_selector_that_fails_before_an_iteration_has_entered_a_state_aborts_no_state() -> None:
    journey = Journey(each(ItemSelector={"v.$": "$$.Map.Item.Value.a"}), [{"a": 1}, {}])
    assert journey.outline(after=3) == lines("""
        4 3 MapIterationStarted Each 0
        5 3 MapIterationAborted Each 0
        6 3 ExecutionFailed
    """)


def test_a_result_that_cannot_be_selected_aborts_nothing_that_has_ended() -> None:
    journey = Journey(each(ResultSelector={"a.$": "$.missing"}), [1, 2]).run()
    assert journey.error == "States.Runtime"
    assert journey.of("Aborted") == []
    both = {
        "Type": "Parallel",
        "Branches": [WORK, machine({"More": {"Type": "Task", "Resource": FUNCTION}})],
        "ResultSelector": {"a.$": "$.missing"},
    }
    journey = Journey(machine({"Both": both})).run()
    assert journey.error == "States.Runtime"
    assert journey.of("Aborted") == []


def test_a_success_leaves_no_frame_behind_and_a_failure_keeps_them() -> None:
    assert Journey(each(), [1, 2]).run().execution.frames == {}
    journey = Journey(each(), [1, 2])
    journey.tell_stop()
    assert len(journey.execution.frames) == 3


def test_every_branch_gets_the_parameters() -> None:
    branches = [machine({"A": {"Type": "Pass"}}), machine({"B": {"Type": "Pass"}})]
    both = {"Type": "Parallel", "Branches": branches, "Parameters": {"a.$": "$.x"}}
    assert Journey(machine({"Both": both}), {"x": 1}).output == [{"a": 1}, {"a": 1}]


def test_a_branch_that_fails_at_once_keeps_later_ones_from_entering() -> None:
    bad, good = machine({"Bad": {"Type": "Fail", "Error": "E"}}), machine({"Good": {"Type": "Pass"}})
    journey = Journey(machine({"Both": {"Type": "Parallel", "Branches": [bad, good]}}))
    assert journey.outline(after=3) == lines("""
        4 3 FailStateEntered Bad
        5 4 ParallelStateFailed
        6 5 ExecutionFailed
    """)
