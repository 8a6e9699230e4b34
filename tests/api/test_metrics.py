"""What the server tells about itself: numbers for Prometheus, and whether it is ready."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stepwell.store.protocol import StoreError
from tests.api.conftest import PASS

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:orders"
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Bad"}}}


async def metrics(aws) -> dict[tuple[str, ...], float]:
    """Every sample: its name and the values of its labels, and its value."""
    answer = await aws.http.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


async def test_executions_are_counted_by_machine_and_end(aws) -> None:
    machine = await aws.create(definition=PASS)
    for _ in range(3):
        await aws.ended(await aws.start(machine))
    failing = await aws.create(name="failing", definition=FAIL)
    await aws.ended(await aws.start(failing))
    found = await metrics(aws)
    assert found["stepwell_executions_started_total", machine] == 3
    assert found["stepwell_executions_ended_total", machine, "SUCCEEDED"] == 3
    assert found["stepwell_executions_ended_total", failing, "FAILED"] == 1
    assert found["stepwell_transitions_total",] == 4
    assert found["stepwell_events_total", "PassStateEntered"] == 3
    assert found["stepwell_commits_total",] >= 1
    assert found["stepwell_committed_turns_total",] == found["stepwell_turns_total",] == 4


async def test_express_executions_count_too(aws) -> None:
    machine = await aws.create(name="quick", type="EXPRESS")
    await aws("StartSyncExecution", stateMachineArn=machine)
    found = await metrics(aws)
    assert found["stepwell_executions_started_total", machine] == 1
    assert found["stepwell_executions_ended_total", machine, "SUCCEEDED"] == 1


async def test_requests_are_counted_and_timed_by_operation_and_answer(aws) -> None:
    machine = await aws.create()
    await aws("DescribeStateMachine", stateMachineArn=machine)
    await aws.fault("DescribeStateMachine", stateMachineArn=machine + "x")
    found = await metrics(aws)
    assert found["stepwell_requests_total", "DescribeStateMachine", "200"] == 1
    assert found["stepwell_requests_total", "DescribeStateMachine", "400"] == 1
    assert found["stepwell_request_seconds_count", "DescribeStateMachine"] == 2
    assert found["stepwell_request_seconds_bucket", "+Inf", "DescribeStateMachine"] == 2
    assert found["stepwell_request_seconds_sum", "DescribeStateMachine"] > 0


async def test_no_execution_is_a_label(aws) -> None:
    machine = await aws.create(definition=PASS)
    await aws.ended(await aws.start(machine, name="of-nobody-elses-business"))
    assert "of-nobody-elses-business" not in (await aws.http.get("/metrics")).text


async def test_the_server_is_ready_while_its_store_answers(aws, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = await aws.http.get("/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})

    async def broken(_: int) -> None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(aws.context.store, "next_timer", broken)
    answer = await aws.http.get("/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "why": "the disk is gone"})


async def test_a_server_that_stops_is_not_ready(aws) -> None:
    aws.context.closing.set()
    answer = await aws.http.get("/ready")
    assert (answer.status_code, answer.json()["why"]) == (503, "the server is shutting down")
