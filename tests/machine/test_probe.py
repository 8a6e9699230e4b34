"""A probe runs one state as the machine does, and tells what the state did with its data."""

from __future__ import annotations

import json
from typing import Any

from stepwell.language.definition.lone_state import compile_state, compile_state_of
from stepwell.machine.datum import Datum
from stepwell.machine.execution import Execution
from stepwell.machine.probe import Probe, Report, Setup

NOW = 1_700_000_000_000
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
INSIDE = {"StartAt": "X", "States": {"X": {"Type": "Pass", "End": True}}}


def probe(state: dict[str, Any], input: str = "{}", **circumstances: Any) -> Probe:
    """A probe of a bare state that has begun."""
    execution = Execution(
        key=0,
        arn="arn:aws:states:us-east-1:123456789012:express:m:e",
        name="e",
        machine_arn="arn:aws:states:us-east-1:123456789012:stateMachine:m",
        machine_name="m",
        role_arn="",
        start_date=NOW,
        input=Datum.of_text(input),
    )
    found = compile_state(json.dumps({"End": True, **state} if state["Type"] not in ENDLESS else state))
    probe = Probe(Setup(state=found.state, execution=execution, **circumstances), NOW, bytes(32))
    probe.enter()
    return probe


ENDLESS = ("Choice", "Succeed", "Fail")


def report(state: dict[str, Any], input: str = "{}", **circumstances: Any) -> Report:
    """What came of a state that waits for nothing."""
    found = probe(state, input, **circumstances).report
    assert found is not None
    return found


def with_result(state: dict[str, Any], result: str, input: str = "{}", **circumstances: Any) -> Report:
    tested = probe(state, input, **circumstances)
    tested.succeeded(result)
    assert tested.report is not None
    return tested.report


def with_failure(state: dict[str, Any], error: str, input: str = "{}", **circumstances: Any) -> Report:
    tested = probe(state, input, **circumstances)
    tested.failed(error, "why")
    assert tested.report is not None
    return tested.report


# -- what is told of the data


def test_every_step_of_the_data_flow_is_told() -> None:
    task = {
        "Type": "Task",
        "Resource": FUNCTION,
        "InputPath": "$.in",
        "Parameters": {"p.$": "$.a"},
        "ResultSelector": {"s.$": "$.r"},
        "ResultPath": "$.out",
        "OutputPath": "$.out.s",
    }
    found = with_result(task, '{"r": 2}', '{"in": {"a": 1}}')
    assert (found.status, found.output, found.next) == ("SUCCEEDED", "2", None)
    assert found.data == {
        "input": '{"in": {"a": 1}}',
        "afterInputPath": '{"a":1}',
        "afterParameters": '{"p":1}',
        "result": '{"r": 2}',
        "afterResultSelector": '{"s":2}',
        "afterResultPath": '{"in":{"a":1},"out":{"s":2}}',
    }


def test_data_that_nothing_changes_keeps_its_text() -> None:
    found = with_result({"Type": "Parallel", "Branches": [INSIDE]}, "[1,  2]", "{ }")
    assert found.output == "[1,  2]"
    assert found.data == {"input": "{ }", "afterResultSelector": "[1,  2]", "afterResultPath": "[1,  2]"}


def test_of_a_pass_with_a_result_nothing_is_told_before_the_result() -> None:
    assert report({"Type": "Pass", "Result": 1}).data == {
        "input": "{}",
        "result": "1",
        "afterResultSelector": "1",
        "afterResultPath": "1",
    }


def test_of_a_choice_and_a_succeed_the_input_alone_is_told() -> None:
    choice = {"Type": "Choice", "InputPath": "$.in", "Choices": [], "Default": "D"}
    choice["Choices"] = [{"Variable": "$.a", "NumericEquals": 1, "Next": "One"}]
    found = report(choice, '{"in":{"a":1}}')
    assert (found.next, found.output) == ("One", '{"a":1}')
    assert found.data == {"input": '{"in":{"a":1}}', "afterInputPath": '{"a":1}'}
    assert report({"Type": "Succeed"}).data == {"input": "{}", "afterInputPath": "{}"}


