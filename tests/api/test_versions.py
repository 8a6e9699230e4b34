"""Versions of state machines, as AWS's clients know them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from stepwell.api.operations import versions

ROLE = "arn:aws:iam::123456789012:role/x"
ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:orders"


def passing(result: object) -> dict:
    """A definition whose executions end with this output."""
    return {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": result, "End": True}}}


async def update(aws, result: object, **members: object) -> dict:
    return await aws("UpdateStateMachine", stateMachineArn=ARN, definition=json.dumps(passing(result)), **members)


async def numbers(aws, **members: object) -> list[str]:
    found = await aws("ListStateMachineVersions", stateMachineArn=ARN, **members)
    return [item["stateMachineVersionArn"].removeprefix(f"{ARN}:") for item in found["stateMachineVersions"]]


async def test_creating_and_updating_may_publish(aws, definitions) -> None:
    made = await aws(
        "CreateStateMachine", name="orders", definition=json.dumps(definitions["pass"]), roleArn=ROLE, publish=True
    )
    assert made["stateMachineVersionArn"] == f"{ARN}:1"
    assert (await update(aws, 2, publish=True))["stateMachineVersionArn"] == f"{ARN}:2"
    assert "stateMachineVersionArn" not in await update(aws, 3)
    assert await numbers(aws) == ["2", "1"]


async def test_publishing_is_idempotent_until_there_is_a_new_revision(aws) -> None:
    await aws.create()
    first = await aws("PublishStateMachineVersion", stateMachineArn=ARN, description="first")
    assert first["stateMachineVersionArn"] == f"{ARN}:1"
    assert await aws("PublishStateMachineVersion", stateMachineArn=ARN, description="other") == first
    assert await aws("PublishStateMachineVersion", stateMachineArn=ARN, revisionId="INITIAL") == first
    updated = await update(aws, 2)
    second = await aws("PublishStateMachineVersion", stateMachineArn=ARN, revisionId=updated["revisionId"])
    assert second["stateMachineVersionArn"] == f"{ARN}:2"


async def test_updating_to_the_same_publishes_the_same_version(aws, definitions) -> None:
    await aws.create()
    text = json.dumps(definitions["pass"])
    for _ in range(2):
        answer = await aws("UpdateStateMachine", stateMachineArn=ARN, definition=text, publish=True)
        assert (answer["stateMachineVersionArn"], "revisionId" in answer) == (f"{ARN}:1", False)


async def test_only_the_present_revision_is_published(aws) -> None:
    await aws.create()
    updated = await update(aws, 2)
    answer = await aws.post("PublishStateMachineVersion", {"stateMachineArn": ARN, "revisionId": "INITIAL"})
    assert (answer.status_code, answer.json()) == (
        409,
        {
            "__type": "ConflictException",
            "message": "Failed to publish the State Machine version for revision INITIAL. "
            f"The current State Machine revision is {updated['revisionId']}.",
        },
    )


async def test_creating_again_is_idempotent_only_with_the_same_version(aws, definitions) -> None:
    request = {"name": "orders", "definition": json.dumps(definitions["pass"]), "roleArn": ROLE}
    first = await aws("CreateStateMachine", **request, publish=True, versionDescription="v")
    assert await aws("CreateStateMachine", **request, publish=True, versionDescription="v") == first
    for other in ({}, {"publish": True}, {"publish": True, "versionDescription": "w"}):
        assert (await aws.fault("CreateStateMachine", **request, **other))[0] == "StateMachineAlreadyExists"


async def test_a_version_is_described_as_it_was_published(aws) -> None:
    await aws.create(definition=passing(1))
    revision = (await update(aws, 2, publish=True, versionDescription="second"))["revisionId"]
    await update(aws, 3, roleArn=f"{ROLE}y", tracingConfiguration={"enabled": True})
    found = await aws("DescribeStateMachine", stateMachineArn=f"{ARN}:1")
    assert (found["stateMachineArn"], found["revisionId"], found["description"]) == (f"{ARN}:1", revision, "second")
    assert json.loads(found["definition"]) == passing(2)
    assert (found["roleArn"], found["tracingConfiguration"]) == (ROLE, {"enabled": False})
    assert json.loads((await aws("DescribeStateMachine", stateMachineArn=ARN))["definition"]) == passing(3)


async def test_a_number_is_never_given_again_and_deleting_twice_is_no_error(aws) -> None:
    await aws.create(publish=True)
    await update(aws, 2, publish=True)
    for _ in range(2):
        assert await aws("DeleteStateMachineVersion", stateMachineVersionArn=f"{ARN}:2") == {}
    assert (await aws("PublishStateMachineVersion", stateMachineArn=ARN))["stateMachineVersionArn"] == f"{ARN}:3"
    assert (await aws.fault("DeleteStateMachineVersion", stateMachineVersionArn=ARN))[0] == "ValidationException"


async def test_versions_are_listed_newest_first_page_by_page(aws) -> None:
    await aws.create(publish=True)
    for result in range(2, 6):
        await update(aws, result, publish=True)
    page = await aws("ListStateMachineVersions", stateMachineArn=ARN, maxResults=3)
    assert [item["stateMachineVersionArn"][-1] for item in page["stateMachineVersions"]] == ["5", "4", "3"]
    assert await numbers(aws, nextToken=page["nextToken"]) == ["2", "1"]
    other = f"{ARN}2"
    assert await aws("ListStateMachineVersions", stateMachineArn=other) == {"stateMachineVersions": []}
    token = {"stateMachineArn": other, "nextToken": page["nextToken"]}
    assert (await aws.fault("ListStateMachineVersions", **token))[0] == "InvalidToken"


async def test_there_is_a_limit_to_versions(aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "MAX_VERSIONS", 1)
    await aws.create(publish=True)
    await update(aws, 2)
    answer = await aws.post("PublishStateMachineVersion", {"stateMachineArn": ARN})
    assert (answer.status_code, answer.json()["__type"]) == (402, "ServiceQuotaExceededException")


async def test_an_execution_of_a_version_runs_what_was_published(aws) -> None:
    await aws.create(definition=passing(1))
    revision = (await update(aws, 2, publish=True))["revisionId"]
    await update(aws, 3)
    execution = await aws.start(f"{ARN}:1", name="one")
    found = await aws.ended(execution)
    assert execution == f"{ARN.replace('stateMachine', 'execution')}:one"
    assert (found["output"], found["stateMachineArn"], found["stateMachineVersionArn"]) == ("2", ARN, f"{ARN}:1")
    assert "stateMachineAliasArn" not in found
    events = (await aws("GetExecutionHistory", executionArn=execution))["events"]
    assert events[0]["executionStartedEventDetails"]["stateMachineVersionArn"] == f"{ARN}:1"
    of = await aws("DescribeStateMachineForExecution", executionArn=execution)
    assert (of["stateMachineArn"], of["revisionId"], json.loads(of["definition"])) == (ARN, revision, passing(2))


async def test_an_execution_keeps_the_update_date_and_configuration_of_its_revision(aws) -> None:
    await aws.create()
    first = await aws("UpdateStateMachine", stateMachineArn=ARN, tracingConfiguration={"enabled": True})
    execution = await aws.start(ARN)
    await aws("UpdateStateMachine", stateMachineArn=ARN, tracingConfiguration={"enabled": False})
    of = await aws("DescribeStateMachineForExecution", executionArn=execution)
    assert (of["updateDate"], of["tracingConfiguration"]) == (first["updateDate"], {"enabled": True})


async def test_executions_are_listed_by_version(aws) -> None:
    await aws.create(publish=True)
    await update(aws, 2, publish=True)
    started = {arn: await aws.start(arn) for arn in (ARN, f"{ARN}:1", f"{ARN}:2")}
    listed = await aws("ListExecutions", stateMachineArn=f"{ARN}:1")
    assert [item["executionArn"] for item in listed["executions"]] == [started[f"{ARN}:1"]]
    assert listed["executions"][0]["stateMachineVersionArn"] == f"{ARN}:1"
    assert len((await aws("ListExecutions", stateMachineArn=ARN))["executions"]) == 3


@pytest.mark.parametrize("operation", ["StartExecution", "ListExecutions", "DescribeStateMachine"])
async def test_a_version_that_is_not_there_is_told(aws, operation: str) -> None:
    await aws.create(publish=True)
    for arn in (f"{ARN}:2", f"{ARN}:none"):
        assert await aws.fault(operation, stateMachineArn=arn) == (
            "StateMachineDoesNotExist",
            f"State Machine Does Not Exist: '{arn}'",
        )


@pytest.mark.parametrize("operation", ["UpdateStateMachine", "PublishStateMachineVersion"])
async def test_a_version_never_changes(aws, operation: str) -> None:
    await aws.create(publish=True)
    members = {"roleArn": ROLE} if operation == "UpdateStateMachine" else {}
    assert (await aws.fault(operation, stateMachineArn=f"{ARN}:1", **members))[0] == "StateMachineDoesNotExist"


async def test_a_distributed_maps_label_is_no_version(aws) -> None:
    await aws.create()
    answer = await aws.post("StartExecution", {"stateMachineArn": f"{ARN}/each"})
    assert answer.json()["reason"] == "API_DOES_NOT_SUPPORT_LABELED_ARNS"


async def test_a_deleted_machine_takes_its_versions_along(aws) -> None:
    await aws.create(publish=True)
    await aws("DeleteStateMachine", stateMachineArn=ARN)
    await aws.create()
    assert await numbers(aws) == []
    assert (await aws("PublishStateMachineVersion", stateMachineArn=ARN))["stateMachineVersionArn"] == f"{ARN}:1"


def test_terraform_plans_applies_and_refreshes_a_machine_that_publishes(sfn: Callable[..., object]) -> None:
    """What Terraform calls for `aws_sfn_state_machine` (with `publish`) and `aws_sfn_alias`."""
    client = sfn("eu-central-1")
    definition = json.dumps(passing(1))
    assert client.validate_state_machine_definition(definition=definition, type="STANDARD")["result"] == "OK"
    made = client.create_state_machine(
        name="terraform",
        definition=definition,
        roleArn=ROLE,
        type="STANDARD",
        publish=True,
        loggingConfiguration={"level": "OFF", "includeExecutionData": False},
        tracingConfiguration={"enabled": False},
        encryptionConfiguration={"type": "AWS_OWNED_KEY"},
        tags=[{"key": "team", "value": "a"}],
    )
    arn = made["stateMachineArn"]

    def refresh() -> tuple[str, str, list[dict]]:
        found = client.describe_state_machine(stateMachineArn=arn)
        newest = client.list_state_machine_versions(stateMachineArn=arn, maxResults=1)["stateMachineVersions"]
        tags = client.list_tags_for_resource(resourceArn=arn)["tags"]
        return found["status"], newest[0]["stateMachineVersionArn"], tags

    assert refresh() == ("ACTIVE", f"{arn}:1", [{"key": "team", "value": "a"}])
    routes = [{"stateMachineVersionArn": f"{arn}:1", "weight": 100}]
    alias = client.create_state_machine_alias(name="live", routingConfiguration=routes)["stateMachineAliasArn"]
    assert client.describe_state_machine_alias(stateMachineAliasArn=alias)["routingConfiguration"] == routes

    client.update_state_machine(stateMachineArn=arn, definition=json.dumps(passing(2)), publish=True)
    client.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "b"}])
    assert refresh() == ("ACTIVE", f"{arn}:2", [{"key": "team", "value": "b"}])
    routes[0]["stateMachineVersionArn"] = f"{arn}:2"
    client.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=routes)
    assert len(client.list_state_machine_aliases(stateMachineArn=arn)["stateMachineAliases"]) == 1

    client.delete_state_machine_alias(stateMachineAliasArn=alias)
    client.delete_state_machine(stateMachineArn=arn)
    with pytest.raises(client.exceptions.StateMachineDoesNotExist):
        client.describe_state_machine(stateMachineArn=arn)
