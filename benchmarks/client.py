"""A client that costs little, so that what is measured is the server: keep-alive connections, requests built before.

Rules that must stay true here:
- One connection carries one request at a time; how many there are is how many requests are under way.
- An answer other than 200 ends the measurement: a figure from failed requests is none.
- Every wait has a bound.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

MACHINE_ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:"
ROLE_ARN = "arn:aws:iam::123456789012:role/benchmark"
LIMIT = 64 * 1024 * 1024  # bytes of a line or a head that a stream holds
PATIENCE = 120.0  # seconds that a request may take


class Failed(Exception):
    """The server answered with an error, or not at all; the message is what it said."""


def request(host: str, operation: str, body: bytes, headers: str = "") -> bytes:
    """One operation of AWS Step Functions on the wire; `headers` are lines of its head."""
    return (
        b"POST / HTTP/1.1\r\nHost: %b\r\nContent-Type: application/x-amz-json-1.0\r\n%b"
        b"X-Amz-Target: AWSStepFunctions.%b\r\nContent-Length: %d\r\n\r\n%b"
        % (host.encode(), headers.encode(), operation.encode(), len(body), body)
    )


class Connection:
    """One keep-alive connection to a server."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, headers: str = ""
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host
        self._headers = headers
        self.closing = False  # the server has said that it answers no more requests here

    @classmethod
    async def open(cls, url: str, headers: str = "") -> Connection:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=LIMIT)
        return cls(reader, writer, parts.netloc, headers)

    async def call(self, operation: str, body: bytes) -> bytes:
        """The body of the answer to one operation of AWS Step Functions. Raises Failed."""
        return (await self.timed(operation, body))[0]

    async def timed(self, operation: str, body: bytes) -> tuple[bytes, float]:
        """The same, and how many seconds passed until the head of the answer was there. Raises Failed."""
        began = time.perf_counter()
        async with asyncio.timeout(PATIENCE):
            self._writer.write(request(self._host, operation, body, self._headers))
            head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
            took = time.perf_counter() - began
            self.closing = b"connection: close" in head
            at = head.index(b"content-length:") + 15
            answer = await self._reader.readexactly(int(head[at : head.index(b"\r\n", at)]))
        if b" 200 " not in head[:16]:
            raise Failed(f"{operation}: {answer.decode(errors='replace')[:500]}")
        return answer, took

    async def send(
        self, method: str, path: str, body: bytes = b"", prefer: str = "", media_type: str = "application/json"
    ) -> tuple[int, bytes]:
        """The status and the body of the answer to any request."""
        more = self._headers + (f"Prefer: {prefer}\r\n" if prefer else "")
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: {media_type}\r\n{more}"
        async with asyncio.timeout(PATIENCE):
            self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answered = (await self._reader.readuntil(b"\r\n\r\n")).lower()
            at = answered.index(b"content-length:") + 15
            length = int(answered[at : answered.index(b"\r\n", at)])
            return int(answered[9:12]), await self._reader.readexactly(length)

    async def ask(self, operation: str, **members: object) -> dict[str, Any]:
        """The answer of one operation, read. Raises Failed."""
        answer: dict[str, Any] = json.loads(await self.call(operation, json.dumps(members).encode()))
        return answer

    def close(self) -> None:
        self._writer.close()


@dataclass(frozen=True)
class Flood:
    """What a flood of requests took: `began` is the time (`perf_counter`) of the first request, `seconds` lie between
    it and the last answer, `took` are the seconds of each. `share` is how much of one core the client itself was busy:
    near 1 the client is what was measured."""

    began: float
    seconds: float
    took: Sequence[float]
    share: float


class _Lane(asyncio.Protocol):
    """One connection of a flood."""

    def __init__(self, waiting: Iterator[bytes], took: list[float]) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting = waiting
        self._took = took
        self._received = b""
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is none of asyncio's

    def next(self) -> None:
        """Send the next request, or end."""
        found = next(self._waiting, None)
        if found is None:
            self._transport.close()
            if not self.ended.done():
                self.ended.set_result(None)
            return
        self._began = time.perf_counter()
        self._transport.write(found)

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = received[:end].lower()
        at = head.find(b"content-length:") + 15
        length = int(head[at:].split(b"\r\n", 1)[0])
        if len(received) < end + 4 + length:
            return
        self._took.append(time.perf_counter() - self._began)
        self._received = b""
        if b" 200 " not in head[:16]:
            self._fail(received[end + 4 :].decode(errors="replace")[:500])
            return
        self.next()

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"the connection was lost: {error}")

    def _fail(self, why: str) -> None:
        if not self.ended.done():
            self.ended.set_exception(Failed(why))


