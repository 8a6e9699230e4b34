"""A server that is asked for much more than it can do: what it takes it does, what it cannot it refuses, and then it is
itself again."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.server import Server, serving

ROLE = "arn:aws:iam::123456789012:role/x"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:flood"
PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}}
CLIENTS = 300
SECONDS = 4.0
BOUNDS = {
    "STEPWELL_MAX_REQUESTS": "64",
    "STEPWELL_MAX_REQUEST_MEGABYTES": "8",
    "STEPWELL_OVERLOAD_DELAY": "0.05",
    "STEPWELL_LOG_LEVEL": "warning",
}


class Client:
    """One connection that asks one thing after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, server: Server) -> Client:
        return cls(*await asyncio.wait_for(asyncio.open_connection("127.0.0.1", server.port), PATIENCE))

    async def call(self, operation: str, **members: object) -> tuple[int, dict]:
        body = json.dumps(members).encode()
        head = (
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n"
            f"X-Amz-Target: AWSStepFunctions.{operation}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return await self._ask(head.encode() + body)

    async def get(self, path: str) -> tuple[int, dict]:
        return await self._ask(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    async def _ask(self, request: bytes) -> tuple[int, dict]:
        async with asyncio.timeout(PATIENCE):
            self.writer.write(request)
            await self.writer.drain()
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
            )
            body = await self.reader.readexactly(length)
        return int(head.split(b" ", 2)[1]), json.loads(body)


@dataclass
class Flood:
    """What came of a flood: how often which answer, the ARNs that were acknowledged, and how long those took."""

    answers: Counter[tuple[int, str]] = field(default_factory=Counter)
    started: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    health: list[int] = field(default_factory=list)

    async def run(self, server: Server, clients: int, seconds: float, text: str) -> None:
        end = time.monotonic() + seconds
        async with asyncio.timeout(seconds + 90), asyncio.TaskGroup() as group:
            group.create_task(self._look(server, end))
            for _ in range(clients):
                group.create_task(self._start(server, end, text))

    async def _start(self, server: Server, end: float, text: str) -> None:
        client = await Client.connect(server)
        while time.monotonic() < end:
            began = time.monotonic()
            status, answer = await client.call("StartExecution", stateMachineArn=MACHINE, input=text)
            self.answers[status, answer.get("__type", "")] += 1
            if status == 200:
                self.started.append(answer["executionArn"])
                self.seconds.append(time.monotonic() - began)
        client.writer.close()

    async def _look(self, server: Server, end: float) -> None:
        client = await Client.connect(server)
        while time.monotonic() < end:
            self.health.append((await client.get("/health"))[0])
            await asyncio.sleep(0.1)
        client.writer.close()


@contextmanager
def flooded(folder: Path, bounds: dict[str, str]) -> Iterator[Server]:
    with serving(folder, environment=bounds) as server:
        yield server


async def create(server: Server) -> Client:
    client = await Client.connect(server)
    status, _ = await client.call(
        "CreateStateMachine", name="flood", definition=json.dumps(PASS), roleArn=ROLE, type="STANDARD"
    )
    assert status == 200
    return client


async def one_client(server: Server) -> list[Flood]:
    """What one client is answered, half a second at a time, until nothing is refused in one: the last of them. What
    other programs do to the machine may keep a server late for a while as well."""
    found: list[Flood] = []
    async with asyncio.timeout(PATIENCE):
        while not found or set(found[-1].answers) != {(200, "")}:
            found.append(Flood())
            await found[-1].run(server, 1, 0.5, "{}")
    return found


async def statuses(client: Client) -> Counter[str]:
    """Of all executions."""
    found: Counter[str] = Counter()
    token: dict[str, str] = {}
    while True:
        _, page = await client.call("ListExecutions", stateMachineArn=MACHINE, maxResults=1000, **token)
        found.update(execution["status"] for execution in page["executions"])
        if "nextToken" not in page:
            return found
        token = {"nextToken": page["nextToken"]}


def most_memory(server: Server) -> int:
    """Megabytes that the server has ever taken."""
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM")) // 1024


@pytest.mark.timeout(170)
async def test_a_flood_is_refused_but_for_what_the_server_can_do(tmp_path: Path) -> None:
    with flooded(tmp_path, BOUNDS) as server:
        client = await create(server)
        before = await one_client(server)

        flood = Flood()
        await flood.run(server, CLIENTS, SECONDS, "{}")
        assert set(flood.answers) == {(200, ""), (400, "ThrottlingException")}
        assert flood.started
        assert set(flood.health) == {200}

        # What was taken is there, has ended, and did not wait for the many that were refused to be served as well.
        found = await statuses(client)
        started = sum(len(each.started) for each in (*before, flood))
        assert found == {"SUCCEEDED": started}
        at_most = CLIENTS * statistics.median(before[-1].seconds)
        assert statistics.median(flood.seconds) < at_most

        # Then the server is itself again.
        async with asyncio.timeout(PATIENCE):
            while (await client.get("/ready"))[1].get("overloaded"):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        after = await one_client(server)
        assert await statuses(client) == {"SUCCEEDED": started + sum(len(each.started) for each in after)}
        client.writer.close()


@pytest.mark.timeout(170)
async def test_large_bodies_of_many_clients_do_not_take_the_memory(tmp_path: Path) -> None:
    large = json.dumps({"blob": "x" * 200_000})
    with flooded(tmp_path, BOUNDS) as server:
        client = await create(server)
        await Flood().run(server, 1, 0.5, large)
        before = most_memory(server)
        flood = Flood()
        await flood.run(server, CLIENTS, 2.0, large)
        assert set(flood.answers) <= {(200, ""), (400, "ThrottlingException")}
        assert (400, "ThrottlingException") in flood.answers
        grown = most_memory(server) - before
        # 8 MB of bodies are let in; each is in memory a few times on its way, and a connection buffers 64 KB.
        assert grown < 8 * 8 + CLIENTS * 0.2
        client.writer.close()
