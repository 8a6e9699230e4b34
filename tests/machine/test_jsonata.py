"""JSONata states in an execution: their events, and how a failed evaluation is told, retried and caught."""

from __future__ import annotations

from typing import Any

from stepwell.machine.run import MAX_EXPRESSIONS
from tests.machine.journey import FUNCTION, INVOKE, Broken, Done, Journey, lines, machine

JSONATA = {"QueryLanguage": "JSONata"}
UNDEFINED = {"Type": "Pass", "Output": {"result": "{% $no %}"}}


def journey(states: dict[str, Any], input: Any = None) -> Journey:
    return Journey(machine(states, **JSONATA), input)


def cause(state: str, entered: int, sentence: str) -> str:
    return f"An error occurred while executing the state '{state}' (entered at the event id #{entered}). {sentence}"


def test_arguments_and_output_go_into_the_events() -> None:
    task = {
        "Type": "Task",
        "Resource": INVOKE,
        "Arguments": {"FunctionName": "f", "Payload": "{% $states.input.a %}"},
        "Output": {"in": "{% $states.input %}", "out": "{% $states.result %}"},
        "TimeoutSeconds": "{% $states.input.a + 4 %}",
        "HeartbeatSeconds": "{% 2 %}",
        "Credentials": {"RoleArn": "{% 'arn:' & $states.context.State.Name %}"},
    }
    run = journey({"Work": task}, {"a": 1}).run(Work=[Done([7])])
    assert run.of("TaskScheduled")[0].details == {
        "resourceType": "lambda",
        "resource": "invoke",
        "region": "us-east-1",
        "parameters": '{"FunctionName":"f","Payload":1}',
        "timeoutInSeconds": 5,
        "heartbeatInSeconds": 2,
        "taskCredentials": {"roleArn": "arn:Work"},
    }
    assert run.output == {"in": {"a": 1}, "out": [7]}


def test_what_nothing_changes_keeps_its_text() -> None:
    run = Journey(machine({"S": {"Type": "Pass"}, "T": {"Type": "Pass", "Output": "{% $states.input %}"}}, **JSONATA))
    assert [event.details["output"] for event in run.of("PassStateExited")] == ["{}", "{}"]


def test_a_failed_evaluation_is_an_event_of_its_own_and_the_end() -> None:
    run = journey({"First": {"Type": "Pass"}, "Then": UNDEFINED})
    assert run.outline() == lines(
        """
        1 0 ExecutionStarted
        2 0 PassStateEntered First
        3 2 PassStateExited First
        4 3 PassStateEntered Then
        5 3 EvaluationFailed
        6 5 ExecutionFailed
        """
    )
    why = cause(
        "Then", 4, "The JSONata expression '$no' specified for the field 'Output/result' returned nothing (undefined)."
    )
    assert run.events[4].details == {
        "error": "States.QueryEvaluationError",
        "cause": why,
        "location": "Output/result",
        "state": "Then",
    }
    assert run.events[5].details == {"error": "States.QueryEvaluationError", "cause": why}


def test_a_timestamp_that_cannot_be_read_comes_after_the_entry() -> None:
    run = journey({"Rest": {"Type": "Wait", "Timestamp": "{% 'noon' %}"}})
    assert run.outline(after=1) == lines(
        """
        2 0 WaitStateEntered Rest
        3 2 EvaluationFailed
        4 3 ExecutionFailed
        """
    )
    assert run.events[2].details["location"] == "Timestamp"


def test_an_evaluation_that_fails_after_the_task_hangs_from_the_task() -> None:
    run = journey({"Work": {"Type": "Task", "Resource": FUNCTION, "Output": "{% $no %}"}}).run()
    assert run.outline(after=4) == lines(
        """
        5 4 LambdaFunctionSucceeded
        6 5 EvaluationFailed
        7 6 ExecutionFailed
        """
    )


def test_a_map_that_cannot_be_evaluated_fails_as_a_state() -> None:
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
    run = journey({"Each": {"Type": "Map", "ItemProcessor": inner}}, 1)
    assert run.outline(after=2) == lines(
        """
        3 0 EvaluationFailed
        4 3 MapStateFailed
        5 4 ExecutionFailed
        """
    )
    assert run.cause == cause("Each", 2, "Map state input must be an array but was: 1")
    assert "location" not in run.events[2].details


