"""A job behind one route: a POST with its input starts it, a POST with only its `job_id` asks for it.

Clients of such routes exist; what they know is kept: 200 for start and poll, `{"status", "job_id"}` with what the job
has put out beside, `{"status": "FAILED", "message"}` for errors, and CORS for everybody.

Rules that must stay true here:
- The caller is asked for here, and not by the guard of all routes, so that a refusal has the form that clients know.
- A body is read as JSON whatever it calls itself, as behind API Gateway: a page's `fetch` of a text says `text/plain`.
- Every answer has the three CORS headers, errors and refusals included. OPTIONS asks nobody who they are.
- Nothing of what went wrong inside the server is told.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stepwell.api.context import ApiContext
from stepwell.api.jobs.body import untyped_json_body
from stepwell.api.jobs.problems import Problem
from stepwell.api.jobs.render import retry_after
from stepwell.api.jobs.resource import group_of
from stepwell.auth.caller import ANYBODY, Caller
from stepwell.auth.refusal import BearerRefused, KeysUnavailable
from stepwell.engine.errors import Stopping
from stepwell.engine.trace import trace_of_headers
from stepwell.jobs.arguments import Model
from stepwell.jobs.declaration import JobRoute, JobType
from stepwell.jobs.job import failure_of, status_of
from stepwell.jobs.jobs import JobRequest, Jobs
from stepwell.store.jobs import JobRow
from stepwell.store.protocol import StoreError

if TYPE_CHECKING:
    from stepwell.auth.opening import Auth

_log = logging.getLogger("stepwell.api")

CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Content-Type,Authorization",
    "Access-Control-Allow-Methods": "POST,OPTIONS",
}


class _Refused(Exception):
    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


class SingleRoute:
    """The ASGI app of one route."""

    def __init__(
        self, route: JobRoute, job: JobType, model: Model, jobs: Jobs, context: ApiContext, auth: Auth | None
    ) -> None:
        self._route = route
        self._job = job
        self._model = model
        self._jobs = jobs
        self._context = context
        self._auth = auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=200, headers={**CORS, "Access-Control-Max-Age": "86400"})
        try:
            if request.method != "POST":
                raise _Refused(405, f"{request.method} is not served here: POST", {"Allow": "POST,OPTIONS"})
            caller = await self._caller(request)
            _, value = await untyped_json_body(request)
            if not isinstance(value, dict):
                raise _Refused(400, "The body must be a JSON object")
            if value.get("job_id", "") in (None, ""):
                value.pop("job_id", None)  # as forms send it before there is one
            if set(value) == {"job_id"}:
                return await self._poll(value["job_id"])
            if caller.role != "full":
                raise _Refused(403, f"{caller.name} may only read")
            return await self._start(request, value, None if caller is ANYBODY else caller.name)
        except _Refused as refused:
            return _failed(refused.status, str(refused), refused.headers)
        except Problem as problem:
            return _failed(problem.status, str(problem), problem.headers)
        except ClientDisconnect:
            return _failed(400, "The request ended early", {})  # nobody reads it
        except (Stopping, StoreError) as error:
            if not isinstance(error, Stopping):
                _log.error("%s %s refused: %s", request.method, self._route.path, error)
            return _failed(503, "Not available now, try again", {"Retry-After": "2"})
        except Exception:
            _log.exception("POST %s failed", self._route.path)
            return _failed(500, "Internal server error", {})

    async def _caller(self, request: Request) -> Caller:
        if self._auth is None:
            return ANYBODY
        try:
            return await self._auth.bearers.caller(request.headers.get("authorization"))
        except BearerRefused as refused:
            raise _Refused(refused.status, refused.message, {"WWW-Authenticate": refused.challenge}) from None
        except KeysUnavailable as unavailable:
            headers = {"Retry-After": str(unavailable.retry_after)}
            raise _Refused(503, "Tokens cannot be verified at the moment", headers) from None

    async def _start(self, request: Request, value: dict[str, Any], caller: str | None) -> Response:
        required = self._route.required
        if any(value.get(name) in (None, "", []) for name in required):
            raise _Refused(400, f"Missing required fields: {' and '.join(required)}")
        faults = self._model.faults(value)
        if faults:
            raise _Refused(400, "; ".join(f"{fault.pointer[1:] or 'The body'}: {fault.detail}" for fault in faults))
        kept = await self._jobs.post(
            JobRequest(
                type=self._job,
                input=orjson.dumps(value).decode(),
                group=group_of(self._job, value, caller),
                caller=caller,
                trace=trace_of_headers(request.headers),
            )
        )
        body = {"status": "PENDING", "job_id": kept.id, "message": self._route.message}
        return _answer(200, body, {"Retry-After": "1"})

    async def _poll(self, id_: object) -> Response:
        row = await self._jobs.find(id_) if isinstance(id_, str) else None
        if row is None or row.new.type != self._job.name:
            raise _Refused(404, f"Job {id_} not found")
        after = retry_after(row, self._context.now())
        return _answer(200, _polled(row), {} if after is None else {"Retry-After": str(after)})


def _polled(row: JobRow) -> dict[str, Any]:
    body: dict[str, Any] = {}
    status: str = status_of(row)
    output = orjson.loads(row.output) if status == "COMPLETED" and row.output is not None else None
    if isinstance(output, dict):
        body.update(output)
    elif output is not None:
        body["result"] = output
    failure = failure_of(row)
    if failure is not None:
        status, body["message"] = "FAILED", failure[1]  # these clients know no other end
    elif row.message is not None and status == "PROCESSING":
        body["message"] = row.message
    return {**body, "status": status, "job_id": row.new.id}


def _failed(status: int, message: str, headers: dict[str, str]) -> Response:
    return _answer(status, {"status": "FAILED", "message": message}, headers)


def _answer(status: int, body: dict[str, Any], headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(body), status, {**CORS, **headers}, media_type="application/json")
