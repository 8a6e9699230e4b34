"""Variables in an execution: what Assign sets, who sees it, and what is too much."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.machine.codec import decode_frames, encode_frame, frame_references
from stepwell.machine.history import PayloadSink, decode_events, encode_events, references
from tests.machine.journey import FUNCTION, Broken, Done, Journey, machine

LIMIT = 256 * 1024


def assigned(run: Journey, state: str) -> Any:
    return next(
        event.details.get("assignedVariables") for event in run.of("StateExited") if event.details["name"] == state
    )


def test_assign_is_told_with_the_exit_by_the_texts_of_the_values() -> None:
    run = Journey(
        machine({"S": {"Type": "Pass", "Assign": {"n": None, "t": "x", "o": {"a": 1}, "p.$": "$.a"}}}), {"a": 2}
    )
    assert assigned(run, "S") == {"n": "null", "t": '"x"', "o": '{"a":1}', "p": "2"}
    assert run.output == {"a": 2}


def test_an_exit_without_assign_tells_of_none() -> None:
    run = Journey(machine({"S": {"Type": "Pass"}}))
    assert "assignedVariables" not in run.of("PassStateExited")[0].details


def test_later_states_see_variables_and_waiting_keeps_them() -> None:
    states = {
        "Set": {"Type": "Pass", "Assign": {"x": {"a": [1, 2]}}},
        "Rest": {"Type": "Wait", "Seconds": 5, "Assign": {"y.$": "$x.a[1]"}},
        "Tell": {"Type": "Pass", "Parameters": {"x.$": "$x.a", "y.$": "$y"}},
    }
    assert Journey(machine(states)).run().output == {"x": [1, 2], "y": 2}


def test_both_query_languages_share_the_variables() -> None:
    states = {
        "A": {"Type": "Pass", "Assign": {"x": 42}},
        "B": {"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"x": 18, "old": "{% $x %}"}, "Output": "{% $x %}"},
        "C": {"Type": "Pass", "Parameters": {"x.$": "$x", "old.$": "$old", "in.$": "$"}},
    }
    assert Journey(machine(states)).output == {"x": 18, "old": 42, "in": 42}


def test_branches_see_outer_variables_and_their_own_end_with_them() -> None:
    branch = {
        "StartAt": "In",
        "States": {
            "In": {"Type": "Pass", "Assign": {"inner.$": "$outer"}, "Next": "Out"},
            "Out": {"Type": "Pass", "OutputPath": "$inner", "End": True},
        },
    }
    states = {
        "Set": {"Type": "Pass", "Assign": {"outer": 1}},
        "Both": {"Type": "Parallel", "Branches": [branch], "Assign": {"outer.$": "$[0]", "more": True}},
        "After": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% [$exists($inner), $outer, $more] %}"},
    }
    run = Journey(machine(states))
    assert run.output == [False, 1, True]
    assert assigned(run, "In") == {"inner": "1"}


def test_iterations_do_not_see_each_other() -> None:
    processor = {
        "StartAt": "I",
        "States": {
            "I": {
                "Type": "Pass",
                "QueryLanguage": "JSONata",
                "Assign": {"seen": "{% $states.input %}"},
                "Output": "{% $exists($seen) %}",
                "End": True,
            }
        },
    }
    run = Journey(machine({"Each": {"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": processor}}), [1, 2])
    assert run.output == [False, False]


def test_a_catcher_assigns_instead_of_its_state() -> None:
    states = {
        "Work": {
            "Type": "Task",
            "Resource": FUNCTION,
            "Assign": {"x": "done"},
            "Catch": [
                {"ErrorEquals": ["States.ALL"], "Assign": {"x.$": "$.Error"}, "ResultPath": None, "Next": "Tell"}
            ],
        },
        "Tell": {"Type": "Pass", "OutputPath": "$x"},
    }
    assert Journey(machine(states)).run(Work=[Broken("E")]).output == "E"
    assert Journey(machine(states)).run(Work=[Done()]).output == "done"


def test_a_choice_assigns_by_its_rule_or_by_itself() -> None:
    def choose(input: Any) -> Journey:
        rules = [
            {"Variable": "$", "NumericEquals": 1, "Assign": {"x": "one"}, "Next": "Tell"},
            {"Variable": "$", "NumericEquals": 2, "Next": "Tell"},
        ]
        choice = {"Type": "Choice", "Choices": rules, "Default": "Tell", "Assign": {"x": "other"}}
        tell = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $exists($x) ? $x : 'none' %}"}
        return Journey(machine({"Count": choice, "Tell": tell}), input)

    assert [choose(number).output for number in (1, 2, 3)] == ["one", "none", "other"]


def test_a_variable_that_does_not_exist_ends_the_execution() -> None:
    run = Journey(machine({"S": {"Type": "Pass", "Parameters": {"x.$": "$gone"}}}))
    assert (run.status, run.error) == ("FAILED", "States.Runtime")
    assert "'$gone'" in str(run.cause)


@pytest.mark.parametrize("parts", [1, 2])
def test_one_assign_takes_256_kib_at_most(parts: int) -> None:
    def run(size: int) -> Journey:
        text = "x" * (size // parts - 2)
        return Journey(machine({"S": {"Type": "Pass", "Assign": {f"v{n}": text for n in range(parts)}}}))

    assert run(LIMIT).status == "SUCCEEDED"
    too_much = run(LIMIT + parts)
    assert (too_much.status, too_much.error) == ("FAILED", "States.DataLimitExceeded")


def test_all_variables_together_take_10_mib_at_most() -> None:
    text = "x" * (LIMIT - 2)
    states = {f"S{n}": {"Type": "Pass", "Assign": {f"v{n}": text}} for n in range(41)}
    run = Journey(machine(states)).run()
    assert (run.status, run.error) == ("FAILED", "States.DataLimitExceeded")
    assert run.of("StateExited")[-1].details["name"] == "S39"


def test_a_large_variable_is_stored_once_and_comes_back() -> None:
    large = "x" * 1000
    states = {"Set": {"Type": "Pass", "Assign": {"large": large, "small": 1}}, "Rest": {"Type": "Wait", "Seconds": 5}}
    run = Journey(machine(states))
    sink = PayloadSink()
    record, events = encode_frame(run.execution.frames[""], sink), encode_events(run.events, sink)
    assert list(sink.texts.values()) == [f'"{large}"']
    assert set(frame_references(record)) == set(references(events)) == set(sink.texts)
    frame = decode_frames(run.program, {"": record}, sink.texts.__getitem__)[""]
    assert frame.variables.values == {"large": large, "small": 1}
    back = decode_events(1, events, sink.texts.__getitem__)
    assert back == run.events
