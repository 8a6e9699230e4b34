"""AWS's quotas, as they are rehearsed: token buckets of requests, and of state transitions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from msgspec.structs import replace

from stepwell.api.admission.limits import Limits
from stepwell.api.admission.open_executions import OpenExecutions
from stepwell.api.admission.quotas import Bucket, Quotas, transitions_in
from stepwell.api.app import create_app
from stepwell.api.context import open_context
from stepwell.api.faults import ApiFault
from stepwell.api.service_model import INPUTS
from stepwell.engine.engine import Engine, EngineSettings
from stepwell.store.open import open_store
from stepwell.tasks.http.pace import Pace
from tests.api.conftest import Aws
from tests.patience import PATIENCE

PASSES = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def how_many(quotas: Quotas, operation: str) -> int:
    """Calls until one is throttled."""
    for count in range(100_000):
        try:
            quotas.take(operation)
        except ApiFault as fault:
            return count if fault.shape == "ThrottlingException" else -1
    raise AssertionError("never throttled")


def test_a_bucket_holds_what_it_holds_and_fills_by_the_second() -> None:
    now = Clock()
    bucket = Bucket((3, 2), now)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now.seconds = 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]
    now.seconds = 100
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize(
    ("region", "operation", "bucket", "refill"),
    [
        ("us-east-1", "DescribeExecution", 300, 15),
        ("eu-central-1", "DescribeExecution", 250, 10),
        ("eu-west-1", "ListExecutions", 200, 5),
        ("ap-south-1", "StopExecution", 500, 25),
        ("us-west-2", "CreateStateMachine", 100, 1),
        ("sa-east-1", "SendTaskSuccess", 1_500, 300),
    ],
)
def test_the_numbers_are_those_of_aws(region: str, operation: str, bucket: int, refill: int) -> None:
    now = Clock()
    quotas = Quotas(region, lambda: None, now)
    assert how_many(quotas, operation) == bucket
    now.seconds = 1
    assert how_many(quotas, operation) == refill


def test_starts_have_buckets_by_the_type_of_the_machine() -> None:
    quotas = Quotas("us-east-1", lambda: None, Clock())
    for _ in range(1_300):
        quotas.take_start("STANDARD")
    with pytest.raises(ApiFault):
        quotas.take_start("STANDARD")
    quotas.take_start("EXPRESS")


def test_every_operation_has_its_bucket_but_the_two_starts() -> None:
    from stepwell.api.admission.quotas import _RATES

    assert set(INPUTS) - set(_RATES) == {"StartExecution", "StartSyncExecution"}


def test_transitions_have_a_bucket_where_quotas_are_kept() -> None:
    assert transitions_in("off") is None
    assert transitions_in("us-east-1") == (5_000, 5_000)
    assert transitions_in("eu-north-1") == (800, 800)


@pytest.fixture
async def strict() -> AsyncIterator[Aws]:
    """A server that keeps to the quotas of a small region, with a bucket of 10 transitions, and 50 each second."""
    found = Aws()
    store = await open_store(":memory:")
    engine = Engine(store, found.callbacks, EngineSettings(transitions=(10, 50)))
    await engine.start()
    found.context = await open_context(engine, limits=Limits(aws_quotas="eu-north-1", overload_delay=PATIENCE))
    transport = httpx.ASGITransport(create_app(found.context), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as found.http:
        yield found
    await engine.stop(1)
    await store.close()


async def test_a_server_throttles_what_goes_beyond_and_counts_it(strict: Aws) -> None:
    machine = await strict.create()
    answers = [await strict.post("ListStateMachineVersions", {"stateMachineArn": machine}) for _ in range(150)]
    refused = [answer.json() for answer in answers if answer.status_code == 400]
    assert refused
    assert {body["__type"] for body in refused} == {"ThrottlingException"}
    metrics = (await strict.http.get("/metrics")).text
    assert f'stepwell_requests_refused_total{{reason="quota"}} {float(len(refused))}' in metrics


async def test_transitions_beyond_the_bucket_are_delayed_and_none_is_lost(strict: Aws) -> None:
    states = {f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(9)} | {"S9": {"Type": "Succeed"}}
    machine = await strict.create(definition={"StartAt": "S0", "States": states})
    loop = asyncio.get_running_loop()
    began = loop.time()
    started = [await strict.start(machine) for _ in range(6)]
    async with asyncio.timeout(PATIENCE):
        ends = [await strict.ended(execution) for execution in started]
    assert {end["status"] for end in ends} == {"SUCCEEDED"}
    assert loop.time() - began >= 0.7  # before the last of them begins, 40 more have flowed in than the bucket held
    assert strict.context is not None
    assert strict.context.engine.metrics.throttled > 0
    assert "stepwell_execution_throttled_total" in (await strict.http.get("/metrics")).text


WAITS = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}


async def test_no_more_executions_are_open_than_aws_lets_be_and_an_end_makes_room(strict: Aws) -> None:
    assert strict.context is not None
    refused: list[None] = []
    few = OpenExecutions(strict.context.store.count_running, lambda: refused.append(None), most=3)
    strict.context = replace(strict.context, open_executions=few)
    transport = httpx.ASGITransport(create_app(strict.context), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as strict.http:
        machine = await strict.create(definition=WAITS)
        started = [await strict.start(machine) for _ in range(3)]
        answer = await strict.post("StartExecution", {"stateMachineArn": machine})
        assert (answer.status_code, answer.json()["__type"]) == (400, "ExecutionLimitExceeded")
        await strict("StopExecution", executionArn=started[0])
        async with asyncio.timeout(PATIENCE):
            while (await strict.post("StartExecution", {"stateMachineArn": machine})).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        # Whoever would go on is refused as whoever would start.
        answer = await strict.post("RedriveExecution", {"executionArn": started[0]})
        assert answer.json()["__type"] == "ExecutionLimitExceeded"
        # Express executions are not counted.
        express = await strict.create(name="quick", definition=PASSES, type="EXPRESS")
        await strict("StartExecution", stateMachineArn=express)
    assert len(refused) >= 3


async def test_open_executions_are_counted_again_when_there_was_no_more_room_or_after_a_while() -> None:
    now, open_, counts = Clock(), [7], []

    async def count(most: int) -> int:
        counts.append(most)
        return min(open_[0], most)

    quota = OpenExecutions(count, lambda: None, most=10, now=now)
    await asyncio.gather(*(quota.take() for _ in range(3)))
    assert counts == [10]
    now.seconds = 1
    open_[0] = 10
    for _ in range(5):
        with pytest.raises(ApiFault, match="maximum number of running executions"):
            await quota.take()
    assert counts == [10, 10]
    now.seconds = 2
    open_[0] = 0
    await quota.take()
    now.seconds = 20
    await quota.take()
    assert counts == [10] * 4


async def test_http_tasks_wait_for_the_bucket_in_order() -> None:
    pace, order = Pace(2, 50), []
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def call(number: int) -> None:
        await pace.turn()
        order.append(number)

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(call(number) for number in range(12)))
    assert order == list(range(12))
    assert loop.time() - began >= 0.19  # ten more than the bucket holds, at 50 a second


async def test_an_execution_that_waits_for_its_turn_can_be_stopped(strict: Aws) -> None:
    never = {"Variable": "$.x", "IsPresent": True, "Next": "C"}
    states = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Choice", "Choices": [never], "Default": "A"}}
    looping = {"StartAt": "A", "States": states | {"C": {"Type": "Succeed"}}}
    machine = await strict.create(definition=looping)
    first, second = await strict.start(machine), await strict.start(machine)
    async with asyncio.timeout(PATIENCE):
        await strict("StopExecution", executionArn=second)
        await strict("StopExecution", executionArn=first)
    assert (await strict("DescribeExecution", executionArn=second))["status"] == "ABORTED"