def test_what_a_state_did_before_it_failed_is_told() -> None:
    task = {"Type": "Task", "Resource": FUNCTION, "InputPath": "$.in", "Parameters": {"p.$": "$.none"}}
    found = report(task, '{"in":{}}')
    assert (found.status, found.error) == ("FAILED", "States.Runtime")
    assert found.data == {"input": '{"in":{}}', "afterInputPath": "{}"}


def test_a_cause_names_no_event_for_there_is_none() -> None:
    found = report({"Type": "Pass", "InputPath": "$.none"})
    assert found.cause is not None
    assert "entered at the event id" not in found.cause


def test_of_a_jsonata_task_the_arguments_are_told() -> None:
    task = {"Type": "Task", "QueryLanguage": "JSONata", "Resource": FUNCTION, "Arguments": {"a": "{% 1 + 1 %}"}}
    found = with_result({**task, "Output": "{% $states.result.x %}"}, '{"x": 3}')
    assert found.output == "3"
    assert found.data == {"input": "{}", "afterArguments": '{"a":2}', "result": '{"x": 3}'}


def test_variables_are_those_after_the_state() -> None:
    found = report({"Type": "Pass", "Assign": {"b.$": "$a", "c": 3}}, variables={"a": 1})
    assert json.loads(str(found.data["variables"])) == {"a": 1, "b": 1, "c": 3}


# -- retriers and catchers

RETRY = [
    {"ErrorEquals": ["Other"]},
    {"ErrorEquals": ["E"], "IntervalSeconds": 2, "BackoffRate": 2.0, "MaxAttempts": 3},
]
CATCH = [
    {"ErrorEquals": ["Other"], "Next": "N0"},
    {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "N1"},
]
TASK = {"Type": "Task", "Resource": FUNCTION}


def test_a_retrier_that_takes_the_failure_is_named_with_its_delay() -> None:
    found = with_failure({**TASK, "Retry": RETRY}, "E")
    assert (found.status, found.error, found.cause, found.output) == ("RETRIABLE", "E", "why", None)
    assert found.data["errorDetails"] == {"retryIndex": 1, "retryBackoffIntervalSeconds": 2}


def test_the_delay_grows_with_the_retries_before() -> None:
    found = with_failure({**TASK, "Retry": RETRY}, "E", retries=1)
    assert found.data["errorDetails"] == {"retryIndex": 1, "retryBackoffIntervalSeconds": 4}


def test_an_exhausted_retrier_gives_way_to_the_catchers() -> None:
    found = with_failure({**TASK, "Retry": RETRY, "Catch": CATCH}, "E", '{"a":1}', retries=3)
    assert (found.status, found.next, found.error, found.cause) == ("CAUGHT_ERROR", "N1", "E", "why")
    assert found.output == '{"a":1,"error":{"Error":"E","Cause":"why"}}'
    assert found.data["errorDetails"] == {"catchIndex": 1}


def test_a_failure_that_nobody_takes_fails_the_state() -> None:
    found = with_failure(TASK, "E")
    assert (found.status, found.error, found.output, found.next) == ("FAILED", "E", None, None)
    assert "errorDetails" not in found.data


def test_a_result_that_is_too_large_fails_the_task() -> None:
    found = with_result(TASK, json.dumps("x" * 262_144))
    assert (found.status, found.error) == ("FAILED", "States.DataLimitExceeded")


# -- Map

MAP = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": INSIDE}
DISTRIBUTED = {
    **MAP,
    "ItemProcessor": {**INSIDE, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}},
}
ITEMS = '{"items":["a","b"]}'


def test_a_map_tells_its_items_and_its_limits() -> None:
    selector = {"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"}
    found = with_result({**MAP, "ItemSelector": selector, "MaxConcurrency": 2}, "[1,2]", ITEMS)
    assert found.output == "[1,2]"
    assert found.data == {
        "input": ITEMS,
        "afterInputPath": ITEMS,
        "afterItemsPath": '["a","b"]',
        "afterItemSelector": '[{"v":"a","i":0},{"v":"b","i":1}]',
        "maxConcurrency": 2,
        "afterResultSelector": "[1,2]",
        "afterResultPath": "[1,2]",
    }


