"""What a JSONPath state reads and writes, and its single fields."""

from __future__ import annotations

import pytest

from stepwell.language.errors import QueryError
from stepwell.language.fields import ItemsPath, Literal, WholeNumberPath, compile_string_path
from stepwell.language.jsonpath import compile_path
from stepwell.language.jsonpath_flow import JsonPathCatch, JsonPathFlow
from stepwell.language.model import CatchFlow, DataFlow, Expression
from stepwell.language.reference_path import compile_reference_path
from stepwell.language.template import compile_template
from stepwell.language.values import Json
from tests.language.scopes import scope


def test_a_flow_without_fields_hands_on_the_very_objects() -> None:
    raw: Json = {"a": 1}
    result: Json = {"b": 2}
    absent, whole = (
        JsonPathFlow(),
        JsonPathFlow(
            input_path=compile_path("$"), result_path=compile_reference_path("$"), output_path=compile_path("$")
        ),
    )
    for flow in (absent, whole):
        assert flow.enter(scope(raw)) is raw
        assert flow.arguments(scope(raw)) is raw
        assert flow.leave(raw, result, scope(raw)).output is result


def test_the_fields_apply_in_their_order() -> None:
    flow: DataFlow = JsonPathFlow(
        input_path=compile_path("$.detail"),
        parameters=compile_template({"n.$": "$.number"}),
        result_selector=compile_template({"code.$": "$.StatusCode"}),
        result_path=compile_reference_path("$.answer"),
        output_path=compile_path("$.answer.code"),
    )
    raw: Json = {"detail": {"number": 1}}
    effective = flow.enter(scope(raw))
    assert effective == {"number": 1}
    assert flow.arguments(scope(effective)) == {"n": 1}
    assert flow.leave(raw, {"StatusCode": 200, "Payload": "x"}, scope(effective)).output == 200


def test_a_result_goes_into_the_raw_input_not_the_effective_one() -> None:
    flow = JsonPathFlow(input_path=compile_path("$.detail"), result_path=compile_reference_path("$.r"))
    assert flow.leave({"detail": {}, "keep": 1}, 2, scope({})).output == {"detail": {}, "keep": 1, "r": 2}


def test_null_paths_give_an_empty_object_and_a_null_result_path_the_raw_input() -> None:
    flow = JsonPathFlow(input_path=None, result_path=None)
    raw: Json = {"a": 1}
    assert flow.enter(scope(raw)) == {}
    assert flow.leave(raw, "lost", scope({})).output is raw
    assert JsonPathFlow(output_path=None).leave(raw, "lost", scope(raw)).output == {}


def test_input_and_output_can_come_from_the_context_object() -> None:
    flow = JsonPathFlow(input_path=compile_path("$$"), output_path=compile_path("$$.Execution.Input"))
    where = scope(1, {"Execution": {"Input": {"x": 2}}})
    assert flow.enter(where) == {"Execution": {"Input": {"x": 2}}}
    assert flow.leave(1, 1, where).output == {"x": 2}


def test_an_input_path_that_leads_nowhere_fails_in_the_words_of_aws() -> None:
    flow = JsonPathFlow(input_path=compile_path("$.NoSuchInputPath"))
    with pytest.raises(QueryError) as failure:
        flow.enter(scope({"int-literal": 0}))
    assert failure.value.cause == "Invalid path '$.NoSuchInputPath' : No results for path: $['NoSuchInputPath']"
    with pytest.raises(QueryError) as failure:
        flow.enter(scope(None))
    assert failure.value.cause == "Unable to apply Path transformation to null or empty input."


def test_a_catcher_puts_the_error_where_its_result_path_says() -> None:
    raw: Json = {"a": 1}
    error: Json = {"Error": "E", "Cause": "C"}
    catch: CatchFlow = JsonPathCatch()
    assert catch.leave(raw, error, scope(raw)).output is error
    assert JsonPathCatch(None).leave(raw, error, scope(raw)).output is raw
    assert JsonPathCatch(compile_reference_path("$.err")).leave(raw, error, scope(raw)).output == {"a": 1, "err": error}


def test_a_literal_is_itself() -> None:
    value: Json = {"a": 1}
    expression: Expression = Literal(value)
    assert expression.evaluate(scope(None)) is value


@pytest.mark.parametrize(
    ("value", "shown"), [({}, "{}"), (1.5, "1.5"), ("NoNumber", "NoNumber"), (True, "true"), (None, "null")]
)
def test_a_path_to_no_whole_number_fails_in_the_words_of_aws(value: Json, shown: str) -> None:
    field = WholeNumberPath(compile_path("$.MaxConcurrencyValue"), "MaxConcurrencyPath")
    assert field.evaluate(scope({"MaxConcurrencyValue": 0})) == 0
    with pytest.raises(QueryError) as failure:
        field.evaluate(scope({"MaxConcurrencyValue": value}))
    assert failure.value.cause == (
        f'The MaxConcurrencyPath field refers to value "{shown}" which is not a valid integer: $.MaxConcurrencyValue'
    )


def test_a_whole_number_keeps_to_its_range() -> None:
    field = WholeNumberPath(compile_path("$"), "TimeoutSecondsPath", minimum=1)
    assert field.evaluate(scope(1)) == 1
    for number in (0, -1, 10**9):
        with pytest.raises(QueryError):
            field.evaluate(scope(number))


def test_a_fail_state_takes_its_texts_from_paths_and_calls() -> None:
    assert compile_string_path("$.Error", "ErrorPath").evaluate(scope({"Error": "E"})) == "E"
    assert compile_string_path("States.Format('{}', $.n)", "CausePath").evaluate(scope({"n": 1})) == "1"
    with pytest.raises(QueryError) as failure:
        compile_string_path("$.NoSuchCausePath", "CausePath").evaluate(scope({"int-literal": 0}))
    assert failure.value.cause == (
        "The JSONPath '$.NoSuchCausePath' specified for the field 'CausePath' could not be found in the input "
        "'{\"int-literal\":0}'"
    )
    with pytest.raises(QueryError):
        compile_string_path("$.n", "ErrorPath").evaluate(scope({"n": 1}))


def test_items_must_be_an_array() -> None:
    assert ItemsPath(compile_path("$.items")).evaluate(scope({"items": [1]})) == [1]
    with pytest.raises(QueryError) as failure:
        ItemsPath(compile_path("$$.Execution.Input")).evaluate(scope(None, {"Execution": {"Input": {}}}))
    assert failure.value.cause == 'Reference path "$.Execution.Input" must point to array.'
