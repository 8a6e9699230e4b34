"""What Retry and Catch may say, and what they compile to."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.language.definition import compile_definition
from stepwell.language.model import Retrier, Task
from tests.language.machines import TASK, codes, faults, machine, nothing


class TestRetryAndCatch:
    def test_a_retrier_has_the_defaults_of_the_language(self) -> None:
        state = compile_definition(machine({**TASK, "Retry": [{"ErrorEquals": ["E"]}]})).states["S"]
        assert isinstance(state, Task)
        assert state.retry == (Retrier(("E",), 1, 3, 2.0, None, False),)

    def test_a_retrier_says_how_often_and_how_long(self) -> None:
        retrier = {
            "ErrorEquals": ["A", "States.Timeout"],
            "IntervalSeconds": 2,
            "MaxAttempts": 0,
            "BackoffRate": 1,
            "MaxDelaySeconds": 9,
            "JitterStrategy": "FULL",
            "Comment": "c",
        }
        state = compile_definition(machine({**TASK, "Retry": [retrier]})).states["S"]
        assert isinstance(state, Task)
        assert state.retry == (Retrier(("A", "States.Timeout"), 2, 0, 1.0, 9, True),)

    @pytest.mark.parametrize(
        ("fields", "place"),
        [
            ({"ErrorEquals": []}, "/ErrorEquals"),
            ({"ErrorEquals": "E"}, "/ErrorEquals"),
            ({"ErrorEquals": [1]}, "/ErrorEquals[0]"),
            ({"ErrorEquals": ["States.ALL", "E"]}, "/ErrorEquals"),
            ({"IntervalSeconds": 0}, "/IntervalSeconds"),
            ({"IntervalSeconds": 1.5}, "/IntervalSeconds"),
            ({"MaxAttempts": -1}, "/MaxAttempts"),
            ({"MaxAttempts": 100_000_000}, "/MaxAttempts"),
            ({"BackoffRate": 0.9}, "/BackoffRate"),
            ({"BackoffRate": "2"}, "/BackoffRate"),
            ({"MaxDelaySeconds": 31_622_400}, "/MaxDelaySeconds"),
            ({"IntervalSeconds": 5, "MaxDelaySeconds": 5}, "/MaxDelaySeconds"),
            ({"JitterStrategy": "HALF"}, "/JitterStrategy"),
            ({"Next": "S"}, ""),
        ],
    )
    def test_a_wrong_field_of_a_retrier_is_reported_where_it_stands(self, fields: dict[str, Any], place: str) -> None:
        text = machine({**TASK, "Retry": [{"ErrorEquals": ["E"], **fields}]})
        assert codes(text) == [("SCHEMA_VALIDATION_FAILED", f"/States/S/Retry[0]{place}")]

    @pytest.mark.parametrize("field", ["Retry", "Catch"])
    def test_states_all_stands_in_the_last_entry(self, field: str) -> None:
        rest = {"Next": "Done"} if field == "Catch" else {}
        entries = [{"ErrorEquals": ["States.ALL"], **rest}, {"ErrorEquals": ["E"], **rest}]
        assert faults(machine({**TASK, field: entries})) == [
            ("'States.ALL' is only allowed in the last entry", f"/States/S/{field}[0]/ErrorEquals")
        ]
        assert faults(machine({**TASK, field: entries[::-1]})) == []

    def test_a_catcher_puts_the_error_where_it_says(self) -> None:
        catchers = [
            {"ErrorEquals": ["A"], "Next": "Done"},
            {"ErrorEquals": ["B"], "Next": "Done", "ResultPath": "$.error"},
            {"ErrorEquals": ["States.ALL"], "Next": "Done", "ResultPath": None},
        ]
        state = compile_definition(machine({**TASK, "Catch": catchers})).states["S"]
        assert isinstance(state, Task)
        outputs = [catcher.flow.leave({"a": 1}, {"Error": "E"}, nothing()).output for catcher in state.catch]
        assert outputs == [{"Error": "E"}, {"a": 1, "error": {"Error": "E"}}, {"a": 1}]

    @pytest.mark.parametrize(
        ("fields", "fault"),
        [
            ({"ErrorEquals": ["E"]}, ("These fields are required: [Next]", "")),
            ({"Next": "Done"}, ("These fields are required: [ErrorEquals]", "")),
            ({"ErrorEquals": ["E"], "Next": "Done", "MaxAttempts": 1}, ("Field 'MaxAttempts' is not supported", "")),
            ({"ErrorEquals": ["E"], "Next": 1}, ("Expected value of type [STRING]", "/Next")),
        ],
    )
    def test_a_wrong_catcher_is_reported_where_it_stands(self, fields: dict[str, Any], fault: tuple[str, str]) -> None:
        message, place = fault
        good = {"ErrorEquals": ["X"], "Next": "Done"}
        assert faults(machine({**TASK, "Catch": [fields, good]})) == [(message, f"/States/S/Catch[0]{place}")]
