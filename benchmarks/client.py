"""A client that costs little, so that what is measured is the server: keep-alive connections on asyncio streams.

Rules that must stay true here:
- One connection carries one request at a time; how many there are is how many requests are under way.
- An answer other than 200 ends the measurement: a figure from failed requests is none.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

MACHINE_ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:"


class Failed(Exception):
    """The server answered with an error; the message is what it said."""


class Connection:
    """One keep-alive connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host

    @classmethod
    async def open(cls, url: str) -> Connection:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        return cls(reader, writer, parts.netloc)

    async def call(self, operation: str, body: bytes) -> bytes:
        """The body of the answer to one operation of AWS Step Functions. Raises Failed."""
        self._writer.write(
            b"POST / HTTP/1.1\r\nHost: %b\r\nContent-Type: application/x-amz-json-1.0\r\n"
            b"X-Amz-Target: AWSStepFunctions.%b\r\nContent-Length: %d\r\n\r\n%b"
            % (self._host.encode(), operation.encode(), len(body), body)
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        at = head.index(b"content-length:") + 15
        answer = await self._reader.readexactly(int(head[at : head.index(b"\r\n", at)]))
        if b" 200 " not in head[:16]:
            raise Failed(answer.decode())
        return answer

    async def send(self, method: str, path: str, body: bytes = b"", prefer: str = "") -> tuple[int, bytes]:
        """The status and the body of the answer to any request; `body` is JSON."""
        preference = f"Prefer: {prefer}\r\n" if prefer else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n{preference}"
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


async def flood(url: str, operation: str, bodies: Iterable[bytes], connections: int) -> list[float]:
    """Send requests over many connections as fast as they are answered; how many seconds each took."""
    waiting, took = iter(bodies), []

    async def work(connection: Connection) -> None:
        for body in waiting:
            began = time.perf_counter()
            await connection.call(operation, body)
            took.append(time.perf_counter() - began)
        connection.close()

    opened = [await Connection.open(url) for _ in range(connections)]
    await asyncio.gather(*(work(connection) for connection in opened))
    return took


def starts(machine: str, count: int, input_text: str = "{}") -> list[bytes]:
    """The bodies of so many StartExecution requests."""
    body = json.dumps({"stateMachineArn": MACHINE_ARN + machine, "input": input_text}).encode()
    return [body] * count


async def create(url: str, name: str, definition: object) -> None:
    """Create a state machine."""
    connection = await Connection.open(url)
    role = "arn:aws:iam::123456789012:role/benchmark"
    await connection.ask("CreateStateMachine", name=name, roleArn=role, definition=json.dumps(definition))
    connection.close()


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
