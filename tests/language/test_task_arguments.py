"""What is checked about a task's arguments before the call."""

import pytest

from stepwell.language.resource import parse_resource
from stepwell.language.task_arguments import argument_faults

API = parse_resource("arn:aws:states:::apigateway:invoke")


@pytest.mark.parametrize("name", ["Headers", "QueryParameters"])
def test_headers_and_query_parameters_map_names_to_lists(name):
    assert argument_faults(API, {name: {"a": ["1", "2"]}}) == []
    assert argument_faults(API, {name: {"a": "1"}}) == [f"The value of the field '{name}' has an invalid format"]
    assert argument_faults(API, {name: "a"}) == [f"The value of the field '{name}' has an invalid format"]


def test_a_member_that_says_what_to_call_must_be_there():
    execution = parse_resource("arn:aws:states:::states:startExecution.sync:2")
    assert argument_faults(execution, None) == ["The field 'StateMachineArn' is required but was missing"]
    function = parse_resource("arn:aws:states:::lambda:invoke")
    assert argument_faults(function, {"Payload": 1}) == ["The field 'FunctionName' is required but was missing"]
    assert argument_faults(function, {"FunctionName": None}) == []


def test_a_member_that_is_null_is_for_the_service_to_judge():
    assert argument_faults(API, {"Headers": None}) == []
    queue = parse_resource("arn:aws:states:::sqs:sendMessage")
    assert argument_faults(queue, {"QueueUrl": "q", "MessageBody": None, "Headers": "x"}) == []
