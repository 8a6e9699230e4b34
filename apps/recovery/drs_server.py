"""A stand-in for AWS Elastic Disaster Recovery: a real HTTP server that speaks its REST-JSON, for boto3's own client.

    POST /StartRecovery        {"sourceServers": [{"sourceServerID"}], "isDrill"}     {"job": {...}}
    POST /DescribeJobs         {"filters": {"jobIDs"} or {"fromDate"}}, pages         {"items": [...], "nextToken"}
    POST /DescribeJobLogItems  {"jobID"}, pages                                       {"items": [...], "nextToken"}

`PUT /control` makes it misbehave, `GET /control` tells what it was asked; both are for tests and the demo:

    launch_seconds   how long a job takes (2)           fail_servers  ids of servers that do not launch
    launch_polls     instead: after how many questions  lost_jobs     ids of jobs that it forgets, or ["*"]
    delay_seconds    before every answer                job_status    what finished jobs say, as `FAILED`
    fail_next        errors of the next answers, as     lose_next     how many answers are lost after the work is done
                     `ThrottlingException`              page_size     items of a page (100)

Run it with `python -m apps.recovery.drs_server --port 9200`.

Rules that must stay true here:
- It knows nothing of the app: only what DRS would know.
- A lost answer is lost after the work is done, as on a real network.
- A server that is part of a job under way is refused to another job, as DRS does.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import string
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_STATUSES = {
    "ConflictException": 409,
    "InternalServerException": 500,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 402,
    "ThrottlingException": 429,
    "ValidationException": 400,
}
_ID = string.ascii_lowercase + string.digits


@dataclass
class Behaviour:
    """How the stand-in behaves; the module's text says what each means."""

    launch_seconds: float = 2.0
    launch_polls: int | None = None
    delay_seconds: float = 0.0
    fail_next: list[str] = field(default_factory=list)
    lose_next: int = 0
    fail_servers: list[str] = field(default_factory=list)
    lost_jobs: list[str] = field(default_factory=list)
    job_status: str = "COMPLETED"
    page_size: int = 100


@dataclass
class Job:
    """A job. `began` is by the stand-in's clock; `asked` is how often its state was asked for."""

    id: str
    servers: list[str]
    is_drill: bool
    began: float
    created: datetime
    failing: frozenset[str]
    asked: int = 0