def test_more_failed_iterations_than_a_map_tolerates_fail_it() -> None:
    for tolerance in ({"ToleratedFailureCount": 1}, {"ToleratedFailurePercentage": 50}):
        tolerant = {**DISTRIBUTED, **tolerance}
        assert with_result(tolerant, "[1,2]", ITEMS, failed_iterations=1).status == "SUCCEEDED"
        found = with_result(tolerant, "[1,2]", ITEMS, failed_iterations=2)
        assert (found.error, found.cause) == (
            "States.ExceedToleratedFailureThreshold",
            "The specified tolerated failure threshold was exceeded",
        )


def test_a_map_that_says_nothing_of_failures_is_not_failed_by_their_number() -> None:
    assert with_result(DISTRIBUTED, "[1,2]", ITEMS, failed_iterations=2).status == "SUCCEEDED"


def test_items_that_a_reader_has_read_stand_for_the_input() -> None:
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON", "ItemsPointer": "/a~1b/0"},
        "Parameters": {"Bucket": "b", "Key": "k"},
    }
    read = {**DISTRIBUTED, "ItemReader": reader, "ItemSelector": {"v.$": "$$.Map.Item.Value"}}
    del read["ItemsPath"]
    found = with_result(read, "[1]", source={"a/b": [["x"]]})
    assert found.data["afterItemsPointer"] == '["x"]'
    assert found.data["afterItemSelector"] == '[{"v":"x"}]'
    lost = report(read, source={})
    assert (lost.status, lost.error) == ("FAILED", "States.ItemReaderFailed")


def test_a_batcher_groups_the_items_by_number_and_by_size() -> None:
    batched = {**DISTRIBUTED, "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"b": 1}}}
    found = with_result(batched, "[]", '{"items":[1,2,3]}')
    assert found.data["afterItemBatcher"] == '[{"BatchInput":{"b":1},"Items":[1,2]},{"BatchInput":{"b":1},"Items":[3]}]'
    batched["ItemBatcher"] = {"MaxInputBytesPerBatch": len('{"Items":["aa","bb"]}')}
    found = with_result(batched, "[]", '{"items":["aa","bb","cc","much too long for any batch"]}')
    assert json.loads(str(found.data["afterItemBatcher"])) == [
        {"Items": ["aa", "bb"]},
        {"Items": ["cc"]},
        {"Items": ["much too long for any batch"]},
    ]


# -- the context object


def test_the_context_object_is_that_of_an_express_execution() -> None:
    found = report({"Type": "Pass", "Parameters": {"c.$": "$$"}}, '{"a":1}')
    context = json.loads(str(found.output))["c"]
    assert context["Execution"] == {
        "Id": "arn:aws:states:us-east-1:123456789012:express:m:e",
        "Input": {"a": 1},
        "StartTime": "2023-11-14T22:13:20.000Z",
        "Name": "e",
    }
    assert context["State"] == {"Name": "StateName", "EnteredTime": "2023-11-14T22:13:20.000Z", "RetryCount": 0}


def test_a_given_context_object_is_used_as_it_is() -> None:
    found = report({"Type": "Pass", "Parameters": {"c.$": "$$"}}, context={"Task": {"Token": "t"}})
    assert found.output == '{"c":{"Task":{"Token":"t"}}}'


def test_a_state_of_a_map_sees_its_input_as_the_first_item() -> None:
    found = report({"Type": "Pass", "Parameters": {"c.$": "$$.Map.Item"}}, '{"a":1}', in_map=True)
    assert found.output == '{"c":{"Index":0,"Value":{"a":1}}}'


# -- what is awaited


def test_a_wait_tells_when_it_ends() -> None:
    tested = probe({"Type": "Wait", "Seconds": 5})
    assert (tested.report, tested.due) == (None, NOW + 5_000)
    tested.woken()
    assert tested.report is not None
    assert tested.report.status == "SUCCEEDED"


def test_a_task_tells_what_is_to_be_carried_out() -> None:
    tested = probe({**TASK, "TimeoutSeconds": 7}, '{"a":1}')
    assert tested.report is None
    assert tested.effect is not None
    assert (tested.effect.input, tested.effect.deadline) == ('{"a":1}', NOW + 7_000)


def test_a_state_is_found_wherever_it_is_in_a_machine() -> None:
    text = json.dumps({"StartAt": "M", "States": {"M": {**MAP, "End": True}}})
    found = compile_state_of(text, "X")
    assert found is not None
    assert (found.state.name, found.in_map) == ("X", True)
    assert compile_state_of(text, "Y") is None
