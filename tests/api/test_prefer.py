"""`Prefer: wait=N` on DescribeExecution: the answer comes when the execution has ended, or the time is over."""

from __future__ import annotations

import asyncio
import time

import pytest

from stepwell.api.prefer import wait_preferred
from tests.api.conftest import WAIT, Aws


async def test_the_answer_comes_with_the_end_of_the_execution(aws: Aws) -> None:
    execution = await aws.start(await aws.create(definition=WAIT))
    waiting = asyncio.create_task(aws.post("DescribeExecution", {"executionArn": execution}, prefer="wait=30"))
    await asyncio.sleep(0.03)
    assert not waiting.done()
    await aws("StopExecution", executionArn=execution)
    answer = await waiting
    assert answer.json()["status"] == "ABORTED"
    assert answer.headers["preference-applied"] == "wait=30"


async def test_the_answer_of_an_execution_that_goes_on_comes_when_the_time_is_over(aws: Aws) -> None:
    execution = await aws.start(await aws.create(definition=WAIT))
    begin = time.monotonic()
    answer = await aws.post("DescribeExecution", {"executionArn": execution}, prefer="wait=1")
    assert answer.json()["status"] == "RUNNING"
    assert time.monotonic() - begin >= 0.9


async def test_an_execution_that_has_ended_is_answered_at_once(aws: Aws) -> None:
    execution = await aws.start(await aws.create())
    await aws.ended(execution)
    answer = await aws.post("DescribeExecution", {"executionArn": execution}, prefer="respond-async, wait=60")
    assert answer.json()["status"] == "SUCCEEDED"


async def test_a_closing_server_answers_at_once(aws: Aws) -> None:
    assert aws.context is not None
    execution = await aws.start(await aws.create(definition=WAIT))
    waiting = asyncio.create_task(aws.post("DescribeExecution", {"executionArn": execution}, prefer="wait=60"))
    await asyncio.sleep(0.01)
    aws.context.closing.set()
    assert (await asyncio.wait_for(waiting, 40)).json()["status"] == "RUNNING"  # else it ends after a minute


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"wait=10", 10),
        (b"respond-async, wait=10", 10),
        (b'Wait = "7"; x=1', 7),
        (b"wait=100000", 60),
        (b"wait=0", 0),
        (b"wait=soon", 0),
        (b"await=5", 0),
        (b"", 0),
    ],
)
def test_the_preference_is_read_as_rfc_7240_says(header: bytes, seconds: int) -> None:
    assert wait_preferred(header) == seconds
