"""How an execution is shown as it goes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from stepwell.commands.progress import Progress, Step
from stepwell.commands.screen import Words, span
from stepwell.commands.timing import Timing, execution_context

START = 1_700_000_000_000  # milliseconds since 1970


class Paper:
    """A screen that keeps what was written, without the clock."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.below: list[str] = []

    def line(self, words: Words) -> None:
        self.lines.append(" ".join("".join(text for text, _ in words[1:]).split()))

    def live(self, lines: Sequence[Words]) -> None:
        self.below = [" ".join("".join(text for text, _ in words).split()) for words in lines]

    def close(self) -> None:
        self.below = []


def history(*events: tuple[int, str, float, dict[str, Any]]) -> list[Step]:
    """Events as (previous id, type, seconds after the start, details)."""
    return [
        Step(number, previous, kind, START + round(seconds * 1000), details)
        for number, (previous, kind, seconds, details) in enumerate(events, 1)
    ]


def shown(states: dict[str, Any], steps: list[Step], tick: float | None = None) -> tuple[list[str], list[str]]:
    """The lines that events are shown by, and the live part at a time (in seconds after the start)."""
    paper = Paper()
    definition = json.dumps({"StartAt": next(iter(states)), "States": states})
    progress = Progress(paper, Timing(definition, execution_context("arn", "name", '{"nap": 30}')))
    progress.show(steps)
    if tick is not None:
        progress.tick(START + round(tick * 1000))
    return paper.lines, paper.below


WAIT = {"Wait": {"Type": "Wait", "Seconds": 20, "End": True}}
TASK = {
    "Call": {
        "Type": "Task",
        "Resource": "arn:aws:lambda:us-east-1:123456789012:function:F",
        "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 4, "MaxAttempts": 2}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done"}],
        "Next": "Done",
    },
    "Done": {"Type": "Pass", "End": True},
}


def test_a_wait_is_shown_with_its_end_and_then_with_what_is_left() -> None:
    steps = history((0, "ExecutionStarted", 0, {}), (0, "WaitStateEntered", 0, {"name": "Wait", "input": "{}"}))
    lines, below = shown(WAIT, steps, tick=3)
    assert lines[0].startswith("entered Wait waits 20 s, until ")
    assert below == ["waiting Wait 17 s left"]


@pytest.mark.parametrize(
    ("fields", "until"),
    [
        ({"SecondsPath": "$.seconds"}, "waits 7 s"),
        ({"SecondsPath": "$$.Execution.Input.nap"}, "waits 30 s"),
        ({"Timestamp": "2023-11-14T22:14:20Z"}, "waits 1 min 00 s"),
        ({"InputPath": "$.inner", "SecondsPath": "$.seconds"}, "waits 9 s"),
        ({"SecondsPath": "$.nowhere"}, ""),
    ],
)
def test_the_end_of_a_wait_is_told_from_the_definition(fields: dict[str, Any], until: str) -> None:
    entered = {"name": "Wait", "input": '{"seconds": 7, "inner": {"seconds": 9}}'}
    steps = history((0, "ExecutionStarted", 0, {}), (0, "WaitStateEntered", 0, entered))
    lines, _ = shown({"Wait": {"Type": "Wait", **fields, "End": True}}, steps)
    assert lines[0].partition(",")[0] == f"entered Wait {until}".strip()


def test_attempts_are_counted_and_the_next_one_is_forecast() -> None:
    steps = history(
        (0, "ExecutionStarted", 0, {}),
        (0, "TaskStateEntered", 0, {"name": "Call", "input": "{}"}),
        (2, "LambdaFunctionScheduled", 0, {}),
        (3, "LambdaFunctionStarted", 0, {}),
        (4, "LambdaFunctionFailed", 1, {"error": "Busy", "cause": "later"}),
        (5, "LambdaFunctionScheduled", 5, {}),
        (6, "LambdaFunctionFailed", 6, {"error": "Busy"}),
    )
    lines, below = shown(TASK, steps, tick=8)
    assert lines == [
        "entered Call",
        "failed Call Busy: later (again in 4 s)",
        "retried Call attempt 2",
        "failed Call attempt 2: Busy (again in 8 s)",
    ]
    assert below == ["waiting Call 6 s left until attempt 3"]


def test_a_task_that_runs_is_shown_with_how_long_it_has_run() -> None:
    steps = history(
        (0, "ExecutionStarted", 0, {}),
        (0, "TaskStateEntered", 1, {"name": "Call", "input": "{}"}),
        (2, "LambdaFunctionScheduled", 1, {}),
    )
    assert shown(TASK, steps, tick=6)[1] == ["running Call for 5 s"]


