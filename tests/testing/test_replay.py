"""Replays: the history of a real execution becomes a test of a definition that has changed since."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stepwell.testing import Result, TestFault, Throw, replay, run
from tests.testing.test_run import FUNCTION, POLL

MAP: dict[str, Any] = {
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {
                "StartAt": "Both",
                "States": {
                    "Both": {
                        "Type": "Parallel",
                        "Branches": [
                            {
                                "StartAt": "Left",
                                "States": {"Left": {"Type": "Task", "Resource": f"{FUNCTION}left", "End": True}},
                            },
                            {
                                "StartAt": "Right",
                                "States": {"Right": {"Type": "Pass", "Next": "Last"}, "Last": {"Type": "Succeed"}},
                            },
                        ],
                        "End": True,
                    }
                },
            },
            "End": True,
        }
    },
}


def history(result: Result) -> dict[str, Any]:
    """As `aws stepfunctions get-execution-history` writes it: times are texts."""
    events = [dict(event) for event in copy.deepcopy(list(result.events))]
    for event in events:
        event["timestamp"] = datetime.fromtimestamp(event["timestamp"], UTC).isoformat()
    return {"events": events}


@pytest.fixture
def polled() -> dict[str, Any]:
    result = run(POLL, {"id": 7}, mocks={"Check": ["PENDING", Throw("Busy"), "READY"]})
    return history(result)


def changed(**states: Any) -> dict[str, Any]:
    return {**POLL, "States": {**POLL["States"], **states}}


def test_the_same_definition_takes_the_same_path(polled: dict[str, Any]) -> None:
    found = replay(polled, POLL)
    assert found.same
    assert found.result.output == {"id": 7, "status": "READY"}
    assert found.result.duration == 3610
    assert str(found) == "The path is the same: Check → Ready? → Wait → Check → Ready? → Done"


def test_time_begins_when_it_began_then(polled: dict[str, Any]) -> None:
    events = replay(polled, POLL).result.events
    assert events[0]["timestamp"] == datetime.fromisoformat(polled["events"][0]["timestamp"]).timestamp()


def test_it_is_told_where_the_path_of_a_changed_definition_parts(polled: dict[str, Any]) -> None:
    rule = {"Variable": "$.status", "StringEquals": "PENDING", "Next": "Done"}
    found = replay(polled, changed(**{"Ready?": {"Type": "Choice", "Choices": [rule], "Default": "Wait"}}))
    assert found.differences == ("after Ready? (state 2 of the path): it went to Wait then, and goes to Done now",)
    with pytest.raises(AssertionError, match=r"recorded  SUCCEEDED: Check → Ready\? → Wait"):
        found.assert_same()


def test_a_state_that_the_record_does_not_know_is_where_it_parts(polled: dict[str, Any]) -> None:
    audit = {"Type": "Task", "Resource": f"{FUNCTION}audit", "Next": "Done"}
    rule = {"Variable": "$.status", "StringEquals": "READY", "Next": "Audit"}
    choice = {"Type": "Choice", "Choices": [rule], "Default": "Wait"}
    found = replay(polled, changed(**{"Ready?": choice, "Audit": audit}))
    assert found.differences == ("after Ready? (state 5 of the path): it went to Done then, and goes to Audit now",)


def test_a_retry_that_the_record_does_not_have_is_told(polled: dict[str, Any]) -> None:
    result = run(POLL, mocks={"Check": Throw("Down")})
    retry = [{"ErrorEquals": ["Down"], "MaxAttempts": 1}]
    found = replay(history(result), changed(Check={**POLL["States"]["Check"], "Retry": retry}))
    assert found.differences == ("Check is called, and the record has no further call of it. It was given: {}",)


def test_another_end_of_the_same_path_is_told(polled: dict[str, Any]) -> None:
    found = replay(polled, changed(Done={"Type": "Succeed", "OutputPath": "$.nowhere"}))
    assert len(found.differences) == 1
    assert found.differences[0].startswith("The execution ended SUCCEEDED then, and ends FAILED with States.Runtime")


def test_branches_and_iterations_are_compared_each_for_itself() -> None:
    recorded = history(run(MAP, {"items": [1, 2, 3]}, mocks={"Left": lambda item: item * 10}))
    found = replay(recorded, MAP)
    assert found.same, str(found)
    assert found.result.output == [[10, 1], [20, 2], [30, 3]]
    other = json.loads(
        json.dumps(MAP).replace('"Next": "Last"', '"End": true').replace(', "Last": {"Type": "Succeed"}', "")
    )
    assert replay(recorded, other).differences[0] == (
        "in Each[0] / Both:Right, after Right (state 1 of the path): it went to Last then, and ends now"
    )


def test_a_call_that_was_open_when_the_execution_was_stopped_is_no_difference(polled: dict[str, Any]) -> None:
    polled["events"] = polled["events"][:3]  # the first call is scheduled
    assert replay(polled, POLL).same


def test_a_history_is_taken_in_every_form(polled: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "history.json"
    file.write_text(json.dumps(polled))
    newest_first = list(reversed(polled["events"]))
    for form in (polled, newest_first, json.dumps(polled), file, str(file)):
        assert replay(form, POLL).same


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda found: found.update(nextToken="more"), "goes on behind a nextToken"),
        (lambda found: found["events"].pop(0), "begins with the event 2"),
        (lambda found: found.update(events=[]), "There are no events"),
        (lambda found: found["events"][0].pop("executionStartedEventDetails"), "--include-execution-data"),
    ],
)
def test_what_cannot_be_replayed_is_refused(polled: dict[str, Any], spoil: Any, reason: str) -> None:
    spoil(polled)
    with pytest.raises(TestFault, match=reason):
        replay(polled, POLL)
