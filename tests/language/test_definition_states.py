"""What each type of state may say, and what a good one compiles to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepwell.language.definition import compile_definition
from stepwell.language.diagnostics import InvalidDefinition
from stepwell.language.errors import QueryError
from stepwell.language.model import Choice, Fail, Map, Parallel, Pass, Succeed, Task, Wait
from tests.language.machines import (
    ACTIVITY,
    CHOICE_RULE,
    DISTRIBUTED,
    FUNCTION,
    MAP,
    ONE_PASS,
    PASS,
    TASK,
    codes,
    faults,
    machine,
    nothing,
)


class TestPass:
    def test_a_result_of_null_is_not_the_same_as_none(self) -> None:
        with_null = compile_definition(machine({**PASS, "Result": None})).states["S"]
        without = compile_definition(machine(PASS)).states["S"]
        assert isinstance(with_null, Pass)
        assert isinstance(without, Pass)
        assert (with_null.has_result, without.has_result) == (True, False)

    def test_a_state_that_ends_has_no_next(self) -> None:
        program = compile_definition(machine({"Type": "Pass", "Next": "Done", "Comment": "c"}))
        assert (program.states["S"].next, program.states["S"].comment) == ("Done", "c")
        assert isinstance(program.states["Done"], Succeed)
        assert program.states["Done"].next is None


class TestFail:
    def test_error_and_cause_are_texts_or_paths(self) -> None:
        state = compile_definition(machine({"Type": "Fail", "Error": "E", "CausePath": "$.cause"})).states["S"]
        assert isinstance(state, Fail)
        assert state.error is not None
        assert state.cause is not None
        assert state.error.evaluate(nothing()) == "E"
        assert state.cause.evaluate(nothing({"cause": "why"})) == "why"

    def test_a_text_and_a_path_exclude_each_other(self) -> None:
        assert faults(machine({"Type": "Fail", "Error": "E", "ErrorPath": "$.e"})) == [
            ("Only one of these fields is allowed: [Error, ErrorPath]", "/States/S")
        ]

    def test_a_path_must_be_a_path_or_an_intrinsic_call(self) -> None:
        assert codes(machine({"Type": "Fail", "ErrorPath": "E"})) == [("SCHEMA_VALIDATION_FAILED", "/States/S")]


class TestWait:
    @pytest.mark.parametrize(
        ("field", "value", "end"),
        [
            ("Seconds", 10, 11_000),
            ("SecondsPath", "$.seconds", 6_000),
            ("Timestamp", "1970-01-01T00:01:00Z", 60_000),
            ("TimestampPath", "$.time", 120_000),
        ],
    )
    def test_it_waits_in_one_of_four_forms(self, field: str, value: Any, end: int) -> None:
        state = compile_definition(machine({"Type": "Wait", field: value, "End": True})).states["S"]
        assert isinstance(state, Wait)
        scope = nothing({"seconds": 5, "time": "1970-01-01T00:02:00Z"})
        assert state.duration.until(scope, 1000) == end

    @pytest.mark.parametrize("fields", [{}, {"Seconds": 1, "SecondsPath": "$.s"}, {"Seconds": 1, "Timestamp": "x"}])
    def test_it_has_exactly_one_of_them(self, fields: dict[str, Any]) -> None:
        assert faults(machine({"Type": "Wait", **fields, "End": True})) == [
            ("Exactly one of these fields is required: [Seconds, Timestamp, SecondsPath, TimestampPath]", "/States/S")
        ]

    @pytest.mark.parametrize("text", ["2016-13-05T21:29:29Z", "05-12-2016T21:29:29Z", "2016-12-05T25:29:29Z", ""])
    def test_a_timestamp_is_one_of_rfc_3339(self, text: str) -> None:
        assert faults(machine({"Type": "Wait", "Timestamp": text, "End": True})) == [
            ("String does not match RFC3339 timestamp", "/States/S/Timestamp")
        ]

    @pytest.mark.parametrize("seconds", [-1, 1.5, "1", 100_000_000])
    def test_seconds_are_a_whole_number_in_range(self, seconds: Any) -> None:
        assert codes(machine({"Type": "Wait", "Seconds": seconds, "End": True})) == [
            ("SCHEMA_VALIDATION_FAILED", "/States/S/Seconds")
        ]


class TestChoice:
    def test_its_branches_keep_their_order(self) -> None:
        rules = [{**CHOICE_RULE, "Comment": "first"}, {**CHOICE_RULE, "StringEquals": "b"}]
        state = compile_definition(machine({"Type": "Choice", "Choices": rules, "Default": "Done"})).states["S"]
        assert isinstance(state, Choice)
        assert (state.default, [branch.next for branch in state.branches]) == ("Done", ["Done", "Done"])
        assert [branch.rule.matches(nothing({"x": "b"})) for branch in state.branches] == [False, True]
        assert state.branches[0].comment == "first"

    @pytest.mark.parametrize(
        ("rule", "fault"),
        [
            ({"Variable": "$.x", "StringEquals": "a"}, ("These fields are required: [Next]", "")),
            ({"StringEquals": "a", "Next": "Done"}, ("These fields are required: [Variable]", "")),
            ({"Variable": "$.x", "Next": "Done"}, ("A choice rule must have a comparison operator", "")),
            ({**CHOICE_RULE, "Foo": 1}, ("Field 'Foo' is not supported", "")),
            (
                {**CHOICE_RULE, "StringLessThan": "b"},
                ("Only one of these fields is allowed: [StringEquals, StringLessThan]", ""),
            ),
            ({**CHOICE_RULE, "StringEquals": 1}, ("Expected value of type [STRING]", "/StringEquals")),
            (
                {"Variable": "$.x", "NumericEquals": "1", "Next": "Done"},
                ("Expected value of type [NUMBER]", "/NumericEquals"),
            ),
            (
                {"Variable": "$.x", "NumericEquals": True, "Next": "Done"},
                ("Expected value of type [NUMBER]", "/NumericEquals"),
            ),
            (
                {"Variable": "$.x", "IsPresent": "true", "Next": "Done"},
                ("Expected value of type [BOOLEAN]", "/IsPresent"),
            ),
            (
                {"Variable": "$.x", "TimestampEquals": "soon", "Next": "Done"},
                ("String does not match RFC3339 timestamp", "/TimestampEquals"),
            ),
            ({"And": [], "Next": "Done"}, ("The array must have at least 1 item", "/And")),
            ({"Not": [], "Next": "Done"}, ("Expected value of type [OBJECT]", "/Not")),
            (
                {"Or": [{"Variable": "$.x", "IsNull": True, "Next": "Done"}], "Next": "Done"},
                ("Field 'Next' is not supported", "/Or[0]"),
            ),
            (
                {"Not": {"And": [{"IsNull": True}]}, "Next": "Done"},
                ("These fields are required: [Variable]", "/Not/And[0]"),
            ),
        ],
    )
    def test_a_rule_has_the_shape_of_a_rule(self, rule: dict[str, Any], fault: tuple[str, str]) -> None:
        message, place = fault
        # A second rule keeps the state Done reachable.
        assert faults(machine({"Type": "Choice", "Choices": [rule, CHOICE_RULE]})) == [
            (message, f"/States/S/Choices[0]{place}")
        ]

    @pytest.mark.parametrize(
        ("rule", "place"),
        [
            ({**CHOICE_RULE, "Variable": "x"}, "Variable"),
            ({"Not": {"Variable": "$.x", "NumericEqualsPath": "$.a["}, "Next": "Done"}, "Not/NumericEqualsPath"),
        ],
    )
    def test_a_path_of_a_rule_must_be_well_formed(self, rule: dict[str, Any], place: str) -> None:
        text = machine({"Type": "Choice", "Choices": [rule]})
        assert codes(text) == [("SCHEMA_VALIDATION_FAILED", f"/States/S/Choices[0]/{place}")]

    def test_a_number_of_any_size_can_be_compared_with(self) -> None:
        rule = {"Variable": "$.x", "NumericEquals": 10**300, "Next": "Done"}
        assert faults(machine({"Type": "Choice", "Choices": [rule]})) == []

    def test_there_is_at_least_one_rule(self) -> None:
        assert faults(machine({"Type": "Choice", "Default": "Done"})) == [
            ("These fields are required: [Choices]", "/States/S")
        ]
        assert faults(machine({"Type": "Choice", "Choices": [], "Default": "Done"})) == [
            ("The array must have at least 1 item", "/States/S/Choices")
        ]


class TestTask:
    def test_it_is_compiled_with_its_resource_and_times(self) -> None:
        fields = {"TimeoutSeconds": 60, "HeartbeatSecondsPath": "$.beat", "Credentials": {"RoleArn.$": "$.role"}}
        state = compile_definition(machine({**TASK, **fields})).states["S"]
        assert isinstance(state, Task)
        assert state.timeout is not None
        assert state.heartbeat is not None
        assert state.credentials is not None
        scope = nothing({"beat": 7, "role": "r"})
        assert (state.resource.arn, state.resource.kind) == (FUNCTION, "function")
        assert (state.timeout.evaluate(scope), state.heartbeat.evaluate(scope)) == (60, 7)
        assert state.credentials.evaluate(scope) == {"RoleArn": "r"}

    @pytest.mark.parametrize(
        ("fields", "fault"),
        [
            ({"Resource": None}, ("Expected value of type [STRING]", "/Resource")),
            (
                {"TimeoutSeconds": 1, "TimeoutSecondsPath": "$.t"},
                ("Only one of these fields is allowed: [TimeoutSeconds, TimeoutSecondsPath]", ""),
            ),
            ({"TimeoutSeconds": 0}, ("The value must be between 1 and 99999999", "/TimeoutSeconds")),
            (
                {"TimeoutSeconds": 10, "HeartbeatSeconds": 10},
                ("'HeartbeatSeconds' must be smaller than 'TimeoutSeconds'", "/HeartbeatSeconds"),
            ),
            ({"Credentials": {}}, ("The field 'RoleArn' is required but was missing", "/Credentials")),
            ({"Credentials": {"InvalidField": 1}}, ("The field 'RoleArn' is required but was missing", "/Credentials")),
        ],
    )
    def test_a_wrong_field_is_reported_where_it_stands(self, fields: dict[str, Any], fault: tuple[str, str]) -> None:
        message, place = fault
        assert faults(machine({**TASK, **fields})) == [(message, f"/States/S{place}")]

    def test_an_unknown_resource_is_refused(self) -> None:
        arn = "arn:aws:states:::dynamodb:query"
        sentence = (
            f"The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource"
            " is not available in this region."
        )
        assert faults(machine({**TASK, "Resource": arn})) == [(sentence, "/States/S/Resource")]

    @pytest.mark.parametrize(
        ("arn", "sentence"),
        [
            (ACTIVITY, "Express state machine does not support Activity ARN"),
            (
                "arn:aws:states:::states:startExecution.sync",
                "Express state machine does not support '.sync' service integration",
            ),
            (
                "arn:aws:states:::sns:publish.waitForTaskToken",
                "Express state machine does not support '.waitForTaskToken' service integration ",
            ),
        ],
    )
    def test_an_express_machine_waits_for_nothing_but_an_answer(self, arn: str, sentence: str) -> None:
        text = machine({**TASK, "Resource": arn})
        assert faults(text) == []
        assert faults(text, machine_type="EXPRESS") == [(sentence, "/States/S/Resource")]
        with pytest.raises(InvalidDefinition):
            compile_definition(text, machine_type="EXPRESS")


class TestParallel:
    def test_each_branch_is_a_program(self) -> None:
        other = {"StartAt": "Other", "States": {"Other": PASS}, "Comment": "c"}
        state = compile_definition(machine({"Type": "Parallel", "Branches": [ONE_PASS, other], "End": True})).states[
            "S"
        ]
        assert isinstance(state, Parallel)
        assert [branch.start_at for branch in state.branches] == ["Inner", "Other"]
        assert [branch.timeout_seconds for branch in state.branches] == [None, None]

    @pytest.mark.parametrize(
        ("branches", "fault"),
        [
            ([], ("The array must have at least 1 item", "/Branches")),
            ([1], ("Expected value of type [OBJECT]", "/Branches[0]")),
            ([{**ONE_PASS, "TimeoutSeconds": 1}], ("Field 'TimeoutSeconds' is not supported", "/Branches[0]")),
            ([{"States": {}}], ("These fields are required: [StartAt]", "/Branches[0]")),
        ],
    )
    def test_a_wrong_branch_is_reported_where_it_stands(self, branches: list[Any], fault: tuple[str, str]) -> None:
        message, place = fault
        assert faults(machine({"Type": "Parallel", "Branches": branches, "End": True})) == [
            (message, f"/States/S{place}")
        ]


class TestMap:
    def test_its_items_are_its_input_unless_a_path_says_otherwise(self) -> None:
        plain = compile_definition(machine(MAP)).states["S"]
        chosen = compile_definition(machine({**MAP, "ItemsPath": "$.items", "MaxConcurrency": 2})).states["S"]
        assert isinstance(plain, Map)
        assert isinstance(chosen, Map)
        assert plain.items.evaluate(nothing([1])) == [1]
        assert chosen.items.evaluate(nothing({"items": [2]})) == [2]
        assert plain.max_concurrency is None
        assert chosen.max_concurrency is not None
        assert chosen.max_concurrency.evaluate(nothing()) == 2
        assert (plain.distributed, plain.processor.start_at) == (False, "Inner")

    def test_the_older_names_mean_the_same(self) -> None:
        old = {"Type": "Map", "Iterator": ONE_PASS, "Parameters": {"a.$": "$.x"}, "End": True}
        state = compile_definition(machine(old)).states["S"]
        assert isinstance(state, Map)
        assert state.item_selector is not None
        assert state.item_selector.evaluate(nothing({"x": 1})) == {"a": 1}
        assert state.flow.arguments(nothing({"x": 1})) == {"x": 1}

    def test_a_distributed_map_keeps_its_fields_as_they_stand(self) -> None:
        reader = {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "MaxItems": 10},
            "Parameters": {"Bucket": "b", "Key.$": "$.key"},
        }
        fields = {
            "ItemReader": reader,
            "ItemBatcher": {"MaxItemsPerBatch": 5, "BatchInput": {"a.$": "$.a"}},
            "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}},
            "Label": "label",
        }
        state = compile_definition(machine({**DISTRIBUTED, **fields})).states["S"]
        assert isinstance(state, Map)
        assert state.distributed
        assert state.distributed_fields == {
            **fields,
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        }

    def test_tolerated_failures_are_evaluated(self) -> None:
        fields = {"ToleratedFailurePercentage": 12.5, "ToleratedFailureCountPath": "$.count"}
        state = compile_definition(machine({**DISTRIBUTED, **fields})).states["S"]
        assert isinstance(state, Map)
        assert state.tolerated_percentage is not None
        assert state.tolerated_percentage.evaluate(nothing({})) == 12.5
        assert state.tolerated_count is not None
        assert state.tolerated_count.evaluate(nothing({"count": 3})) == 3

    @pytest.mark.parametrize("share", ["x", -1, 101])
    def test_a_tolerated_share_of_failures_is_a_percentage(self, share: object) -> None:
        fields = {"ToleratedFailurePercentagePath": "$.share"}
        state = compile_definition(machine({**DISTRIBUTED, **fields})).states["S"]
        assert isinstance(state, Map)
        assert state.tolerated_percentage is not None
        with pytest.raises(QueryError):
            state.tolerated_percentage.evaluate(nothing({"share": share}))

    @pytest.mark.parametrize(
        ("fields", "fault"),
        [
            ({"Iterator": ONE_PASS}, ("Only one of these fields is allowed: [ItemProcessor, Iterator]", "")),
            (
                {"ItemSelector": {}, "Parameters": {}},
                ("Only one of these fields is allowed: [ItemSelector, Parameters]", ""),
            ),
            ({"ItemProcessor": []}, ("Expected value of type [OBJECT]", "/ItemProcessor")),
            ({"MaxConcurrency": -1}, ("The value must be between 0 and 99999999", "/MaxConcurrency")),
            ({"ItemReader": {"Resource": "arn:aws:states:::s3:getItem"}}, None),
            (
                {"ToleratedFailurePercentage": 101},
                ("The value must be between 0 and 100", "/ToleratedFailurePercentage"),
            ),
            ({"ItemBatcher": {}}, None),
            ({"ResultWriter": {}}, ("These fields are required: [Resource]", "/ResultWriter")),
        ],
    )
    def test_a_wrong_field_is_reported_where_it_stands(
        self, fields: dict[str, Any], fault: tuple[str, str] | None
    ) -> None:
        found = faults(machine({**DISTRIBUTED, **fields}))
        assert len(found) == 1
        if fault is not None:
            assert found == [(fault[0], f"/States/S{fault[1]}")]

    @pytest.mark.parametrize(
        ("label", "code"),
        [("", "INVALID_LABEL_NAME"), ("l" * 41, "INVALID_LABEL_NAME")]
        + [(f"label_{char}", "INVALID_LABEL_NAME") for char in '?*<>{}[]"#%\\^|~`$&,;:/ \n\x00\x7f\x85\x9e'],
    )
    def test_a_label_is_short_and_free_of_special_characters(self, label: str, code: str) -> None:
        assert codes(machine({**DISTRIBUTED, "Label": label})) == [(code, "/States/S/Label")]

    def test_a_label_is_unique(self) -> None:
        def labelled(inner: str) -> dict[str, Any]:
            processor = {**DISTRIBUTED["ItemProcessor"], "StartAt": inner, "States": {inner: PASS}}
            return {"Type": "Map", "ItemProcessor": processor, "Label": "twice"}

        states = {"A": {**labelled("InA"), "Next": "B"}, "B": {**labelled("InB"), "End": True}}
        assert codes(json.dumps({"StartAt": "A", "States": states})) == [("DUPLICATE_LABEL_NAME", "/States/B/Label")]

    def test_only_a_distributed_map_reads_and_writes_elsewhere(self) -> None:
        assert faults(machine({**MAP, "Label": "l"})) == [
            ("Field 'Label' is only supported when 'Mode' is 'DISTRIBUTED'", "/States/S")
        ]
        assert faults(machine({**MAP, "ToleratedFailureCount": 1})) == []

    def test_a_distributed_map_says_how_its_items_run(self) -> None:
        processor = {**ONE_PASS, "ProcessorConfig": {"Mode": "DISTRIBUTED"}}
        assert faults(machine({**MAP, "ItemProcessor": processor})) == [
            ("These fields are required: [ExecutionType]", "/States/S/ItemProcessor/ProcessorConfig")
        ]

    def test_the_items_of_a_distributed_map_may_run_as_express_workflows(self) -> None:
        inner = {"StartAt": "T", "States": {"T": {**TASK, "Resource": ACTIVITY}}}
        processor = {**inner, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}}
        assert faults(machine({**MAP, "ItemProcessor": processor})) == [
            ("Express state machine does not support Activity ARN", "/States/S/ItemProcessor/States/T/Resource")
        ]
