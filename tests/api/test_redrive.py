"""RedriveExecution, as AWS's clients know it."""

from __future__ import annotations

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:orders"
ONE = "arn:aws:states:us-east-1:123456789012:execution:orders:one"


async def stopped(aws, definition: dict) -> None:
    """An execution that was stopped before its end."""
    await aws.create(definition=definition)
    await aws.start(ARN, name="one")
    await aws("StopExecution", executionArn=ONE)


async def test_a_redriven_execution_tells_when_and_how_often(aws, definitions) -> None:
    await stopped(aws, definitions["wait"])
    assert (await aws("DescribeExecution", executionArn=ONE))["redriveStatus"] == "REDRIVABLE"
    redriven = await aws("RedriveExecution", executionArn=ONE)
    found = await aws("DescribeExecution", executionArn=ONE)
    assert (found["status"], found["redriveCount"], found["redriveDate"]) == ("RUNNING", 1, redriven["redriveDate"])
    assert "stopDate" not in found
    (listed,) = (await aws("ListExecutions", stateMachineArn=ARN, statusFilter="RUNNING"))["executions"]
    assert (listed["redriveCount"], listed["redriveDate"]) == (1, redriven["redriveDate"])
    (event,) = [
        event
        for event in (await aws("GetExecutionHistory", executionArn=ONE))["events"]
        if event["type"] == "ExecutionRedriven"
    ]
    assert event["executionRedrivenEventDetails"] == {"redriveCount": 1}


async def test_a_redriven_execution_is_listed_by_its_redrive(aws, definitions) -> None:
    await stopped(aws, definitions["wait"])
    await aws.start(ARN, name="two")
    await aws("RedriveExecution", executionArn=ONE)
    listed = (await aws("ListExecutions", stateMachineArn=ARN))["executions"]
    assert [item["name"] for item in listed] == ["one", "two"]


async def test_the_same_client_token_redrives_once(aws, definitions) -> None:
    await stopped(aws, definitions["wait"])
    first = await aws("RedriveExecution", executionArn=ONE, clientToken="once")
    assert await aws("RedriveExecution", executionArn=ONE, clientToken="once") == first


async def test_what_cannot_be_redriven_is_refused(aws, definitions) -> None:
    await aws.create(definition=definitions["wait"])
    await aws.start(ARN, name="one")
    shape, message = await aws.fault("RedriveExecution", executionArn=ONE)
    assert (shape, "Execution is RUNNING and cannot be redriven" in message) == ("ExecutionNotRedrivable", True)
    missing = ONE.replace(":one", ":none")
    assert (await aws.fault("RedriveExecution", executionArn=missing))[0] == "ExecutionDoesNotExist"
    express = "arn:aws:states:us-east-1:123456789012:express:orders:one:two"
    assert (await aws.fault("RedriveExecution", executionArn=express))[0] == "InvalidArn"
    assert (await aws.fault("RedriveExecution", executionArn=ONE, clientToken="a b"))[0] == "ValidationException"


async def test_a_redriven_execution_keeps_its_version_though_the_alias_moves_on(aws, definitions) -> None:
    await aws.create(definition=definitions["wait"], publish=True)
    await aws("UpdateStateMachine", stateMachineArn=ARN, roleArn="arn:aws:iam::123456789012:role/y", publish=True)
    routes = [{"stateMachineVersionArn": f"{ARN}:1", "weight": 100}]
    await aws("CreateStateMachineAlias", name="live", routingConfiguration=routes)
    await aws.start(f"{ARN}:live", name="one")
    await aws("StopExecution", executionArn=ONE)
    routes[0]["stateMachineVersionArn"] = f"{ARN}:2"
    await aws("UpdateStateMachineAlias", stateMachineAliasArn=f"{ARN}:live", routingConfiguration=routes)
    await aws("RedriveExecution", executionArn=ONE)
    found = await aws("DescribeExecution", executionArn=ONE)
    assert (found["stateMachineVersionArn"], found["stateMachineAliasArn"]) == (f"{ARN}:1", f"{ARN}:live")


async def test_pending_redrive_is_a_status_of_map_runs_only(aws) -> None:
    await aws.create()
    for filter in ({"statusFilter": "PENDING_REDRIVE"}, {"redriveFilter": "REDRIVEN"}):
        assert (await aws.fault("ListExecutions", stateMachineArn=ARN, **filter))[0] == "ValidationException"
