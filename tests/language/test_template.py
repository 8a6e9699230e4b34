"""Payload templates: Parameters, ItemSelector, ResultSelector."""

from __future__ import annotations

import pytest

from stepwell.language.errors import QueryError
from stepwell.language.template import TemplateFault, compile_template
from stepwell.language.values import Json
from tests.language.scopes import scope


def test_dynamic_members_are_evaluated_wherever_they_stand_and_keep_their_place() -> None:
    template: Json = {
        "first": 1,
        "id.$": "$.id",
        "nested": {"run.$": "$$.Execution.Name", "fixed": {"$": "data"}},
        "list": [{"n.$": "States.MathAdd($.id, 1)"}, "$.id", 3],
        "last.$": "$",
    }
    result = compile_template(template).evaluate(scope({"id": 7}, {"Execution": {"Name": "run"}}))
    assert result == {
        "first": 1,
        "id": 7,
        "nested": {"run": "run", "fixed": {"$": "data"}},
        "list": [{"n": 8}, "$.id", 3],
        "last": {"id": 7},
    }
    assert list(result) == ["first", "id", "nested", "list", "last"]


@pytest.mark.parametrize("template", [{}, {"a": [1, {"b": "$.x"}]}, [1], "text", None])
def test_a_template_without_dynamic_members_is_the_same_object_every_time(template: Json) -> None:
    expression = compile_template(template)
    assert expression.evaluate(scope(1)) is template
    assert expression.evaluate(scope(2)) is template


def test_fixed_parts_are_shared_and_never_changed() -> None:
    template: Json = {"fixed": {"deep": [1]}, "x.$": "$"}
    expression = compile_template(template)
    first, second = expression.evaluate(scope(1)), expression.evaluate(scope(2))
    assert (first, second) == ({"fixed": {"deep": [1]}, "x": 1}, {"fixed": {"deep": [1]}, "x": 2})
    assert first["fixed"] is template["fixed"]  # type: ignore[call-overload, index]


@pytest.mark.parametrize("path", ["$.no_such_jsonpath", "$$.Execution.Input.no_such_jsonpath"])
def test_a_path_that_leads_nowhere_names_its_field_and_the_input(path: str) -> None:
    with pytest.raises(QueryError) as failure:
        compile_template({"outer": {"value.$": path}}).evaluate(scope({"int-literal": 0}, {}))
    assert failure.value.error == "States.Runtime"
    assert failure.value.cause == (
        f"The JSONPath '{path}' specified for the field 'value.$' could not be found in the input "
        "'{\"int-literal\":0}'"
    )


def test_an_indefinite_path_that_finds_nothing_gives_an_empty_list() -> None:
    assert compile_template({"item.$": "$.item.items[1:5]"}).evaluate(scope({})) == {"item": []}


@pytest.mark.parametrize("value", ["plain text", "$.", "States.Nope()", 1, None, {}, "", r"States.Format('\"')"])
def test_a_dynamic_member_that_is_neither_path_nor_call_is_a_fault_with_its_place(value: Json) -> None:
    with pytest.raises(TemplateFault) as fault:
        compile_template({"a/b": [0, {"parsed.$": value}]})
    assert fault.value.pointer == "/a~1b/1"
    assert fault.value.field == "parsed.$"
    assert fault.value.message == (
        "The value for the field 'parsed.$' must be a valid JSONPath or a valid intrinsic function call"
    )


def test_a_member_cannot_be_given_twice() -> None:
    with pytest.raises(TemplateFault):
        compile_template({"a": 1, "a.$": "$"})


def test_a_template_that_nests_without_end_is_a_fault() -> None:
    template: Json = {"x.$": "$"}
    for _ in range(1_000):
        template = [template]
    with pytest.raises(TemplateFault):
        compile_template(template)
