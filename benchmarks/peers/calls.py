"""Calls of the API of AWS Step Functions on any server that has it.

Rules that must stay true here:
- A connection that the server closes between two requests is opened again: some do so after so many requests.
- An execution counts when the server says that it has SUCCEEDED, never when it merely runs no more.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import time
import zipfile
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from benchmarks.client import ROLE_ARN, Connection, Failed
from benchmarks.peers.peer import BOX, Unavailable

CONNECTIONS = 16
FUNCTION = "noop"
HANDLER = "def handler(event, context):\n    return event\n"
CREDENTIALS = (
    "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, "
    "SignedHeaders=host, Signature=0\r\nX-Amz-Date: 20260101T000000Z\r\n"
)
SFN = CREDENTIALS.format(service="states")


class Line:
    """One request after the other."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None

    async def ask(self, operation: str, **members: object) -> dict[str, Any]:
        """The answer of one operation, read. Raises Failed, OSError."""
        if self._connection is not None and not self._connection.closing:
            with suppress(EOFError, ConnectionError):
                return await self._connection.ask(operation, **members)
        if self._connection is not None:
            self._connection.close()
        self._connection = await Connection.open(self._url, SFN)
        try:
            return await self._connection.ask(operation, **members)
        except EOFError:
            raise Failed(f"{operation}: the server has closed the connection") from None


async def begin(line: Line, machine: str, input_text: str = "{}") -> str:
    """Start an execution; its ARN."""
    name = str(uuid4())  # some servers draw none
    started = await line.ask("StartExecution", stateMachineArn=machine, name=name, input=input_text)
    arn: str = started["executionArn"]
    return arn


async def status(line: Line, execution: str) -> str:
    """Its status; "UNKNOWN" where the server says that there is no such execution."""
    try:
        status: str = (await line.ask("DescribeExecution", executionArn=execution))["status"]
    except Failed:
        return "UNKNOWN"
    return status


async def end(line: Line, machine: str) -> str:
    """Run an execution to its end; its ARN. Raises Failed."""
    arn = await begin(line, machine)
    deadline = time.monotonic() + BOX
    while (told := await line.ask("DescribeExecution", executionArn=arn))["status"] == "RUNNING":
        if time.monotonic() > deadline:
            raise Failed(f"an execution has not ended after {BOX:g} s")
        await asyncio.sleep(0.001)  # asked without a pause, some servers do little else than answer
    if told["status"] != "SUCCEEDED":
        raise Failed(f"an execution is {told['status']}: {told.get('error')} {told.get('cause')}")
    return arn


async def seconds(line: Line, machine: str) -> float:
    began = time.perf_counter()
    await end(line, machine)
    return time.perf_counter() - began


async def all_of(url: str, machine: str, count: int, input_text: str) -> float:
    """Seconds from the first start to the last end of so many executions. Raises Failed."""
    before = await counted(url, machine, "SUCCEEDED")
    waiting = iter(range(count))
    began = time.perf_counter()

    async def work() -> None:
        line = Line(url)
        for _ in waiting:
            await begin(line, machine, input_text)

    async with asyncio.timeout(BOX):
        await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    while await counted(url, machine, "RUNNING", 1):
        if time.perf_counter() - began > BOX:
            ended = await counted(url, machine, "SUCCEEDED") - before
            raise Failed(f"{ended} of {count} executions have ended after {BOX:g} s")
        await asyncio.sleep(0.01)
    seconds = time.perf_counter() - began
    ended = await counted(url, machine, "SUCCEEDED") - before
    if ended != count:
        raise Failed(f"{ended} of {count} executions have succeeded{await _why(url, machine)}")
    return seconds


async def _why(url: str, machine: str) -> str:
    """Why an execution of a machine has failed, as the end of a sentence; empty where none has."""
    line = Line(url)
    page = await line.ask("ListExecutions", stateMachineArn=machine, statusFilter="FAILED", maxResults=1)
    if not page["executions"]:
        return ""
    told = await line.ask("DescribeExecution", executionArn=page["executions"][0]["executionArn"])
    return f": {told.get('error')}: {str(told.get('cause'))[:200]}"


async def counted(url: str, machine: str, status: str, most: int = 1_000_000) -> int:
    """How many executions of a machine have a status; it is enough to know of `most`."""
    line = Line(url)
    asked: dict[str, object] = {"stateMachineArn": machine, "statusFilter": status, "maxResults": min(most, 1_000)}
    total = 0
    while True:
        page = await line.ask("ListExecutions", **asked)
        total += len(page["executions"])
        token = page.get("nextToken")
        if not token or total >= most:
            return total
        asked["nextToken"] = token


async def make_function(url: str) -> str:
    """Have the server make the function, over the API of AWS Lambda; its ARN. Raises Unavailable."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", HANDLER)
    asked = {
        "FunctionName": FUNCTION,
        "Runtime": "python3.12",
        "Role": ROLE_ARN,
        "Handler": "index.handler",
        "Timeout": 30,
        "Code": {"ZipFile": base64.b64encode(packed.getvalue()).decode()},
    }
    await _make_role(url)
    status, answer = await _send(url, "lambda", "POST", "/2015-03-31/functions", json.dumps(asked).encode())
    if status not in (200, 201):
        raise Unavailable(f"it makes no function: {answer.decode(errors='replace')[:200]}")
    arn: str = json.loads(answer)["FunctionArn"]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        status, answer = await _send(url, "lambda", "GET", f"/2015-03-31/functions/{FUNCTION}")
        configuration = json.loads(answer).get("Configuration", {}) if status == 200 else {}
        if configuration.get("State", "Active") == "Active":
            break
        if configuration.get("State") == "Failed":
            raise Unavailable(f"it cannot run functions here: {configuration.get('StateReason')}")
        await asyncio.sleep(0.2)
    return arn


async def _make_role(url: str) -> None:
    """Have the server make the function's role, over the API of AWS IAM; a server that has none lets it be."""
    statement = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    asked = {"Action": "CreateRole", "Version": "2010-05-08", "RoleName": ROLE_ARN.rpartition("/")[2]}
    body = urlencode({**asked, "AssumeRolePolicyDocument": policy}).encode()
    await _send(url, "iam", "POST", "/", body, "application/x-www-form-urlencoded")


async def _send(
    url: str, service: str, method: str, path: str, body: bytes = b"", media_type: str = "application/json"
) -> tuple[int, bytes]:
    """The status and the body of the answer of another service, on a connection of its own."""
    connection = await Connection.open(url, CREDENTIALS.format(service=service))
    try:
        return await connection.send(method, path, body, media_type=media_type)
    finally:
        connection.close()
