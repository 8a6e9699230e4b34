"""Requests are checked against the service model, in AWS's words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.api.faults import ApiFault
from stepwell.api.service_model import INPUTS, SHAPES
from stepwell.api.validation import compile_operation

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:orders"


def refusal(operation: str, request: object) -> tuple[str, str]:
    with pytest.raises(ApiFault) as caught:
        compile_operation(operation)(request)  # type: ignore[arg-type]
    return caught.value.shape, caught.value.message


def one_error(value: str, member: str, constraint: str) -> tuple[str, str]:
    return (
        "ValidationException",
        f"1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: {constraint}",
    )


def test_a_sound_request_comes_back_as_it_is() -> None:
    request = {"stateMachineArn": ARN, "name": "a", "input": "{}"}
    assert compile_operation("StartExecution")(request) is request


def test_unknown_members_are_ignored() -> None:
    compile_operation("ListStateMachines")({"maxResults": 5, "colour": {"of": "the sky"}})


def test_a_null_is_a_member_that_is_not_there() -> None:
    compile_operation("StartExecution")({"stateMachineArn": ARN, "name": None})
    assert refusal("StartExecution", {"stateMachineArn": None}) == one_error(
        "null", "stateMachineArn", "Member must not be null"
    )


def test_a_missing_required_member_must_not_be_null() -> None:
    assert refusal("DescribeActivity", {}) == one_error("null", "activityArn", "Member must not be null")


@pytest.mark.parametrize(
    ("operation", "request_", "value", "member", "constraint"),
    [
        ("CreateActivity", {"name": ""}, "''", "name", "Member must have length greater than or equal to 1"),
        (
            "CreateActivity",
            {"name": "n" * 81},
            f"'{'n' * 81}'",
            "name",
            "Member must have length less than or equal to 80",
        ),
        (
            "ListStateMachines",
            {"maxResults": 1001},
            "'1001'",
            "maxResults",
            "Member must have value less than or equal to 1000",
        ),
        (
            "ListStateMachines",
            {"maxResults": -1},
            "'-1'",
            "maxResults",
            "Member must have value greater than or equal to 0",
        ),
        (
            "ListExecutions",
            {"statusFilter": "succeeded"},
            "'succeeded'",
            "statusFilter",
            "Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]",
        ),
        (
            "StartExecution",
            {"stateMachineArn": ARN, "traceHeader": "é"},
            "'é'",
            "traceHeader",
            r"Member must satisfy regular expression pattern: \p{ASCII}*",
        ),
        (
            "UpdateMapRun",
            {"mapRunArn": ARN, "toleratedFailurePercentage": 100.5},
            "'100.5'",
            "toleratedFailurePercentage",
            "Member must have value less than or equal to 100",
        ),
    ],
)
def test_a_broken_constraint_is_told_in_the_words_of_aws(
    operation: str, request_: dict[str, object], value: str, member: str, constraint: str
) -> None:
    assert refusal(operation, request_) == one_error(value, member, constraint)


@pytest.mark.parametrize("name", ["123", "INVALID ALIAS", "!INVALID", "ALIAS@"])
def test_an_alias_is_never_all_digits_and_has_no_odd_characters(name: str) -> None:
    route = [{"stateMachineVersionArn": f"{ARN}:1", "weight": 100}]
    assert refusal("CreateStateMachineAlias", {"name": name, "routingConfiguration": route}) == one_error(
        f"'{name}'",
        "name",
        r"Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$",
    )


def test_several_broken_constraints_are_told_together() -> None:
    _, message = refusal("ListExecutions", {"maxResults": 1001, "statusFilter": "DONE"})
    assert message.startswith("2 validation errors detected: Value 'DONE' at 'statusFilter' failed")
    assert "; Value '1001' at 'maxResults' failed" in message


def test_members_of_a_list_are_named_by_their_place() -> None:
    tags = [{"key": "a", "value": "b"}, {"key": "", "value": "b"}]
    assert refusal("TagResource", {"resourceArn": ARN, "tags": tags}) == one_error(
        "''", "tags.2.member.key", "Member must have length greater than or equal to 1"
    )


def test_plain_members_of_a_list_are_told_at_the_list() -> None:
    assert refusal("UntagResource", {"resourceArn": ARN, "tagKeys": ["a", ""]}) == one_error(
        "'[a, ]'",
        "tagKeys",
        "Member must satisfy constraint: [Member must have length less than or equal to 128, "
        "Member must have length greater than or equal to 1]",
    )


def test_sensitive_values_never_get_into_a_message() -> None:
    secret = "s3cret" * 400
    _, message = refusal("SendTaskHeartbeat", {"taskToken": secret})
    assert "s3cret" not in message
    assert "Value '***SENSITIVE***' at 'taskToken' failed to satisfy constraint" in message


def test_payloads_are_measured_in_bytes_of_utf_8() -> None:
    check = compile_operation("StartExecution")
    check({"stateMachineArn": ARN, "input": "é" * 131_072})
    assert refusal("StartExecution", {"stateMachineArn": ARN, "input": "é" * 131_073}) == one_error(
        "'***SENSITIVE***'", "input", "Member must have length less than or equal to 262144"
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (5, "NUMBER_VALUE cannot be converted to String"),
        (True, "TRUE_VALUE cannot be converted to String"),
        ({}, "Start of structure or map found where not expected."),
        ([], "Start of list found where not expected"),
    ],
)
def test_a_wrong_json_type_cannot_be_read(value: object, message: str) -> None:
    assert refusal("DescribeActivity", {"activityArn": value}) == ("SerializationException", message)


@pytest.mark.parametrize("value", ["10", 1.5, True, 2**31, -(2**31) - 1])
def test_a_whole_number_is_one_of_32_bits(value: object) -> None:
    assert refusal("ListStateMachines", {"maxResults": value})[0] == "SerializationException"


@pytest.mark.parametrize("request_", ["text", 5, None, [], True])
def test_a_request_is_an_object(request_: object) -> None:
    assert refusal("ListStateMachines", request_)[0] == "SerializationException"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(data=st.data(), operation=st.sampled_from(sorted(INPUTS)))
def test_no_request_whatever_gets_another_answer_than_yes_or_a_refusal(data: st.DataObject, operation: str) -> None:
    members = sorted(SHAPES[INPUTS[operation]]["members"])
    request = data.draw(st.dictionaries(st.sampled_from(members), json_values))
    try:
        assert compile_operation(operation)(request) is request
    except ApiFault as fault:
        shape = fault.shape
    else:
        shape = "ValidationException"
    assert shape in ("ValidationException", "SerializationException")