async def flood(
    url: str, operation: str, bodies: Sequence[bytes], connections: int, headers: str = "", seconds: float = PATIENCE
) -> Flood:
    """Send requests over many connections as fast as they are answered. Raises Failed."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    took: list[float] = []
    waiting = iter([request(parts.netloc, operation, body, headers) for body in bodies])
    lanes = []
    for _ in range(connections):
        _, lane = await loop.create_connection(lambda: _Lane(waiting, took), str(parts.hostname), int(parts.port or 80))
        lanes.append(lane)
    began, busy = time.perf_counter(), time.process_time()
    for lane in lanes:
        lane.next()
    async with asyncio.timeout(seconds):
        await asyncio.gather(*(lane.ended for lane in lanes))
    passed = time.perf_counter() - began
    return Flood(began, passed, took, (time.process_time() - busy) / passed)


def starts(machine: str, count: int, input_text: str = "{}") -> list[bytes]:
    """The bodies of so many StartExecution requests."""
    body = json.dumps({"stateMachineArn": MACHINE_ARN + machine, "input": input_text}).encode()
    return [body] * count


async def create(url: str, name: str, definition: object, type: str = "STANDARD", headers: str = "") -> str:
    """Create a state machine; its ARN."""
    connection = await Connection.open(url, headers)
    text = json.dumps(definition)
    made = await connection.ask("CreateStateMachine", name=name, roleArn=ROLE_ARN, definition=text, type=type)
    connection.close()
    arn: str = made["stateMachineArn"]
    return arn


async def all_ended(url: str, machine: str, seconds: float = 120, pause: float = 0.01) -> float:
    """Wait until no execution of a machine runs; the time (`perf_counter`) when that was seen.

    Raises Failed where one did not succeed, or when it takes too long.
    """
    connection = await Connection.open(url)
    deadline = time.perf_counter() + seconds
    arn = MACHINE_ARN + machine
    while (await connection.ask("ListExecutions", stateMachineArn=arn, statusFilter="RUNNING", maxResults=1))[
        "executions"
    ]:
        if time.perf_counter() > deadline:
            raise Failed(f"executions of {machine} still run after {seconds} s")
        await asyncio.sleep(pause)
    seen = time.perf_counter()
    for status in ("FAILED", "TIMED_OUT", "ABORTED"):
        listed = await connection.ask("ListExecutions", stateMachineArn=arn, statusFilter=status, maxResults=1)
        if listed["executions"]:
            raise Failed(f"{listed['executions'][0]['executionArn']} is {status}")
    connection.close()
    return seen


async def run(url: str, machine: str, count: int, connections: int, input_text: str = "{}") -> tuple[float, Flood]:
    """Start so many executions and wait for all; the seconds from the first start to the last end. Raises Failed."""
    sent = await flood(url, "StartExecution", starts(machine, count, input_text), connections)
    return await all_ended(url, machine) - sent.began, sent


async def one(
    connection: Connection, machine: str, input_text: str = "{}", pause: float = 0, patience: float = 600
) -> str:
    """Run one execution to its end and say its ARN. Raises Failed where it does not succeed, or takes too long."""
    started = await connection.ask("StartExecution", stateMachineArn=MACHINE_ARN + machine, input=input_text)
    arn: str = started["executionArn"]
    deadline = time.perf_counter() + patience
    body = json.dumps({"executionArn": arn}).encode()
    while b'"RUNNING"' in (answer := await connection.call("DescribeExecution", body)):
        if time.perf_counter() > deadline:
            break
        if pause:
            await asyncio.sleep(pause)
    if b'"SUCCEEDED"' not in answer:
        told = json.loads(answer)
        raise Failed(f"{arn} is {told['status']}: {told.get('error')} {told.get('cause')}")
    return arn
