"""Whatever becomes of a definition, it compiles or is refused with a reason; nothing else ever happens."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.language.definition import compile_definition, validate_definition
from stepwell.language.diagnostics import InvalidDefinition

ERRORS: dict[str, Any] = {
    "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 1, "BackoffRate": 1.5, "MaxDelaySeconds": 9}],
    "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "End", "ResultPath": "$.error"}],
}
JSONPATH: dict[str, Any] = {
    "StartAt": "Task",
    "TimeoutSeconds": 60,
    "States": {
        "Task": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token", "list": [{"a.$": "$.a"}]}},
            "ResultSelector": {"id.$": "States.UUID()"},
            "ResultPath": "$.task.result",
            "TimeoutSeconds": 30,
            "HeartbeatSecondsPath": "$.beat",
            "Credentials": {"RoleArn": "arn:aws:iam::123456789012:role/r"},
            **ERRORS,
            "Next": "Choice",
        },
        "Choice": {
            "Type": "Choice",
            "Choices": [
                {"Not": {"And": [{"Variable": "$.a", "IsPresent": True}]}, "Next": "Wait"},
                {"Variable": "$.a", "TimestampLessThan": "2020-01-01T00:00:00Z", "Next": "Map"},
                {"Variable": "$.a", "NumericEqualsPath": "$.b", "Next": "Parallel"},
            ],
            "Default": "End",
        },
        "Wait": {"Type": "Wait", "SecondsPath": "$.s", "OutputPath": None, "Next": "End"},
        "Map": {
            "Type": "Map",
            "ItemsPath": "$.items[*]",
            "ItemSelector": {"v.$": "$$.Map.Item.Value"},
            "MaxConcurrency": 2,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
                "StartAt": "InMap",
                "States": {"InMap": {"Type": "Pass", "Result": [1], "End": True}},
            },
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"]},
            },
            "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"a.$": "$.a"}},
            "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}},
            "Label": "l",
            **ERRORS,
            "Next": "End",
        },
        "Parallel": {
            "Type": "Parallel",
            "Branches": [{"StartAt": "A", "States": {"A": {"Type": "Fail", "ErrorPath": "$.e", "Cause": "c"}}}],
            "InputPath": "$.in",
            "End": True,
        },
        "End": {"Type": "Succeed"},
    },
}
JSONATA: dict[str, Any] = {
    "QueryLanguage": "JSONata",
    "StartAt": "Task",
    "States": {
        "Task": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Arguments": {"a": "{% $states.input %}"},
            "Assign": {"x": "{% 1 %}"},
            "TimeoutSeconds": "{% 9 %}",
            "Next": "Choice",
        },
        "Choice": {"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Next": "End"}]},
        "End": {"Type": "Fail", "Error": "{% 'e' %}"},
    },
}
BROKEN = ["$", "$$", "$.", "$.a[", "$..", "$[?(@", "$x", "States.Format('", "States.ALL", "{%", "%}", "{%x%}"]
MEANT = [
    "Map",
    "Task",
    "Pass",
    "Wait",
    "Choice",
    "JSONata",
    "DISTRIBUTED",
    "End",
    "A",
    "arn:aws:states:::lambda:invoke",
]
WORDS = st.sampled_from(["", "é\x00", *BROKEN, *MEANT])
NAMES = WORDS | st.sampled_from(
    ["Type", "Next", "End", "Result", "Retry", "Iterator", "States", "Assign", "Not", "a.$"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.sampled_from([0, 1, 5, -1, 1e308, 0.5, 2.0])
    | WORDS
    | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) in a document."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


@st.composite
def mutants(draw: st.DrawFn) -> str:
    """A good definition with one to four changes: something replaced, removed, renamed, moved or wrapped."""
    document = copy.deepcopy(draw(st.sampled_from([JSONPATH, JSONATA])))
    for _ in range(draw(st.integers(1, 4))):
        found = list(places(document))
        if not found:
            break
        container, key = found[draw(st.integers(0, len(found) - 1))]
        match draw(st.sampled_from(["replace", "remove", "rename", "move", "wrap"])):
            case "replace":
                container[key] = draw(VALUES)
            case "remove":
                del container[key]
            case "rename" if isinstance(container, dict):
                container[draw(NAMES)] = container.pop(key)
            case "move":
                other, place = found[draw(st.integers(0, len(found) - 1))]
                container[key] = copy.deepcopy(other[place])
            case "wrap":
                container[key] = draw(st.sampled_from([[container[key]], {"Not": container[key]}]))
    return json.dumps(document)


def refusal_of(text: str) -> InvalidDefinition | None:
    try:
        compile_definition(text)
    except InvalidDefinition as refusal:
        return refusal
    return None


def check(text: str) -> None:
    """Compiling either works or gives reasons, and validating agrees."""
    errors = validate_definition(text)
    refusal = refusal_of(text)
    if refusal is None:
        assert errors == ()
        return
    assert refusal.diagnostics
    assert refusal.aws_message()
    if errors:
        assert refusal.diagnostics == errors
    else:
        assert all("not supported yet" in found.message for found in refusal.diagnostics)


@given(mutants())
@settings(max_examples=300, deadline=None)
def test_a_changed_definition_compiles_or_is_refused(text: str) -> None:
    check(text)


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_any_json_compiles_or_is_refused(value: Any) -> None:
    check(json.dumps(value))


@given(st.text(max_size=40) | st.text('{}[]":, a1\\', max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_text_compiles_or_is_refused(text: str) -> None:
    check(text)


def test_the_originals_are_good() -> None:
    assert validate_definition(json.dumps(JSONPATH)) == ()
    assert validate_definition(json.dumps(JSONATA)) == ()
    assert compile_definition(json.dumps(JSONPATH)).start_at == "Task"


def test_every_kind_of_nesting_stays_within_the_stack() -> None:
    def nested(kind: str, depth: int) -> Any:
        value: Any = "x" if kind in ("list", "object") else {"Variable": "$.a", "IsNull": True}
        for _ in range(depth):
            value = {"list": [value], "object": {"a": value}, "Not": {"Not": value}, "And": {"And": [value]}}[kind]
        return value

    for kind in ("list", "object"):
        for field in ("Parameters", "Result"):
            check(
                json.dumps({"StartAt": "S", "States": {"S": {"Type": "Pass", field: nested(kind, 120), "End": True}}})
            )
    for kind, depth in (("Not", 120), ("And", 60)):
        state = {"Type": "Choice", "Choices": [{**nested(kind, depth), "Next": "T"}]}
        check(json.dumps({"StartAt": "S", "States": {"S": state, "T": {"Type": "Succeed"}}}))
    program: Any = {"StartAt": "S30", "States": {"S30": {"Type": "Succeed"}}}
    for level in range(29, 0, -1):
        name = f"S{level}"
        program = {"StartAt": name, "States": {name: {"Type": "Parallel", "Branches": [program], "End": True}}}
    assert compile_definition(json.dumps(program)).start_at == "S1"
