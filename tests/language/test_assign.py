"""Assign in a definition: names, scopes, and what its values see in both query languages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepwell.language.definition import compile_definition
from stepwell.language.errors import QueryError
from stepwell.language.model import Exit, Map
from stepwell.language.variable_references import variable_references
from tests.language.machines import MAP, PASS, TASK, codes, faults, machine
from tests.language.scopes import scope

JSONATA = {"QueryLanguage": "JSONata"}


def leave(state: dict[str, Any], raw: Any, result: Any, **variables: Any) -> Exit:
    compiled = compile_definition(machine(state)).states["S"]
    return compiled.flow.leave(raw, result, scope(raw, {"Execution": {"Id": "arn"}}, **variables))


class TestJsonPath:
    def test_a_value_sees_the_result_after_the_selector_and_before_the_result_path(self) -> None:
        state = {
            **TASK,
            "ResultSelector": {"id.$": "$.Id"},
            "ResultPath": "$.r",
            "Assign": {"id.$": "$.id", "all.$": "$"},
        }
        assert leave(state, {"a": 1}, {"Id": 7}) == ({"a": 1, "r": {"id": 7}}, {"id": 7, "all": {"id": 7}})

    def test_values_are_paths_intrinsics_variables_and_literals(self) -> None:
        assign = {
            "path.$": "$.a",
            "context.$": "$$.Execution.Id",
            "call.$": "States.Format('{}!', $.a)",
            "old.$": "$x",
            "text": "$.a",
            "list": [{"in.$": "$.a"}, "{% 1 %}"],
            "none": None,
        }
        assert leave({**PASS, "Assign": assign}, {"a": 1}, {"a": 1}, x=9).assigned == {
            "path": 1,
            "context": "arn",
            "call": "1!",
            "old": 9,
            "text": "$.a",
            "list": [{"in": 1}, "{% 1 %}"],
            "none": None,
        }

    def test_all_values_see_the_old_variables(self) -> None:
        state = {**PASS, "Assign": {"x": 2, "y.$": "$x"}, "OutputPath": "$x"}
        assert leave(state, {}, {}, x=1) == (1, {"x": 2, "y": 1})

    def test_a_variable_that_does_not_exist_is_an_error(self) -> None:
        with pytest.raises(QueryError):
            leave({**PASS, "Assign": {"y.$": "$x"}}, {}, {})


class TestJsonata:
    def test_a_value_sees_input_result_and_the_old_variables(self) -> None:
        state = {
            **TASK,
            **JSONATA,
            "Assign": {"in": "{% $states.input.a %}", "out": "{% $states.result %}", "x": 2, "y": ["{% $x %}"]},
            "Output": "{% $x %}",
        }
        assert leave(state, {"a": 1}, [7], x=1) == (1, {"in": 1, "out": [7], "x": 2, "y": [1]})

    def test_a_pass_has_no_result(self) -> None:
        with pytest.raises(QueryError) as caught:
            leave({**PASS, **JSONATA, "Assign": {"x": "{% $states.result %}"}}, {}, {})
        assert caught.value.cause == (
            "The JSONata expression '$states.result' specified for the field 'Assign/x' returned nothing (undefined)."
        )
        assert caught.value.location == "Assign/x"


class TestNames:
    @pytest.mark.parametrize("name", ["", "1a", "a b", "states", "v" * 81, "a-b", "$a"])
    def test_a_variable_has_the_name_of_a_variable(self, name: str) -> None:
        assert codes(machine({**PASS, "Assign": {name: 1}})) == [("SCHEMA_VALIDATION_FAILED", "/States/S/Assign")]

    @pytest.mark.parametrize("name", ["a", "_a", "größe", "v" * 80, "Map1"])
    def test_any_identifier_will_do(self, name: str) -> None:
        assert faults(machine({**PASS, "Assign": {name: 1}})) == []


class TestScopes:
    def inner(self, **assign: Any) -> dict[str, Any]:
        return {**MAP, "ItemProcessor": {"StartAt": "I", "States": {"I": {**PASS, "Assign": assign}}}}

    def test_an_inner_state_cannot_assign_an_outer_variable(self) -> None:
        text = machine({**self.inner(x=1, y=1), "Assign": {"x": 1}})
        assert codes(text) == [("SCHEMA_VALIDATION_FAILED", "/States/S/ItemProcessor/States/I/Assign")]

    def test_branches_side_by_side_may_use_the_same_name(self) -> None:
        branch = {"States": {"A": {**PASS, "Assign": {"x": 1}}}, "StartAt": "A"}
        other = {"States": {"B": {**PASS, "Assign": {"x": 1}}}, "StartAt": "B"}
        assert faults(machine({"Type": "Parallel", "Branches": [branch, other], "End": True})) == []

    def test_it_is_told_however_deep(self) -> None:
        deep = {"StartAt": "M", "States": {"M": self.inner(x=1)}}
        text = machine({"Type": "Parallel", "Branches": [deep], "Assign": {"x": 2}, "End": True})
        assert [location for _, location in codes(text)] == [
            "/States/S/Branches[0]/States/M/ItemProcessor/States/I/Assign"
        ]


class TestReferences:
    def test_paths_templates_intrinsics_and_expressions_refer(self) -> None:
        processor = {
            "StartAt": "I",
            "States": {
                "I": {"Type": "Pass", "Parameters": {"x.$": "$d", "y.$": "States.Array($c, '$no')"}, "End": True}
            },
        }
        definition = {
            "StartAt": "M",
            "States": {
                "M": {
                    "Type": "Map",
                    "ItemsPath": "$b.items[?(@.n == $a)]",
                    "MaxConcurrencyPath": "$e",
                    "ItemSelector": {"n.$": "$$.Map.Item.Value", "text": "$no"},
                    "ResultPath": "$.r",
                    "ItemProcessor": processor,
                    "Next": "J",
                },
                "J": {
                    "Type": "Pass",
                    "QueryLanguage": "JSONata",
                    "Assign": {"f": ["{% ($x := $f; $x + $sum($g) + $states.input.n) %}", "$no"]},
                    "Next": "End",
                },
                "End": {"Type": "Succeed"},
            },
        }
        found = variable_references(json.dumps(definition))
        assert found == {"M": ["a", "b", "e"], "I": ["c", "d"], "J": ["f", "g"]}
        assert list(found["M"]) == sorted(found["M"])

    def test_the_processor_is_no_part_of_the_map(self) -> None:
        map_state = compile_definition(machine(MAP)).states["S"]
        assert isinstance(map_state, Map)
        assert variable_references(machine(MAP)) == {}
