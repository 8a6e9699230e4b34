"""Map runs: listed, described, changed while they run, and their children found."""

from __future__ import annotations

import json
import uuid

PROCESSOR = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
WAITING = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}


def distributed(processor: dict, **members: object) -> dict:
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    state = {"Type": "Map", "ItemProcessor": {**processor, "ProcessorConfig": config}, "End": True, **members}
    return {"StartAt": "M", "States": {"M": state}}


async def started(aws, definition: dict) -> tuple[str, str]:
    """The ARNs of an execution and of its map run."""
    machine = await aws.create(definition=definition)
    execution = await aws.start(machine, input="[1,2,3]")
    (run,) = (await aws("ListMapRuns", executionArn=execution))["mapRuns"]
    return execution, run["mapRunArn"]


async def test_a_map_run_is_described_with_its_counts(aws) -> None:
    execution, arn = await started(aws, distributed(PROCESSOR, MaxConcurrency=2, Label="L"))
    await aws.ended(execution)
    described = await aws("DescribeMapRun", mapRunArn=arn)
    counts = {"pending": 0, "running": 0, "succeeded": 3, "failed": 0, "timedOut": 0, "aborted": 0, "total": 3}
    counts |= {"resultsWritten": 3, "failuresNotRedrivable": 0, "pendingRedrive": 0}
    assert described.pop("startDate") <= described.pop("stopDate")
    assert described == {
        "mapRunArn": arn,
        "executionArn": execution,
        "status": "SUCCEEDED",
        "maxConcurrency": 2,
        "toleratedFailurePercentage": 0.0,
        "toleratedFailureCount": 0,
        "itemCounts": counts,
        "executionCounts": counts,
        "redriveCount": 0,
    }
    (listed,) = (await aws("ListMapRuns", executionArn=execution))["mapRuns"]
    assert listed["stateMachineArn"].endswith(":stateMachine:orders/L")


async def test_children_are_listed_by_their_map_run_and_describe_it(aws) -> None:
    execution, arn = await started(aws, distributed(PROCESSOR, Label="L"))
    await aws.ended(execution)
    children = (await aws("ListExecutions", mapRunArn=arn))["executions"]
    assert [(child["mapRunArn"], child["itemCount"]) for child in children] == [(arn, 1)] * 3
    child = children[0]["executionArn"]
    assert (await aws("DescribeExecution", executionArn=child))["mapRunArn"] == arn
    machine = await aws("DescribeStateMachineForExecution", executionArn=child)
    assert (machine["mapRunArn"], machine["label"], json.loads(machine["definition"])) == (arn, "L", PROCESSOR)
    assert (await aws("GetExecutionHistory", executionArn=child))["events"][-1]["type"] == "ExecutionSucceeded"
    assert (await aws("ListExecutions", mapRunArn=arn, statusFilter="FAILED"))["executions"] == []


async def test_a_redriven_run_tells_what_goes_on_and_what_waits_for_it(aws) -> None:
    execution, arn = await started(aws, distributed(WAITING))
    while (await aws("DescribeMapRun", mapRunArn=arn))["executionCounts"]["running"] < 3:
        pass
    await aws("UpdateMapRun", mapRunArn=arn, maxConcurrency=2)
    await aws("StopExecution", executionArn=execution)
    while (await aws("DescribeMapRun", mapRunArn=arn))["status"] == "RUNNING":
        pass
    for child in (await aws("ListExecutions", mapRunArn=arn, statusFilter="ABORTED"))["executions"]:
        described = await aws("DescribeExecution", executionArn=child["executionArn"])
        assert described["redriveStatus"] == "REDRIVABLE_BY_MAP_RUN"
    await aws("RedriveExecution", executionArn=execution)
    while len((await aws("ListExecutions", mapRunArn=arn, statusFilter="RUNNING"))["executions"]) < 2:
        pass
    described = await aws("DescribeMapRun", mapRunArn=arn)
    assert (described["redriveCount"], described["status"]) == (1, "RUNNING")
    assert described["redriveDate"] >= described["startDate"]
    counts = described["executionCounts"]
    assert (counts["total"], counts["pending"], counts["pendingRedrive"], counts["aborted"]) == (3, 0, 1, 0)
    (waiting,) = (await aws("ListExecutions", mapRunArn=arn, statusFilter="PENDING_REDRIVE"))["executions"]
    assert waiting["status"] == "PENDING_REDRIVE"
    described = await aws("DescribeExecution", executionArn=waiting["executionArn"])
    assert described["status"] == "PENDING_REDRIVE"
    assert (await aws("ListExecutions", mapRunArn=arn, statusFilter="ABORTED"))["executions"] == []
    redriven = (await aws("ListExecutions", mapRunArn=arn, redriveFilter="REDRIVEN"))["executions"]
    assert [child["redriveCount"] for child in redriven] == [1, 1]
    events = (await aws("GetExecutionHistory", executionArn=execution))["events"]
    assert events[-1]["mapRunRedrivenEventDetails"] == {"mapRunArn": arn, "redriveCount": 1}


async def test_children_and_map_runs_come_in_pages(aws) -> None:
    execution, arn = await started(aws, distributed(PROCESSOR))
    await aws.ended(execution)
    first = await aws("ListExecutions", mapRunArn=arn, maxResults=2)
    second = await aws("ListExecutions", mapRunArn=arn, maxResults=2, nextToken=first["nextToken"])
    assert len({row["name"] for row in first["executions"] + second["executions"]}) == 3
    assert "nextToken" not in second


async def test_more_children_begin_once_the_run_may_have_more(aws) -> None:
    _, arn = await started(aws, distributed(WAITING, MaxConcurrency=1))
    while (await aws("DescribeMapRun", mapRunArn=arn))["itemCounts"]["running"] < 1:
        pass
    assert await aws("UpdateMapRun", mapRunArn=arn, maxConcurrency=3, toleratedFailurePercentage=12.5) == {}
    described = await aws("DescribeMapRun", mapRunArn=arn)
    assert (described["maxConcurrency"], described["toleratedFailurePercentage"]) == (3, 12.5)
    while (await aws("DescribeMapRun", mapRunArn=arn))["itemCounts"]["running"] < 3:
        pass


async def test_a_run_that_has_ended_or_does_not_exist_cannot_be_changed(aws) -> None:
    execution, arn = await started(aws, distributed(PROCESSOR))
    await aws.ended(execution)
    assert (await aws.fault("UpdateMapRun", mapRunArn=arn, maxConcurrency=3))[0] == "ValidationException"
    other = arn.rpartition(":")[0] + f":{uuid.uuid4()}"
    for operation in ("DescribeMapRun", "UpdateMapRun"):
        assert await aws.fault(operation, mapRunArn=other, **({"maxConcurrency": 1} if "Up" in operation else {})) == (
            "ResourceNotFound",
            f"Resource not found: '{other}'",
        )
    assert (await aws.fault("DescribeMapRun", mapRunArn=execution))[0] == "InvalidArn"