def test_an_evaluation_that_fails_in_an_iteration_fails_the_map() -> None:
    inner = {"StartAt": "I", "States": {"I": {**UNDEFINED, "End": True}}}
    run = journey({"Each": {"Type": "Map", "Items": [1], "ItemProcessor": inner}})
    assert run.outline(after=3) == lines(
        """
        4 3 MapIterationStarted Each 0
        5 4 PassStateEntered I
        6 4 EvaluationFailed
        7 6 MapIterationFailed Each 0
        8 6 MapStateFailed
        9 8 ExecutionFailed
        """
    )


def test_a_failed_evaluation_can_be_retried_and_caught() -> None:
    task = {
        "Type": "Task",
        "Resource": FUNCTION,
        "Output": "{% $states.result.a %}",
        "Retry": [{"ErrorEquals": ["States.QueryEvaluationError"], "MaxAttempts": 1}],
        "Catch": [
            {
                "ErrorEquals": ["States.ALL"],
                "Output": "{% $states.errorOutput.Error %}",
                "Assign": {"failed": "{% $states.errorOutput %}"},
                "Next": "Saved",
            }
        ],
    }
    run = journey({"Work": task, "Saved": {"Type": "Pass"}}).run(Work=[Done({}), Done({})])
    assert run.output == "States.QueryEvaluationError"
    assert len(run.of("EvaluationFailed")) == 2
    assert run.outline(after=9) == lines(
        """
        10 9 EvaluationFailed
        11 10 TaskStateExited Work
        12 11 PassStateEntered Saved
        13 12 PassStateExited Saved
        14 13 ExecutionSucceeded
        """
    )


def test_a_catcher_that_cannot_be_evaluated_ends_the_execution() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.result %}", "Next": "Saved"}]
    run = journey({"Work": {"Type": "Task", "Resource": FUNCTION, "Catch": catch}, "Saved": {"Type": "Pass"}}).run(
        Work=[Broken("E")]
    )
    assert (run.status, run.error) == ("FAILED", "States.QueryEvaluationError")
    assert run.of("EvaluationFailed")[0].details["location"] == "Catch[0]/Output"


def test_conditions_choose_and_no_match_is_an_error() -> None:
    def choose(input: Any, **fields: Any) -> Journey:
        rules = [
            {"Condition": "{% $states.input > 2 %}", "Next": "Many"},
            {"Condition": "{% $states.input = 2 %}", "Next": "Two", "Output": "{% 'two' %}"},
        ]
        states = {"Count": {"Type": "Choice", "Choices": rules, **fields}}
        return journey({**states, "Many": {"Type": "Succeed"}, "Two": {"Type": "Succeed"}}, input)

    assert choose(3).output == 3
    assert choose(2).output == "two"
    assert choose(1, Default="Many", Output="{% 'else' %}").output == "else"
    assert choose(1).error == "States.NoChoiceMatched"


def test_a_map_hands_items_in_and_results_out() -> None:
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "Output": "{% $states.input.n * 2 %}", "End": True}}}
    each = {
        "Type": "Map",
        "Items": "{% $states.input.list %}",
        "MaxConcurrency": "{% $count($states.input.list) %}",
        "ItemSelector": {"n": "{% $states.context.Map.Item.Value + $states.context.Map.Item.Index %}"},
        "ItemProcessor": inner,
        "Output": "{% $sum($states.result) %}",
    }
    assert journey({"Each": each}, {"list": [1, 2]}).output == 8


def test_a_parallel_hands_its_arguments_to_the_branches() -> None:
    branch = {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": True}}}
    both = {"Type": "Parallel", "Branches": [branch], "Arguments": {"a": "{% $states.input.b %}"}}
    assert journey({"Both": both}, {"b": 1}).output == [{"a": 1}]


def test_the_execution_clock_is_what_now_tells() -> None:
    run = journey({"Rest": {"Type": "Wait", "Seconds": 60}, "Tell": {"Type": "Pass", "Output": "{% $millis() %}"}})
    run.fire()
    assert run.output == run.now


def test_randomness_comes_from_the_turn() -> None:
    states = {"S": {"Type": "Pass", "Output": "{% [$random(), $uuid(), $shuffle([1..9])] %}"}}
    first, again = journey(states), journey(states)
    assert first.output == again.output
    other = Journey(machine(states, **JSONATA), seed=1)
    assert other.output[:2] != first.output[:2]


def test_a_turn_evaluates_so_many_expressions() -> None:
    chain = {f"S{n}": {"Type": "Pass", "Output": "{% $states.input + 1 %}"} for n in range(MAX_EXPRESSIONS + 10)}
    run = journey(chain, 0)
    assert run.status == "RUNNING"
    assert run.run().output == MAX_EXPRESSIONS + 10
