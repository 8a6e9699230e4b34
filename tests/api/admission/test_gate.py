"""Who is let in, and how the others are refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from botocore.retries.standard import ThrottledRetryableChecker

from stepwell.api.admission.gate import Gate
from stepwell.api.admission.limits import Limits
from stepwell.api.admission.load import Load
from tests.patience import PATIENCE

SFN = {"content-type": "application/x-amz-json-1.0"}


async def until(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


@dataclass
class Door:
    """A gate before an application that answers once it is let go. `inside` are the targets and paths let in."""

    gate: Gate
    http: httpx.AsyncClient
    go: asyncio.Event = field(default_factory=asyncio.Event)
    inside: list[str] = field(default_factory=list)

    async def call(self, operation: str, **headers: str) -> httpx.Response:
        return await self.http.post(
            "/", content=b"{}", headers=SFN | {"x-amz-target": f"AWSStepFunctions.{operation}"} | headers
        )

    async def held(self, *operations: str) -> list[asyncio.Task[httpx.Response]]:
        """Requests that are inside and have no answer."""
        calls = [asyncio.create_task(self.call(operation)) for operation in operations]
        wanted = len(self.inside) + len(operations)
        await until(lambda: len(self.inside) >= wanted)
        return calls


@asynccontextmanager
async def door(**limits: float) -> AsyncIterator[Door]:
    gate = Gate(Limits(**limits), Load(1.0, lambda: 0, lambda: 0))  # type: ignore[arg-type]

    async def app(scope, receive, send) -> None:
        found.inside.append(scope["path"])
        await found.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    transport = httpx.ASGITransport(gate.guarding(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=PATIENCE) as http:
        found = Door(gate, http)
        yield found
        found.go.set()


def overloaded(gate: Gate) -> None:
    gate.load.rate = 1.0
    gate.load._budget = 0.0


async def test_a_refusal_is_one_that_aws_clients_retry() -> None:
    async with door(max_requests=1) as there:
        await there.held("DescribeExecution")
        answer = await there.call("StartExecution")
        assert (answer.status_code, answer.json()) == (
            400,
            {"__type": "ThrottlingException", "message": "Rate exceeded"},
        )
        assert answer.json()["__type"] in ThrottledRetryableChecker._THROTTLED_ERROR_CODES
        assert answer.headers["content-type"] == "application/x-amz-json-1.0"
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["x-amzn-requestid"]
        assert there.gate.refused == {"requests": 1}


async def test_lambda_is_refused_as_lambda_refuses() -> None:
    async with door() as there:
        overloaded(there.gate)
        answer = await there.http.post("/2015-03-31/functions/f/invocations", content=b"{}")
        assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (429, "TooManyRequestsException")
        assert answer.json()["Reason"] == "ConcurrentInvocationLimitExceeded"


async def test_a_job_is_refused_by_a_problem_that_says_when_to_come_back() -> None:
    async with door() as there:
        overloaded(there.gate)
        answer = await there.http.post("/jobs/report", content=b"{}")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:stepwell:problem:overloaded"


@pytest.mark.parametrize(
    "operation", ["SendTaskSuccess", "SendTaskHeartbeat", "StopExecution", "DescribeExecution", "GetActivityTask"]
)
async def test_an_overloaded_server_still_settles_stops_and_tells(operation: str) -> None:
    async with door() as there:
        overloaded(there.gate)
        there.go.set()
        assert (await there.call(operation)).status_code == 200
        assert (await there.call("StartExecution")).status_code == 400
        assert (await there.call("StartSyncExecution")).status_code == 400
        assert there.gate.refused == {"overload": 2}


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
async def test_health_readiness_and_metrics_are_always_answered(path: str) -> None:
    async with door(max_requests=1, max_waiting=1) as there:
        await there.held("DescribeExecution", "GetActivityTask")
        overloaded(there.gate)
        there.go.set()
        assert (await there.http.get(path)).status_code == 200


async def test_what_waits_takes_no_place_of_what_is_worked_on() -> None:
    async with door(max_requests=1, max_waiting=2) as there:
        await there.held("GetActivityTask", "GetActivityTask")
        assert (await there.call("GetActivityTask")).status_code == 400
        assert there.gate.refused == {"waiting": 1}
        await there.held("StartExecution")
        assert (there.gate.working, there.gate.waiting) == (1, 2)


async def test_bodies_together_stay_within_their_bound() -> None:
    async with door(max_request_megabytes=8) as there:
        body = b"x" * (5 * 1024 * 1024)
        target = SFN | {"x-amz-target": "AWSStepFunctions.DescribeExecution"}
        first = asyncio.create_task(there.http.post("/", content=body, headers=target))
        await until(lambda: there.inside)
        assert (await there.http.post("/", content=body, headers=target)).status_code == 400
        assert there.gate.refused == {"memory": 1}
        there.go.set()
        await first
        assert (await there.http.post("/", content=body, headers=target)).status_code == 200


async def test_a_body_that_does_not_tell_its_length_counts_as_the_largest() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"{}"

    async with door(max_request_megabytes=8) as there:
        target = SFN | {"x-amz-target": "AWSStepFunctions.DescribeExecution"}
        first = asyncio.create_task(there.http.post("/", content=chunks(), headers=target))
        await until(lambda: there.inside)
        assert there.gate.bytes == 6 * 1024 * 1024
        there.go.set()
        await first


async def test_nothing_stays_counted_when_all_are_answered_or_gone() -> None:
    async with door() as there:
        calls = await there.held("DescribeExecution", "GetActivityTask", "StartExecution")
        calls[0].cancel()
        there.go.set()
        await asyncio.gather(*calls, return_exceptions=True)
        assert (there.gate.working, there.gate.waiting, there.gate.bytes) == (0, 0, 0)
