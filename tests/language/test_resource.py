"""What the Resource of a Task may name."""

from __future__ import annotations

import pytest

from stepwell.language.errors import SyntaxFault
from stepwell.language.model import Resource
from stepwell.language.resource import parse_resource


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:lambda:us-east-1:123456789012:function:HelloWorld",
        "arn:aws:lambda:us-east-1:123456789012:function:HelloWorld:$LATEST",
        "arn:aws:lambda:us-east-1:123456789012:function:HelloWorld:PROD",
        "arn:aws-cn:lambda:cn-north-1:123456789012:function:hello_world:7",
    ],
)
def test_a_function_is_named_by_its_arn_with_or_without_a_version_or_alias(arn: str) -> None:
    assert parse_resource(arn) == Resource(arn, "function")


def test_an_activity_is_named_by_its_arn() -> None:
    arn = "arn:aws:states:us-east-1:123456789012:activity:approve-order"
    assert parse_resource(arn) == Resource(arn, "activity")


@pytest.mark.parametrize(
    ("tail", "service", "action", "pattern"),
    [
        ("lambda:invoke", "lambda", "invoke", ""),
        ("lambda:invoke.waitForTaskToken", "lambda", "invoke", "waitForTaskToken"),
        ("states:startExecution.sync", "states", "startExecution", "sync"),
        ("states:startExecution.sync:2", "states", "startExecution", "sync:2"),
        ("elasticmapreduce:addStep.sync", "elasticmapreduce", "addStep", "sync"),
        ("emr-serverless:startJobRun.sync", "emr-serverless", "startJobRun", "sync"),
        ("http:invoke", "http", "invoke", ""),
    ],
)
def test_an_optimised_integration_is_service_action_and_pattern(
    tail: str, service: str, action: str, pattern: str
) -> None:
    resource = parse_resource(f"arn:aws:states:::{tail}")
    assert (resource.kind, resource.service, resource.action, resource.pattern) == ("service", service, action, pattern)
    assert resource.event_resource == tail.split(":", 1)[1]


def test_any_action_of_the_sdk_is_taken_with_or_without_a_callback() -> None:
    resource = parse_resource("arn:aws:states:::aws-sdk:s3:listObjectsV2.waitForTaskToken")
    assert (resource.service, resource.action, resource.pattern) == ("aws-sdk:s3", "listObjectsV2", "waitForTaskToken")


def test_a_states_arn_may_carry_region_and_account() -> None:
    resource = parse_resource("arn:aws:states:eu-west-1:123456789012:aws-sdk:transcribe:startTranscriptionJob")
    assert resource.service == "aws-sdk:transcribe"


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "HelloWorld",
        "arn:aws:states:::dynamodb:query",
        "arn:aws:states:::dynamodb:getItem.sync",
        "arn:aws:states:::lambda:invoke.sync",
        "arn:aws:states:::sqs:sendMessage.sync:2",
        "arn:aws:states:::states:startExecution.sync:3",
        "arn:aws:states:::states:startExecution.",
        "arn:aws:states:::aws-sdk:dynamodb:GetItem",
        "arn:aws:states:::aws-sdk:ecs:runTask.sync",
        "arn:aws:states:::aws-sdk:getItem",
        "arn:aws:states:::nosuch:invoke",
        "arn:aws:swf:us-east-1:123456789012:task:X",
        "arn:aws:lambda:us-east-1:123456789012:function:Hello World",
        "arn:aws:lambda:us-east-1:123456789012:function:HelloWorld\n",
    ],
)
def test_all_else_is_refused_in_the_words_of_aws(arn: str) -> None:
    with pytest.raises(SyntaxFault) as refusal:
        parse_resource(arn)
    assert refusal.value.message == (
        f"The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource is not"
        " available in this region."
    )
