"""Aliases of state machines, as AWS's clients know them."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from stepwell.api.operations import aliases

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:orders"
LIVE = f"{ARN}:live"


def passing(result: object) -> str:
    return json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": result, "End": True}}})


def routes(*weights: tuple[int, int]) -> list[dict]:
    """Routes to versions: (number, weight)."""
    return [{"stateMachineVersionArn": f"{ARN}:{number}", "weight": weight} for number, weight in weights]


@pytest.fixture
async def orders(aws) -> str:
    """A machine with the versions 1 and 2, whose executions end with their number."""
    await aws.create(definition=json.loads(passing(1)), publish=True)
    await aws("UpdateStateMachine", stateMachineArn=ARN, definition=passing(2), publish=True)
    return ARN


async def create(aws, *weights: tuple[int, int], name: str = "live", **members: object) -> dict:
    return await aws("CreateStateMachineAlias", name=name, routingConfiguration=routes(*weights), **members)


async def test_an_alias_is_made_described_changed_and_deleted(aws, orders: str) -> None:
    made = await create(aws, (1, 100), description="old")
    assert made["stateMachineAliasArn"] == LIVE
    assert await aws("DescribeStateMachineAlias", stateMachineAliasArn=LIVE) == {
        "stateMachineAliasArn": LIVE,
        "name": "live",
        "description": "old",
        "routingConfiguration": routes((1, 100)),
        "creationDate": made["creationDate"],
        "updateDate": made["creationDate"],
    }
    await aws("UpdateStateMachineAlias", stateMachineAliasArn=LIVE, description="new")
    changed = await aws(
        "UpdateStateMachineAlias", stateMachineAliasArn=LIVE, routingConfiguration=routes((1, 50), (2, 50))
    )
    found = await aws("DescribeStateMachineAlias", stateMachineAliasArn=LIVE)
    assert (found["description"], found["routingConfiguration"]) == ("new", routes((1, 50), (2, 50)))
    assert found["updateDate"] == changed["updateDate"]
    assert await aws("DeleteStateMachineAlias", stateMachineAliasArn=LIVE) == {}
    for operation in ("DescribeStateMachineAlias", "DeleteStateMachineAlias"):
        assert await aws.fault(operation, stateMachineAliasArn=LIVE) == (
            "ResourceNotFound",
            "Request references a resource that does not exist.",
        )


async def test_creating_again_is_idempotent_by_description_and_routes(aws, orders: str) -> None:
    first = await create(aws, (1, 100), description="d")
    assert await create(aws, (1, 100), description="d") == first
    for other in ({"description": "e"}, {"description": "d", "routingConfiguration": routes((2, 100))}):
        request = {"name": "live", "routingConfiguration": routes((1, 100)), **other}
        answer = await aws.post("CreateStateMachineAlias", request)
        assert (answer.status_code, answer.json()["__type"]) == (409, "ConflictException")


async def test_an_execution_through_an_alias_tells_both(aws, orders: str) -> None:
    await create(aws, (1, 100))
    execution = await aws.start(LIVE)
    found = await aws.ended(execution)
    assert (found["output"], found["stateMachineArn"]) == ("1", ARN)
    assert (found["stateMachineVersionArn"], found["stateMachineAliasArn"]) == (f"{ARN}:1", LIVE)
    (started, *_) = (await aws("GetExecutionHistory", executionArn=execution))["events"]
    assert started["executionStartedEventDetails"]["stateMachineAliasArn"] == LIVE
    await aws.start(f"{ARN}:1")
    listed = (await aws("ListExecutions", stateMachineArn=LIVE))["executions"]
    assert [item["executionArn"] for item in listed] == [execution]
    assert len((await aws("ListExecutions", stateMachineArn=f"{ARN}:1"))["executions"]) == 2


@pytest.mark.parametrize(("drawn", "output"), [(0, "1"), (89, "1"), (90, "2"), (99, "2")])
async def test_executions_are_shared_out_by_weight(
    aws, orders: str, monkeypatch: pytest.MonkeyPatch, drawn: int, output: str
) -> None:
    await create(aws, (1, 90), (2, 10))
    monkeypatch.setattr("stepwell.api.machines.secrets.randbelow", lambda _: drawn)
    assert (await aws.ended(await aws.start(LIVE)))["output"] == output


async def test_a_weight_of_zero_gets_nothing(aws, orders: str) -> None:
    await create(aws, (1, 0), (2, 100))
    outputs = Counter([(await aws.ended(await aws.start(LIVE)))["output"] for _ in range(10)])
    assert outputs == {"2": 10}


async def test_an_alias_is_described_as_the_version_that_it_names(aws, orders: str) -> None:
    await create(aws, (1, 100))
    found = await aws("DescribeStateMachine", stateMachineArn=LIVE)
    assert (found["stateMachineArn"], found["definition"]) == (f"{ARN}:1", passing(1))


async def test_a_version_that_an_alias_names_is_not_deleted(aws, orders: str) -> None:
    await create(aws, (1, 100))
    await create(aws, (1, 50), (2, 50), name="test")
    answer = await aws.post("DeleteStateMachineVersion", {"stateMachineVersionArn": f"{ARN}:1"})
    assert (answer.status_code, answer.json()["message"]) == (
        409,
        "Version to be deleted must not be referenced by an alias. "
        "Current list of aliases referencing this version: [live, test]",
    )
    for name in ("live", "test"):
        alias = f"{ARN}:{name}"
        await aws("UpdateStateMachineAlias", stateMachineAliasArn=alias, routingConfiguration=routes((2, 100)))
    assert await aws("DeleteStateMachineVersion", stateMachineVersionArn=f"{ARN}:1") == {}


async def test_aliases_are_listed_page_by_page_and_by_version(aws, orders: str) -> None:
    for name, version in (("c", 1), ("a", 2), ("b", 1)):
        await create(aws, (version, 100), name=name)
    page = await aws("ListStateMachineAliases", stateMachineArn=ARN, maxResults=2)
    assert [item["stateMachineAliasArn"][-1] for item in page["stateMachineAliases"]] == ["c", "a"]
    rest = await aws("ListStateMachineAliases", stateMachineArn=ARN, nextToken=page["nextToken"])
    assert [item["stateMachineAliasArn"][-1] for item in rest["stateMachineAliases"]] == ["b"]
    of_first = await aws("ListStateMachineAliases", stateMachineArn=f"{ARN}:1")
    assert [item["stateMachineAliasArn"][-1] for item in of_first["stateMachineAliases"]] == ["c", "b"]
    assert (await aws.fault("ListStateMachineAliases", stateMachineArn=f"{ARN}2"))[0] == "StateMachineDoesNotExist"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            [{"stateMachineVersionArn": ARN, "weight": 100}],
            f"Routing configuration must contain state machine version ARNs. Received: [{ARN}]",
        ),
        (routes((1, 50), (2, 49)), "Sum of routing configuration weights must equal 100. Received: [50, 49]"),
        (
            routes((1, 50), (1, 50)),
            f"Routing configuration must contain distinct state machine version ARNs. Received: [{ARN}:1, {ARN}:1]",
        ),
    ],
)
async def test_routes_that_make_no_sense_are_refused(aws, orders: str, given: list[dict], message: str) -> None:
    answer = await aws.post("CreateStateMachineAlias", {"name": "live", "routingConfiguration": given})
    assert answer.json() == {
        "__type": "ValidationException",
        "message": message,
        "reason": "INVALID_ROUTING_CONFIGURATION",
    }


async def test_an_alias_needs_versions_that_are_there(aws, orders: str) -> None:
    request = {"name": "live", "routingConfiguration": routes((3, 100))}
    assert (await aws.fault("CreateStateMachineAlias", **request))[0] == "ResourceNotFound"
    await create(aws, (1, 100))
    update = {"stateMachineAliasArn": LIVE, "routingConfiguration": routes((3, 100))}
    assert (await aws.fault("UpdateStateMachineAlias", **update))[0] == "ResourceNotFound"
    assert (await aws.fault("UpdateStateMachineAlias", stateMachineAliasArn=LIVE))[0] == "ValidationException"


async def test_there_is_a_limit_to_aliases(aws, orders: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aliases, "MAX_ALIASES", 1)
    await create(aws, (1, 100))
    answer = await aws.post("CreateStateMachineAlias", {"name": "b", "routingConfiguration": routes((1, 100))})
    assert (answer.status_code, answer.json()["__type"]) == (402, "ServiceQuotaExceededException")


async def test_versions_and_aliases_have_no_tags(aws, orders: str) -> None:
    await create(aws, (1, 100))
    for arn in (f"{ARN}:1", LIVE):
        assert await aws.fault("TagResource", resourceArn=arn, tags=[{"key": "a", "value": "b"}]) == (
            "ResourceNotFound",
            f"Resource not found: '{arn}'",
        )


async def test_a_deleted_machine_takes_its_aliases_along(aws, orders: str) -> None:
    await create(aws, (1, 100))
    await aws("DeleteStateMachine", stateMachineArn=ARN)
    await aws.create(publish=True)
    assert await aws("ListStateMachineAliases", stateMachineArn=ARN) == {"stateMachineAliases": []}
    assert (await aws.fault("StartExecution", stateMachineArn=LIVE))[0] == "StateMachineDoesNotExist"
