"""Tags of machines and activities."""

from __future__ import annotations

import json

import pytest

ROLE = "arn:aws:iam::123456789012:role/x"
ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:orders"


def pairs(*names: str) -> list[dict[str, str]]:
    return [{"key": name, "value": f"{name}-value"} for name in names]


async def test_tags_are_set_replaced_and_removed(aws) -> None:
    await aws.create(tags=pairs("a"))
    assert await aws("TagResource", resourceArn=ARN, tags=[*pairs("b"), {"key": "a", "value": ""}]) == {}
    tags = (await aws("ListTagsForResource", resourceArn=ARN))["tags"]
    assert sorted(tags, key=lambda tag: tag["key"]) == [{"key": "a", "value": ""}, *pairs("b")]
    assert await aws("UntagResource", resourceArn=ARN, tagKeys=["a", "a", "never"]) == {}
    assert await aws("ListTagsForResource", resourceArn=ARN) == {"tags": pairs("b")}


async def test_activities_have_tags(aws) -> None:
    arn = (await aws("CreateActivity", name="pack", tags=pairs("a")))["activityArn"]
    assert await aws("ListTagsForResource", resourceArn=arn) == {"tags": pairs("a")}


async def test_a_resource_has_at_most_50_tags(aws, definitions) -> None:
    await aws.create(tags=pairs(*(f"k{n}" for n in range(50))))
    await aws("TagResource", resourceArn=ARN, tags=pairs("k0"))
    answer = await aws.post("TagResource", {"resourceArn": ARN, "tags": pairs("k50")})
    assert (answer.json()["__type"], answer.json()["resourceName"]) == ("TooManyTags", ARN)
    many = pairs(*(f"k{n}" for n in range(51)))
    request = {"name": "other", "definition": json.dumps(definitions["pass"]), "roleArn": ROLE, "tags": many}
    assert (await aws.fault("CreateStateMachine", **request))[0] == "TooManyTags"


@pytest.mark.parametrize(
    "tag", [{"key": "aws:mine", "value": ""}, {"key": "a;b", "value": ""}, {"key": "a", "value": "<"}]
)
async def test_tags_are_written_as_aws_asks(aws, tag: dict[str, str]) -> None:
    await aws.create()
    assert (await aws.fault("TagResource", resourceArn=ARN, tags=[tag]))[0] == "ValidationException"


async def test_a_tag_has_a_key(aws) -> None:
    await aws.create()
    assert await aws.fault("TagResource", resourceArn=ARN, tags=[{"value": "a"}]) == (
        "ValidationException",
        "1 validation error detected: Value null at 'tags.1.member.key' failed to satisfy constraint: "
        "Member must not be null",
    )


@pytest.mark.parametrize("arn", [ARN, f"{ARN}:1", ARN.replace("stateMachine", "activity")])
async def test_what_is_not_there_has_no_tags(aws, arn: str) -> None:
    answer = await aws.post("ListTagsForResource", {"resourceArn": arn})
    assert answer.json() == {
        "__type": "ResourceNotFound",
        "message": f"Resource not found: '{arn}'",
        "resourceName": arn,
    }


async def test_executions_have_no_tags(aws) -> None:
    assert await aws.fault("ListTagsForResource", resourceArn=ARN.replace("stateMachine", "execution") + ":one") == (
        "InvalidArn",
        "Invalid Arn: 'Resource type not valid in this context: execution'",
    )