def test_an_error_that_is_caught_and_one_that_is_not_look_different() -> None:
    caught = history(
        (0, "ExecutionStarted", 0, {}),
        (0, "TaskStateEntered", 0, {"name": "Call", "input": "{}"}),
        (2, "LambdaFunctionScheduled", 0, {}),
        (3, "LambdaFunctionTimedOut", 1, {}),
        (4, "TaskStateExited", 1, {"name": "Call"}),
    )
    assert shown(TASK, caught)[0] == ["entered Call", "failed Call States.Timeout", "caught Call"]


def test_the_end_is_shown_with_status_duration_and_reason() -> None:
    steps = history(
        (0, "ExecutionStarted", 0, {}),
        (0, "WaitStateEntered", 0, {"name": "Wait", "input": "{}"}),
        (2, "ExecutionAborted", 5, {"error": "Cancelled", "cause": "by  hand"}),
    )
    lines, below = shown(WAIT, steps, tick=6)
    assert lines[-1] == "ended ABORTED after 5 s Cancelled: by hand"
    assert below == []


def test_states_inside_branches_and_iterations_are_shown_with_where_they_are() -> None:
    inner = {"StartAt": "One", "States": {"One": {"Type": "Wait", "Seconds": 60, "End": True}}}
    states = {
        "Each": {"Type": "Map", "ItemProcessor": inner, "Next": "Both"},
        "Both": {"Type": "Parallel", "Branches": [{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}], "End": True},
    }
    one = {"name": "One", "input": "{}"}
    steps = history(
        (0, "ExecutionStarted", 0, {}),
        (0, "MapStateEntered", 0, {"name": "Each", "input": "[]"}),
        (2, "MapStateStarted", 0, {"length": 2}),
        (3, "MapIterationStarted", 0, {"name": "Each", "index": 0}),
        (4, "WaitStateEntered", 0, one),
        (3, "MapIterationStarted", 0, {"name": "Each", "index": 1}),
        (6, "WaitStateEntered", 0, one),
        (5, "WaitStateExited", 60, {"name": "One"}),
        (8, "MapIterationSucceeded", 60, {"name": "Each", "index": 0}),
        (7, "WaitStateExited", 60, {"name": "One"}),
        (10, "MapIterationSucceeded", 60, {"name": "Each", "index": 1}),
        (11, "MapStateSucceeded", 60, {}),
        (12, "MapStateExited", 60, {"name": "Each"}),
        (13, "ParallelStateEntered", 60, {"name": "Both", "input": "[]"}),
        (14, "ParallelStateStarted", 60, {}),
        (15, "SucceedStateEntered", 60, {"name": "A", "input": "[]"}),
        (16, "SucceedStateExited", 60, {"name": "A"}),
        (17, "ParallelStateSucceeded", 60, {}),
        (18, "ParallelStateExited", 60, {"name": "Both"}),
        (19, "ExecutionSucceeded", 60, {}),
    )
    labels = [line.split(" waits")[0].split(" after")[0] for line in shown(states, steps)[0]]
    assert labels == [
        "entered Each",
        "entered Each[0] / One",
        "entered Each[1] / One",
        "left Each[0] / One",
        "left Each[1] / One",
        "left Each",
        "entered Both",
        "entered Both / A",
        "left Both",
        "ended SUCCEEDED",
    ]


def test_what_ends_with_its_map_is_no_longer_shown_as_open() -> None:
    inner = {"StartAt": "One", "States": {"One": {"Type": "Wait", "Seconds": 60, "End": True}}}
    states = {"Each": {"Type": "Map", "ItemProcessor": inner, "End": True}}
    steps = history(
        (0, "ExecutionStarted", 0, {}),
        (0, "MapStateEntered", 0, {"name": "Each", "input": "[]"}),
        (2, "MapStateStarted", 0, {"length": 1}),
        (3, "MapIterationStarted", 0, {"name": "Each", "index": 0}),
        (4, "WaitStateEntered", 0, {"name": "One", "input": "{}"}),
        (3, "MapStateFailed", 1, {"error": "Oops"}),
    )
    assert shown(states, steps[:5], tick=1)[1] == ["waiting Each[0] / One 59 s left"]
    assert shown(states, steps, tick=1)[1] == []


def test_many_open_states_are_summed_up() -> None:
    entered = [(0, "WaitStateEntered", 0.0, {"name": "Wait", "input": "{}"}) for _ in range(11)]
    _, below = shown(WAIT, history((0, "ExecutionStarted", 0, {}), *entered), tick=0)
    assert len(below) == 9
    assert below[-1] == "and 3 more"


def test_a_definition_that_cannot_be_read_forecasts_nothing() -> None:
    paper = Paper()
    progress = Progress(paper, Timing("{", {}))
    progress.show(history((0, "ExecutionStarted", 0, {}), (0, "WaitStateEntered", 0, {"name": "Wait", "input": "{}"})))
    assert paper.lines == ["entered Wait"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.124, "0.12 s"), (8.46, "8.4 s"), (20, "20 s"), (125, "2 min 05 s"), (3780, "1 h 03 min"), (187200, "2 d 04 h")],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert span(seconds) == text
