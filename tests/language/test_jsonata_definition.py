"""JSONata in a definition: which fields take expressions, what they answer, and what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.language.definition import compile_definition
from stepwell.language.errors import QUERY_EVALUATION_ERROR, QueryError
from stepwell.language.model import Choice, Fail, Map, Task, Wait
from tests.language.machines import CHOICE_RULE, FUNCTION, MAP, PASS, TASK, faults, machine
from tests.language.scopes import scope

NOW = 1_700_000_000_000


def compiled(state: dict[str, Any]) -> Any:
    return compile_definition(machine(state, QueryLanguage="JSONata")).states["S"]


def error(act: Any, *arguments: Any) -> tuple[str, str | None]:
    with pytest.raises(QueryError) as caught:
        act(*arguments)
    assert caught.value.error == QUERY_EVALUATION_ERROR
    return caught.value.cause, caught.value.location


def told(source: str, field: str, sentence: str) -> tuple[str, str]:
    return f"The JSONata expression '{source}' specified for the field '{field}' {sentence}", field


class TestTemplates:
    def test_strings_with_both_delimiters_are_expressions_and_all_else_is_data(self) -> None:
        output = {"a": "{% 1 + 1 %}", "b": [" {% 1 %} ", "$.a", "$x", {"c": "{%'x'%}"}], "d.$": "$", "e": None}
        found = compiled({**PASS, "Output": output}).flow.leave({}, {}, scope({})).output
        assert found == {"a": 2, "b": [" {% 1 %} ", "$.a", "$x", {"c": "x"}], "d.$": "$", "e": None}

    def test_an_error_names_the_field(self) -> None:
        flow = compiled({**PASS, "Output": {"a": [0, {"b": "{%  $no  %}"}]}}).flow
        assert error(flow.leave, {}, {}, scope({})) == told("$no", "Output/a[1]/b", "returned nothing (undefined).")

    @pytest.mark.parametrize("output", [None, True, 0.1, "text", [], {}])
    def test_an_output_of_any_type_is_taken(self, output: Any) -> None:
        assert compiled({**PASS, "Output": output}).flow.leave(1, 1, scope(1)).output == output

    def test_without_arguments_a_state_works_on_its_input(self) -> None:
        where = scope({"a": 1})
        assert compiled(TASK).flow.arguments(where) is where.input

    def test_without_output_the_result_is_the_output(self) -> None:
        assert compiled(TASK).flow.leave({"a": 1}, [2], scope({"a": 1})).output == [2]

    def test_a_catcher_sees_the_error_output(self) -> None:
        catcher = {
            "ErrorEquals": ["States.ALL"],
            "Output": "{% $states.errorOutput.Error %}",
            "Assign": {"why": "{% $states.errorOutput.Cause %}", "bad": "{% $states.input.a %}"},
            "Next": "Done",
        }
        flow = compiled({**TASK, "Catch": [catcher]}).catch[0].flow
        assert flow.leave({"a": 1}, {"Error": "E", "Cause": "C"}, scope({"a": 1})) == ("E", {"why": "C", "bad": 1})
        assert error(flow.leave, {}, {}, scope({}))[1] == "Catch[0]/Assign/why"


class TestFields:
    def choice(self, condition: Any) -> Choice:
        rule = {"Condition": condition, "Next": "Done"}
        state = compiled({"Type": "Choice", "Choices": [rule], "Default": "Done"})
        assert isinstance(state, Choice)
        return state

    @pytest.mark.parametrize(("condition", "holds"), [(True, True), (False, False), ("{% $states.input = 1 %}", True)])
    def test_a_condition_is_a_boolean(self, condition: Any, holds: bool) -> None:
        assert self.choice(condition).branches[0].rule.matches(scope(1)) is holds

    def test_a_condition_of_another_type_is_an_error(self) -> None:
        matches = self.choice("{% $states.input %}").branches[0].rule.matches
        sentence = "returned an unexpected result type. Expected 'boolean', but was 'number' for value: 1"
        assert error(matches, scope(1)) == told("$states.input", "Choices[0]/Condition", sentence)

    def test_a_rule_has_assign_and_output_of_its_own(self) -> None:
        rule = {"Condition": True, "Assign": {"x": 1}, "Output": "{% 'rule' %}", "Next": "Done"}
        other = {"Condition": True, "Next": "Done"}
        state = compiled(
            {"Type": "Choice", "Choices": [rule, other], "Default": "Done", "Assign": {"x": 2}, "Output": "state"}
        )
        where = scope("in")
        assert state.branches[0].flow.leave("in", "in", where) == ("rule", {"x": 1})
        assert state.branches[1].flow.leave("in", "in", where) == ("in", {})
        assert state.flow.leave("in", "in", where) == ("state", {"x": 2})

    @pytest.mark.parametrize(("items", "expected"), [("{% [0] %}", [0]), ([1, "{% 2 %}"], [1, 2]), ("{% [] %}", [])])
    def test_items_are_an_array(self, items: Any, expected: list[Any]) -> None:
        state = compiled({**MAP, "Items": items})
        assert isinstance(state, Map)
        assert state.items.evaluate(scope({})) == expected

    def test_items_of_another_type_are_an_error(self) -> None:
        state = compiled({**MAP, "Items": "{% {'foo': 'bar'} %}"})
        sentence = "returned an unexpected result type. Expected 'array', but was 'object' for value: {\"foo\":\"bar\"}"
        assert error(state.items.evaluate, scope({})) == told("{'foo': 'bar'}", "Items", sentence)

    def test_without_items_the_input_is_iterated_over(self) -> None:
        items = compiled(MAP).items
        assert items.evaluate(scope([1])) == [1]
        assert error(items.evaluate, scope("x")) == ('Map state input must be an array but was: "x"', None)

    def test_whole_numbers_are_within_bounds(self) -> None:
        state = compiled({**TASK, "TimeoutSeconds": "{% $states.input %}", "HeartbeatSeconds": "{% 1.0 %}"})
        assert isinstance(state, Task)
        assert state.timeout is not None
        assert state.heartbeat is not None
        assert state.heartbeat.evaluate(scope(0)) == 1
        assert state.timeout.evaluate(scope(9.0)) == 9
        for bad in (0, -1, 1.5, 10**8):
            assert error(state.timeout.evaluate, scope(bad))[1] == "TimeoutSeconds"
        sentence = "returned an unexpected result type. Expected 'number', but was 'string' for value: \"9\""
        assert error(state.timeout.evaluate, scope("9")) == told("$states.input", "TimeoutSeconds", sentence)

    def test_error_and_cause_are_texts(self) -> None:
        state = compiled({"Type": "Fail", "Error": "{% $states.input %}", "Cause": "plain"})
        assert isinstance(state, Fail)
        assert state.error is not None
        assert state.error.evaluate(scope("E")) == "E"
        assert error(state.error.evaluate, scope(1))[1] == "Error"

    def test_a_wait_takes_seconds_and_a_timestamp(self) -> None:
        seconds = compiled({"Type": "Wait", "Seconds": "{% $states.input %}", "End": True})
        until = compiled({"Type": "Wait", "Timestamp": "{% $states.input %}", "End": True})
        assert isinstance(seconds, Wait)
        assert isinstance(until, Wait)
        assert seconds.duration.until(scope(2), NOW) == NOW + 2000
        assert until.duration.until(scope("1970-01-01T00:00:09.9Z"), NOW) == 9000
        cause = "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: noon"
        assert error(until.duration.until, scope("noon"), NOW) == (cause, "Timestamp")

    @pytest.mark.parametrize("credentials", ["{% {'RoleArn': $states.input} %}", {"RoleArn": "{% $states.input %}"}])
    def test_credentials_are_an_object_with_a_role(self, credentials: Any) -> None:
        state = compiled({**TASK, "Credentials": credentials})
        assert state.credentials.evaluate(scope("arn")) == {"RoleArn": "arn"}


class TestFaults:
    @pytest.mark.parametrize(
        ("state", "place"),
        [
            ({**PASS, "Output": "{% 1 + %}"}, "Output"),
            ({**PASS, "Output": {"a": [1, "{% ( %}"]}}, "Output/a[1]"),
            ({**TASK, "Arguments": {"Payload": "{% $a. %}"}}, "Arguments/Payload"),
            ({**PASS, "Assign": {"a": "{% } %}"}}, "Assign/a"),
            ({**MAP, "Items": "{% [ %}"}, "Items"),
            ({**MAP, "ItemSelector": {"a": "{% [ %}"}}, "ItemSelector/a"),
            ({**TASK, "TimeoutSeconds": "{% 1 2 %}"}, "TimeoutSeconds"),
            ({"Type": "Choice", "Choices": [{"Condition": "{% = %}", "Next": "Done"}]}, "Choices[0]/Condition"),
            ({**TASK, "Catch": [{"ErrorEquals": ["E"], "Next": "Done", "Output": "{% ? %}"}]}, "Catch[0]/Output"),
        ],
    )
    def test_a_malformed_expression_is_told_where_it_stands(self, state: dict[str, Any], place: str) -> None:
        found = faults(machine(state, QueryLanguage="JSONata"))
        assert [location for _, location in found] == [f"/States/S/{place}"]
        assert found[0][0].startswith("The JSONata expression is not valid: S0")

    def test_the_query_languages_do_not_mix_in_one_state(self) -> None:
        mixed = {**PASS, "QueryLanguage": "JSONata", "Parameters": {}}
        assert faults(machine(mixed)) == [
            (
                "The QueryLanguage is set to 'JSONata', but field 'Parameters' is only supported for the 'JSONPath'"
                " QueryLanguage",
                "/States/S",
            )
        ]

    def test_a_jsonpath_machine_may_have_jsonata_states(self) -> None:
        state = {"Type": "Task", "Resource": FUNCTION, "QueryLanguage": "JSONata", "Arguments": {}, "Next": "Done"}
        assert faults(machine(state)) == []
        assert CHOICE_RULE["Next"] == "Done"
