"""Each bound of the settings, on a real server: what is asked beyond it takes nothing, and what is within goes on."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.api.admission.test_flood import MACHINE, ROLE, Client, most_memory
from tests.server import Server, serving

WAITS = {"StartAt": "W", "States": {"W": {"Type": "Wait", "SecondsPath": "$.seconds", "End": True}}}
SECONDS = 60.0
BLOB = 40_000  # characters of an input


@asynccontextmanager
async def running(folder: Path, **settings: str) -> AsyncIterator[tuple[Server, Client]]:
    bounds = {f"STEPWELL_{name.upper()}": value for name, value in settings.items()}
    with serving(folder, environment={"STEPWELL_LOG_LEVEL": "warning", **bounds}) as server:
        client = await Client.connect(server)
        made = await client.call("CreateStateMachine", name="flood", definition=json.dumps(WAITS), roleArn=ROLE)
        assert made[0] == 200
        yield server, client
        client.writer.close()


async def start_waiting(server: Server, count: int, clients: int = 8) -> None:
    """Start executions that wait for an hour, each with a large input."""
    text = json.dumps({"seconds": 3600, "blob": "x" * BLOB})

    async def one(number: int) -> None:
        client = await Client.connect(server)
        for _ in range(number, count, clients):
            status, answer = await client.call("StartExecution", stateMachineArn=MACHINE, input=text)
            assert status == 200, answer
        client.writer.close()

    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(one(number))


@pytest.mark.timeout(170)
async def test_executions_that_merely_wait_take_no_memory_beyond_those_that_are_cached(tmp_path: Path) -> None:
    async with running(tmp_path, cached_executions="20") as (server, _):
        await start_waiting(server, 200)
        before = most_memory(server)
        await start_waiting(server, 1_000)
        grown = most_memory(server) - before
        assert grown < 1_000 * BLOB / 1e6 / 2  # megabytes: not even half of their inputs, of which each is there twice


@pytest.mark.timeout(170)
async def test_polls_beyond_those_that_may_wait_are_refused_and_the_others_served(tmp_path: Path) -> None:
    async with running(tmp_path, max_waiting="10") as (server, client):
        _, made = await client.call("CreateActivity", name="dig")
        polls = [await Client.connect(server) for _ in range(40)]
        asked = [asyncio.create_task(poll.call("GetActivityTask", activityArn=made["activityArn"])) for poll in polls]
        done, waiting = await _settled(asked, 30)
        assert Counter((each.result()[0], each.result()[1]["__type"]) for each in done) == {
            (400, "ThrottlingException"): 30
        }
        # Nobody who does not wait is held up by those who do.
        assert (await client.call("ListStateMachines"))[0] == 200
        assert "stepwell_requests_refused_total" in await _text(server, "/metrics")
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for poll in polls:
            poll.writer.close()
        # Once those who waited have gone, others may.
        fresh = await Client.connect(server)
        await _gone(server, 'stepwell_requests_under_way{kind="waiting"}')
        asked = [asyncio.create_task(fresh.call("GetActivityTask", activityArn=made["activityArn"]))]
        definition = {
            "StartAt": "T",
            "States": {"T": {"Type": "Task", "Resource": made["activityArn"], "End": True}},
        }
        created = await client.call("CreateStateMachine", name="digs", definition=json.dumps(definition), roleArn=ROLE)
        await client.call("StartExecution", stateMachineArn=created[1]["stateMachineArn"])
        async with asyncio.timeout(SECONDS):
            status, task = await asked[0]
        assert (status, bool(task["taskToken"])) == (200, True)
        fresh.writer.close()


@pytest.mark.timeout(170)
async def test_bodies_that_are_sent_slowly_count_until_they_are_answered(tmp_path: Path) -> None:
    """Heads are enough to claim the room: 8 MB of bodies that never come let no more in, and their end lets others."""
    async with running(tmp_path, max_request_megabytes="8") as (server, client):
        head = (
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n"
            "X-Amz-Target: AWSStepFunctions.ListStateMachines\r\nContent-Length: 1000000\r\n\r\n{"
        )
        slow = [await Client.connect(server) for _ in range(20)]
        for each in slow:
            each.writer.write(head.encode())
            await each.writer.drain()
        async with asyncio.timeout(SECONDS):
            while not await _refusals(server, "memory"):
                status, _ = await client.call("ListStateMachines", nextToken="x" * 900_000)
                assert status == 400
        assert (await client.get("/ready"))[0] == 200
        for each in slow:
            each.writer.close()
        await _gone(server, "stepwell_request_bytes")
        assert (await client.call("ListStateMachines"))[0] == 200


async def _settled(
    asked: list[asyncio.Task[tuple[int, dict]]], count: int
) -> tuple[set[asyncio.Task[tuple[int, dict]]], set[asyncio.Task[tuple[int, dict]]]]:
    """Those that are answered, once there are so many, and the others."""
    waiting, done = set(asked), set[asyncio.Task[tuple[int, dict]]]()
    async with asyncio.timeout(SECONDS):
        while len(done) < count:
            more, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            done |= more
    return done, waiting


async def _gone(server: Server, metric: str) -> None:
    """Wait until a metric is 0."""
    async with asyncio.timeout(SECONDS):
        while _value(await _text(server, "/metrics"), metric) != "0.0":  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def _refusals(server: Server, reason: str) -> float:
    value = _value(await _text(server, "/metrics"), f'stepwell_requests_refused_total{{reason="{reason}"}}')
    return float(value or 0)


def _value(metrics: str, name: str) -> str:
    return next((line.rpartition(" ")[2] for line in metrics.splitlines() if line.startswith(name)), "")


async def _text(server: Server, path: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    async with asyncio.timeout(SECONDS):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        text = await reader.read()
    writer.close()
    return text.decode()
