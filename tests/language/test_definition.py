"""What a machine as a whole may say: its text, its fields, its transitions, its query language."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepwell.language.definition import compile_definition, validate_definition
from stepwell.language.diagnostics import Diagnostic, InvalidDefinition
from stepwell.language.model import Fail
from tests.language.machines import CHOICE_RULE, MAP, ONE_PASS, PASS, TASK, codes, faults, machine, warnings


class TestText:
    @pytest.mark.parametrize("text", ["", "  \n"])
    def test_an_empty_text_is_no_description(self, text: str) -> None:
        assert codes(text) == [("MISSING_DESCRIPTION", None)]

    @pytest.mark.parametrize(
        "text", ["{", "{'a': 1}", '{"a": NaN}', '{"a": 1} x', '{"a": ' + "9" * 5000 + "}", "\ud800"]
    )
    def test_a_text_that_is_no_json_is_refused(self, text: str) -> None:
        assert codes(text) == [("INVALID_JSON_DESCRIPTION", None)]

    @pytest.mark.parametrize("text", ["[]", "null", "1", '"StartAt"'])
    def test_a_definition_is_an_object(self, text: str) -> None:
        assert faults(text) == [("Expected value of type [OBJECT]", "/")]

    @pytest.mark.parametrize("deep", ["[" * 200_000, '{"a":' * 200_000, '{"a":[' * 300 + "]}" * 300])
    def test_a_text_that_is_nested_without_end_is_refused_at_once(self, deep: str) -> None:
        assert codes(deep) == [("TOO_DEEPLY_NESTED", None)]

    def test_brackets_inside_of_texts_do_not_nest(self) -> None:
        assert validate_definition(machine({**PASS, "Result": "[{" * 5000 + '"\\'})) == ()

    def test_a_definition_of_a_megabyte_is_read(self) -> None:
        states = {f"S{n}": {"Type": "Pass", "Result": "x" * 500, "Next": f"S{n + 1}"} for n in range(1800)}
        text = json.dumps({"StartAt": "S0", "States": states | {"S1800": PASS}})
        assert len(text) > 1_000_000
        assert len(compile_definition(text).states) == 1801

    def test_a_state_name_that_is_given_twice_is_refused(self) -> None:
        text = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}, "A": {"Type": "Succeed"}}}'
        assert validate_definition(text) == (
            Diagnostic("DUPLICATE_STATE_NAME", "Duplicate State name: A", "/States/A"),
        )


class TestMachine:
    def test_states_and_start_are_required(self) -> None:
        assert faults("{}") == [("These fields are required: [States, StartAt]", "/")]
        assert faults(json.dumps({"StartAt": "A"})) == [("These fields are required: [States]", "/")]
        assert faults(json.dumps({"States": {"A": PASS}})) == [("These fields are required: [StartAt]", "/")]

    def test_its_own_fields_are_compiled(self) -> None:
        program = compile_definition(
            machine(PASS, Comment="c", Version="1.0", TimeoutSeconds=60, QueryLanguage="JSONPath")
        )
        assert (program.start_at, program.comment, program.timeout_seconds) == ("S", "c", 60)

    @pytest.mark.parametrize(
        ("fields", "fault"),
        [
            ({"Foo": 1}, ("Field 'Foo' is not supported", "/")),
            ({"Comment": 1}, ("Expected value of type [STRING]", "/Comment")),
            ({"Version": None}, ("Expected value of type [STRING]", "/Version")),
            ({"TimeoutSeconds": "9"}, ("Expected value of type [INTEGER]", "/TimeoutSeconds")),
            ({"TimeoutSeconds": True}, ("Expected value of type [INTEGER]", "/TimeoutSeconds")),
            ({"TimeoutSeconds": 0}, ("The value must be between 1 and 99999999", "/TimeoutSeconds")),
            ({"TimeoutSeconds": 10**30}, ("The value must be between 1 and 99999999", "/TimeoutSeconds")),
            (
                {"QueryLanguage": "SQL"},
                ("The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]", "/QueryLanguage"),
            ),
        ],
    )
    def test_a_wrong_field_is_reported_where_it_stands(self, fields: dict[str, Any], fault: tuple[str, str]) -> None:
        assert faults(machine(PASS, **fields)) == [fault]

    def test_every_fault_is_reported_at_once(self) -> None:
        states = {
            "A": {"Type": "Pass", "Next": "B", "Foo": 1},
            "B": {"Type": "Wait", "Next": "C"},
            "C": {"Type": "Task", "End": True},
        }
        with pytest.raises(InvalidDefinition) as refusal:
            compile_definition(json.dumps({"StartAt": "A", "States": states}))
        assert [fault.location for fault in refusal.value.diagnostics] == ["/States/A", "/States/B", "/States/C"]

    def test_what_validates_compiles_and_what_does_not_is_refused_with_the_same_faults(self) -> None:
        bad = machine({**TASK, "Resource": "f", "Next": "Nowhere"})
        with pytest.raises(InvalidDefinition) as refusal:
            compile_definition(bad)
        assert refusal.value.diagnostics == validate_definition(bad)


class TestTransitions:
    def test_targets_must_be_states_of_the_same_program(self) -> None:
        states = {
            "A": {"Type": "Choice", "Choices": [{**CHOICE_RULE, "Next": "X"}], "Default": "Y"},
            "B": {**TASK, "Catch": [{"ErrorEquals": ["E"], "Next": "Inner"}]},
            "C": {**MAP, "End": None},
        }
        states["C"] = {"Type": "Map", "ItemProcessor": ONE_PASS, "Next": "Z"}
        found = validate_definition(json.dumps({"StartAt": "Nowhere", "States": states}))
        assert {fault.code for fault in found} == {"MISSING_TRANSITION_TARGET"}
        assert [(fault.message, fault.location) for fault in found] == [
            ("Missing 'Next' target: Nowhere", "/StartAt"),
            ("Missing 'Next' target: Y", "/States/A/Default"),
            ("Missing 'Next' target: X", "/States/A/Choices[0]/Next"),
            ("Missing 'Next' target: Inner", "/States/B/Catch[0]/Next"),
            ("Missing 'Next' target: Z", "/States/C/Next"),
            ('State "A" is not reachable.', "/States/A"),
            ('State "B" is not reachable.', "/States/B"),
            ('State "C" is not reachable.', "/States/C"),
        ]

    def test_aws_names_only_the_first_of_the_states_that_nothing_leads_to(self) -> None:
        states = {"Lost": {"Type": "Pass", "Next": "End"}, "End": {"Type": "Succeed"}, "Start": PASS}
        assert faults(json.dumps({"StartAt": "Start", "States": states})) == [
            ('State "Lost" is not reachable.', "/States/Lost")
        ]

    def test_a_state_cannot_make_itself_reachable(self) -> None:
        states = {"Start": PASS, "Lost": {"Type": "Pass", "Next": "Lost"}}
        assert codes(json.dumps({"StartAt": "Start", "States": states})) == [
            ("MISSING_TRANSITION_TARGET", "/States/Lost")
        ]

    def test_a_machine_that_can_never_end_is_refused(self) -> None:
        states = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}
        assert codes(json.dumps({"StartAt": "A", "States": states})) == [("MISSING_END_STATE", None)]

    def test_a_branch_that_can_never_end_is_refused_where_it_stands(self) -> None:
        branch = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "A"}}}
        text = machine({"Type": "Parallel", "Branches": [branch], "End": True})
        assert codes(text) == [("MISSING_END_STATE", "/States/S/Branches[0]")]

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({}, "Either 'Next' or 'End' is required"),
            ({"End": False}, "Either 'Next' or 'End' is required"),
            ({"Next": "Done", "End": True}, "Only one of these fields is allowed: [Next, End]"),
        ],
    )
    def test_a_state_has_either_next_or_end(self, fields: dict[str, Any], message: str) -> None:
        assert faults(machine({"Type": "Pass", **fields})) == [(message, "/States/S")]


class TestStateNames:
    def test_a_name_is_unique_in_the_whole_machine(self) -> None:
        text = machine({"Type": "Parallel", "Branches": [ONE_PASS, ONE_PASS], "End": True})
        assert codes(text) == [("DUPLICATE_STATE_NAME", "/States/S/Branches[1]/States/Inner")]

    @pytest.mark.parametrize("name", ["", "n" * 81])
    def test_a_name_has_1_to_80_characters(self, name: str) -> None:
        assert codes(json.dumps({"StartAt": name, "States": {name: PASS}})) == [
            ("INVALID_STATE_NAME", f"/States/{name}")
        ]


class TestFields:
    def test_a_state_has_a_type(self) -> None:
        assert faults(machine({"End": True})) == [("These fields are required: [Type]", "/States/S")]
        assert faults(machine({"Type": "Loop", "End": True})) == [
            (
                "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel,"
                " Map]",
                "/States/S/Type",
            )
        ]

    @pytest.mark.parametrize(
        ("state", "field"),
        [
            ({**PASS, "Foo": 1}, "Foo"),
            ({**PASS, "ResultSelector": {}}, "ResultSelector"),
            ({"Type": "Succeed", "End": True}, "End"),
            ({"Type": "Succeed", "ResultPath": "$"}, "ResultPath"),
            ({"Type": "Fail", "InputPath": "$"}, "InputPath"),
            ({"Type": "Wait", "Seconds": 1, "ResultPath": "$", "End": True}, "ResultPath"),
            ({"Type": "Choice", "Choices": [CHOICE_RULE], "Next": "Done"}, "Next"),
            ({"Type": "Parallel", "Branches": [ONE_PASS], "TimeoutSeconds": 1, "End": True}, "TimeoutSeconds"),
            ({**MAP, "HeartbeatSeconds": 1}, "HeartbeatSeconds"),
        ],
    )
    def test_a_state_has_only_the_fields_of_its_type(self, state: dict[str, Any], field: str) -> None:
        assert faults(machine(state)) == [(f"Field '{field}' is not supported", "/States/S")]

    def test_a_field_of_the_other_query_language_is_told_as_such(self) -> None:
        assert faults(machine({**PASS, "Output": 1})) == [
            (
                "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata'"
                " QueryLanguage",
                "/States/S",
            )
        ]
        assert faults(machine({**PASS, "QueryLanguage": "JSONata", "InputPath": "$"})) == [
            (
                "The QueryLanguage is set to 'JSONata', but field 'InputPath' is only supported for the 'JSONPath'"
                " QueryLanguage",
                "/States/S",
            )
        ]

    @pytest.mark.parametrize("field", ["InputPath", "OutputPath", "ResultPath"])
    def test_a_path_may_be_null(self, field: str) -> None:
        assert faults(machine({**PASS, field: None})) == []
        assert faults(machine({**PASS, field: 1})) == [("Expected value of type [STRING]", f"/States/S/{field}")]

    @pytest.mark.parametrize("field", ["InputPath", "OutputPath", "ResultPath"])
    def test_a_path_must_be_well_formed(self, field: str) -> None:
        assert codes(machine({**PASS, field: "x"})) == [("SCHEMA_VALIDATION_FAILED", f"/States/S/{field}")]

    def test_a_result_path_names_one_place(self) -> None:
        assert codes(machine({**PASS, "ResultPath": "$.a[*]"})) == [
            ("SCHEMA_VALIDATION_FAILED", "/States/S/ResultPath")
        ]

    def test_every_fault_of_a_template_is_reported_at_the_object_that_holds_it(self) -> None:
        template = {"a.$": "x", "b": [{"c.$": 1}], "d.$": "$.d"}
        sentence = "The value for the field '{}' must be a valid JSONPath or a valid intrinsic function call"
        assert faults(machine({**PASS, "Parameters": template})) == [
            (sentence.format("a.$"), "/States/S/Parameters"),
            (sentence.format("c.$"), "/States/S/Parameters/b[0]"),
        ]


class TestQueryLanguage:
    def test_a_jsonata_machine_has_no_jsonpath_state(self) -> None:
        assert faults(machine({**PASS, "QueryLanguage": "JSONPath"}, QueryLanguage="JSONata")) == [
            ("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine", "/States/S")
        ]

    def test_a_state_inside_a_jsonata_map_is_of_the_machines_language(self) -> None:
        inner = {"StartAt": "Inner", "States": {"Inner": {**PASS, "InputPath": "$"}}}
        assert faults(machine({**MAP, "QueryLanguage": "JSONata", "ItemProcessor": inner})) == []

    @pytest.mark.parametrize(
        "state",
        [
            {**PASS, "Output": {"a": "{% $states.input %}"}, "Assign": {"b": "{% 1 %}"}},
            {**TASK, "Arguments": "{% $x %}", "TimeoutSeconds": "{% $t %}", "Credentials": {"RoleArn": "{% $r %}"}},
            {"Type": "Wait", "Seconds": "{% $s %}", "End": True},
            {"Type": "Wait", "Timestamp": "{% $now() %}", "End": True},
            {"Type": "Fail", "Error": "{% $e %}", "Cause": "plain"},
            {"Type": "Choice", "Choices": [{"Condition": "{% $x = 1 %}", "Next": "Done", "Output": 1}]},
            {**MAP, "Items": "{% $states.input %}", "MaxConcurrency": "{% 1 %}", "ItemSelector": {"a": "{% 1 %}"}},
            {**MAP, "Items": [1, "{% 2 %}"]},
            {"Type": "Parallel", "Branches": [ONE_PASS], "Arguments": {}, "Output": 1, "End": True},
            {**TASK, "Catch": [{"ErrorEquals": ["E"], "Next": "Done", "Output": "{% $states.errorOutput %}"}]},
        ],
    )
    def test_every_field_may_hold_jsonata(self, state: dict[str, Any]) -> None:
        text = machine(state, QueryLanguage="JSONata")
        assert faults(text) == []
        compile_definition(text)

    @pytest.mark.parametrize("text", ["{% 1", "1 %}", "{%}", " {% 1 %}"])
    def test_an_expression_is_opened_and_closed(self, text: str) -> None:
        assert codes(machine({**PASS, "Output": [text]}, QueryLanguage="JSONata")) == [
            ("SCHEMA_VALIDATION_FAILED", "/States/S/Output[0]")
        ]

    def test_a_state_may_assign_variables(self) -> None:
        text = machine({**PASS, "Assign": {"x.$": "$.a", "y": 1}})
        assert faults(text) == []
        compile_definition(text)

    @pytest.mark.parametrize("name", ["", "1a", "a b", "states", "v" * 81])
    def test_a_variable_has_the_name_of_a_variable(self, name: str) -> None:
        assert codes(machine({**PASS, "Assign": {name: 1}})) == [("SCHEMA_VALIDATION_FAILED", "/States/S/Assign")]


class TestWarnings:
    def test_a_path_without_its_dollar_is_a_warning(self) -> None:
        template = {"a": "$.x", "b": {"c": "States.UUID()"}, "d.$": "$.d", "e": "costs $5"}
        assert warnings({**PASS, "Parameters": template}) == [
            ("NO_DOLLAR", "/States/S/Parameters/a"),
            ("NO_DOLLAR", "/States/S/Parameters/b/c"),
        ]

    def test_a_path_in_a_result_is_a_warning(self) -> None:
        assert warnings({**PASS, "Result": {"a.$": "$.x", "b": ["$.y"]}}) == [
            ("PASS_RESULT_IS_STATIC", "/States/S/Result/a.$"),
            ("PASS_RESULT_IS_STATIC", "/States/S/Result/b[0]"),
        ]

    def test_a_path_in_a_field_that_takes_none_is_a_warning(self) -> None:
        assert warnings({"Type": "Fail", "Error": "$.error"}) == [("NO_PATH", "/States/S/Error")]
        rule = {**CHOICE_RULE, "StringEquals": "$.y"}
        assert warnings({"Type": "Choice", "Choices": [rule]}) == [("NO_PATH", "/States/S/Choices[0]/StringEquals")]

    def test_warnings_are_shown_on_demand_and_keep_nothing_from_running(self) -> None:
        text = machine({"Type": "Fail", "Error": "$.error"})
        assert validate_definition(text) == ()
        assert isinstance(compile_definition(text).states["S"], Fail)