class DrsError(Exception):
    """An error of DRS's model."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class DrsServer:
    """All jobs, in memory, and the routes. `arrived` are the operations that were asked for, `calls` those that were
    carried out, with what they were given."""

    def __init__(self, behaviour: Behaviour | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.behaviour = behaviour or Behaviour()
        self.arrived: list[str] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._clock = clock
        self._jobs: dict[str, Job] = {}

    def asgi(self) -> ASGIApp:
        """The server as an ASGI app."""
        operations = {
            "StartRecovery": self._start_recovery,
            "DescribeJobs": self._describe_jobs,
            "DescribeJobLogItems": self._describe_job_log_items,
        }
        routes = [Route(f"/{name}", self._answering(name, call), methods=["POST"]) for name, call in operations.items()]
        return Misbehaving(Starlette(routes=[*routes, Route("/control", self._control, methods=["GET", "PUT"])]), self)

    def _answering(self, name: str, call: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            given = await request.json()
            self.calls.append((name, given))
            try:
                return JSONResponse(call(given))
            except DrsError as error:
                return error_response(error.code, str(error))

        return answer

    def _start_recovery(self, given: dict[str, Any]) -> dict[str, Any]:
        servers = [server["sourceServerID"] for server in given["sourceServers"]]
        if not servers:
            raise DrsError("ValidationException", "sourceServers must not be empty")
        for job in self._jobs.values():
            if not self._is_over(job) and (busy := set(servers) & set(job.servers)):
                raise DrsError("ConflictException", f"Source server {min(busy)} is part of the job {job.id}")
        job = Job(
            id="drsjob-" + "".join(secrets.choice(_ID) for _ in range(17)),
            servers=servers,
            is_drill=bool(given.get("isDrill", False)),
            began=self._clock(),
            created=datetime.now(UTC),
            failing=frozenset(self.behaviour.fail_servers),
        )
        self._jobs[job.id] = job
        return {"job": self._described(job)}

    def _describe_jobs(self, given: dict[str, Any]) -> dict[str, Any]:
        filters = given.get("filters", {})
        jobs = [job for job in self._jobs.values() if not self._is_lost(job.id)]
        if "jobIDs" in filters:
            jobs = [job for job in jobs if job.id in filters["jobIDs"]]
        if "fromDate" in filters:
            jobs = [job for job in jobs if _iso(job.created) >= filters["fromDate"]]
        for job in jobs:
            job.asked += 1
        return self._page([self._described(job) for job in jobs], given)

    def _describe_job_log_items(self, given: dict[str, Any]) -> dict[str, Any]:
        job = self._jobs.get(given["jobID"])
        if job is None or self._is_lost(job.id):
            raise DrsError("ResourceNotFoundException", f"Job {given['jobID']} was not found")
        return self._page(list(self._log(job)), given)

    def _page(self, items: Sequence[dict[str, Any]], given: dict[str, Any]) -> dict[str, Any]:
        start = int(given.get("nextToken") or 0)
        size = min(self.behaviour.page_size, int(given.get("maxResults", self.behaviour.page_size)))
        page: dict[str, Any] = {"items": list(items[start : start + size])}
        if start + size < len(items):
            page["nextToken"] = str(start + size)
        return page

    def _is_over(self, job: Job) -> bool:
        wished = self.behaviour
        if wished.launch_polls is not None:
            return job.asked >= wished.launch_polls
        return self._clock() - job.began >= wished.launch_seconds

    def _is_lost(self, job_id: str) -> bool:
        return job_id in self.behaviour.lost_jobs or "*" in self.behaviour.lost_jobs

    def _described(self, job: Job) -> dict[str, Any]:
        over = self._is_over(job)
        described: dict[str, Any] = {
            "jobID": job.id,
            "arn": f"arn:aws:drs:us-east-1:123456789012:job/{job.id}",
            "type": "LAUNCH",
            "initiatedBy": "START_DRILL" if job.is_drill else "START_RECOVERY",
            "creationDateTime": _iso(job.created),
            "status": self.behaviour.job_status if over else "STARTED",
            "participatingServers": [self._taking_part(job, server, over) for server in job.servers],
            "tags": {},
        }
        if over:
            described["endDateTime"] = _iso(datetime.now(UTC))
        return described

    def _taking_part(self, job: Job, server: str, over: bool) -> dict[str, Any]:
        if not over:
            return {"sourceServerID": server, "launchStatus": "IN_PROGRESS"}
        if server in job.failing:
            return {"sourceServerID": server, "launchStatus": "FAILED"}
        return {"sourceServerID": server, "launchStatus": "LAUNCHED", "recoveryInstanceID": _instance(job, server)}

    def _log(self, job: Job) -> list[dict[str, Any]]:
        def item(event: str, server: str | None = None, **data: str) -> dict[str, Any]:
            found: dict[str, Any] = {"logDateTime": _iso(job.created), "event": event}
            if server is not None:
                found["eventData"] = {"sourceServerID": server, **data}
            return found

        items = [item("JOB_START")]
        for server in job.servers:
            items += [item("SNAPSHOT_START", server), item("SNAPSHOT_END", server), item("LAUNCH_START", server)]
        if self._is_over(job):
            items += [
                item("LAUNCH_FAILED", server, rawError="Launch failed")
                for server in job.servers
                if server in job.failing
            ]
            items.append(item("JOB_END"))
        return items

    async def _control(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({"calls": self.calls, "jobs": list(self._jobs), **vars(self.behaviour)})
        wishes = await request.json()
        if unknown := wishes.keys() - vars(self.behaviour).keys():
            return JSONResponse({"message": f"there is no {', '.join(sorted(unknown))}"}, 422)
        vars(self.behaviour).update(wishes)
        return Response(status_code=204)


class Misbehaving:
    """Puts delays, failures and lost answers in front of the operations."""

    def __init__(self, inner: ASGIApp, server: DrsServer) -> None:
        self._inner = inner
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        behaviour = self._server.behaviour
        if scope["type"] != "http" or scope["path"] == "/control":
            await self._inner(scope, receive, send)
            return
        receive = await _whole(receive)
        self._server.arrived.append(scope["path"].removeprefix("/"))
        began = time.monotonic()
        while time.monotonic() - began < behaviour.delay_seconds:  # noqa: ASYNC110  # wishes change meanwhile
            await asyncio.sleep(0.02)
        if behaviour.fail_next:
            code = behaviour.fail_next.pop(0)
            await error_response(code, "as you wished")(scope, receive, send)
        elif behaviour.lose_next > 0:
            behaviour.lose_next -= 1
            await self._inner(scope, receive, _headers_only(send))
        else:
            await self._inner(scope, receive, send)


def error_response(code: str, message: str) -> Response:
    """An error as REST-JSON has it: its name in a header."""
    return JSONResponse({"message": message}, _STATUSES.get(code, 400), {"x-amzn-ErrorType": code})


async def _whole(receive: Receive) -> Receive:
    """What hands out a request that has come whole: it is carried out, its client waiting or not."""
    message = await receive()
    body = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")

    async def again() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _headers_only(send: Send) -> Send:
    """Sends a body's headers and never the body: the server then cuts the connection."""

    async def lossy(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)

    return lossy


def _instance(job: Job, server: str) -> str:
    return f"i-{abs(hash((job.id, server))):017x}"[:19]


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m apps.recovery.drs_server")
    parser.add_argument("--port", type=int, default=9200)
    parser.add_argument("--launch-seconds", type=float, default=2.0)
    given = parser.parse_args()
    uvicorn.run(DrsServer(Behaviour(given.launch_seconds)).asgi(), port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
