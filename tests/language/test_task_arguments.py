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


def test_a_member_that_is_missing_or_null_is_for_the_service_to_judge():
    assert argument_faults(API, {"Headers": None}) == []
    assert argument_faults(parse_resource("arn:aws:states:::sqs:sendMessage"), {"Headers": "x"}) == []
