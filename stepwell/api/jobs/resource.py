"""The routes of jobs: start one, ask for it, wait for it, cancel it, list them.

    POST   /jobs/{type}    202, Location, Retry-After; Idempotency-Key and Callback-URL are taken
    GET    /jobs/{id}      200; with `Prefer: wait=30` once it has ended, or after 30 seconds
    DELETE /jobs/{id}      200, cancelled; as it is where it has ended
    GET    /jobs           200, newest first; type, status, key, created_after, created_before, limit, next

Rules that must stay true here:
- An answer to the same idempotency key is the same, bit by bit, whatever the job has come to since.
- A client that waits holds a connection and a future, nothing else.
"""

from __future__ import annotations

import asyncio
import math
import re
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import orjson
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from stepwell.api.context import ApiContext
from stepwell.api.faults import ApiFault
from stepwell.api.jobs.body import json_body
from stepwell.api.jobs.caller import caller_of
from stepwell.api.jobs.problems import Problem, invalid_input, invalid_parameter, job_not_found
from stepwell.api.jobs.render import job_body, retry_after
from stepwell.api.prefer import wait_preferred
from stepwell.api.whole import whole
from stepwell.engine.trace import trace_of_headers
from stepwell.jobs.arguments import Model
from stepwell.jobs.declaration import JobType
from stepwell.jobs.job import ENDED, STATUSES, status_of, with_status
from stepwell.jobs.jobs import JobRequest, Jobs, KeyReused
from stepwell.store.jobs import JobFilter, JobRow

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_LONGEST_URL: Final = 2_000
_PAGE: Final = 20
_LONGEST_PAGE: Final = 100
_LAST_SECOND: Final = 2**53 // 1000  # behind it, milliseconds are no exact number any more
_FILTERS: Final = ("type", "status", "key", "created_after", "created_before", "limit", "next")


class JobResource:
    """`models` are the inputs by job type."""

    def __init__(self, jobs: Jobs, models: dict[str, Model], context: ApiContext) -> None:
        self._jobs = jobs
        self._models = models
        self._context = context

    # -- start

    async def post(self, request: Request) -> Response:
        """Start a job. Raises Problem, StoreError, Stopping."""
        name = request.path_params["name"]
        job = self._jobs.types.get(name)
        if job is None:
            known = ", ".join(sorted(self._jobs.types)) or "none"
            detail = f"There is no job type {name!r}. There are: {known}."
            raise Problem(404, "job-type-not-found", "No such job type", detail)
        text, value = await json_body(request)
        faults = self._models[name].faults(value)
        if faults:
            raise invalid_input(faults, f"/jobs/openapi.json#/paths/~1jobs~1{name}")
        try:
            kept = await self._jobs.post(
                JobRequest(
                    type=job,
                    input=text,
                    group=group_of(job, value, caller_of(request)),
                    caller=caller_of(request),
                    idempotency_key=_idempotency_key(request),
                    callback=_callback(request),
                    trace=trace_of_headers(request.headers),
                )
            )
        except KeyReused:
            raise Problem(
                422,
                "idempotency-key-reused",
                "The idempotency key was used for another request",
                f"The header Idempotency-Key is {request.headers['idempotency-key']!r}, which an earlier request with"
                " another body was sent with. Send a new key with a new request.",
            ) from None
        location = f"/jobs/{kept.id}"
        body = {
            "job_id": kept.id,
            "job_type": name,
            "status": "PENDING",
            "created_at": kept.created_at // 1000,
            "expires_at": kept.expires_at // 1000,
            "links": {"self": location, "events": f"{location}/events"},
        }
        return _answer(body, 202, {"Location": location, "Retry-After": "1"})

    # -- one job

    async def get(self, request: Request) -> Response:
        """Raises Problem, StoreError."""
        row = await self._row(request)
        headers = {}
        seconds = wait_preferred(request.headers.get("prefer", "").encode("latin-1"))
        if seconds:
            headers["Preference-Applied"] = f"wait={seconds}"
            row = await self._when_ended(request, row, seconds)
        return await self._told(row, headers)

    async def delete(self, request: Request) -> Response:
        """Raises Problem, StoreError, Stopping."""
        row = await self._row(request)
        if status_of(row) not in ENDED:
            await self._jobs.cancel(row)
            row = await self._row(request)
        return await self._told(row, {})

    async def _told(self, row: JobRow, headers: dict[str, str]) -> Response:
        after = retry_after(row, self._context.now())
        if after is not None:
            headers["Retry-After"] = str(after)
        job = self._jobs.types.get(row.new.type)
        body = job_body(row, await self._jobs.position(row), job.shown if job else ())
        return _answer(body, 200, headers)

    async def _row(self, request: Request) -> JobRow:
        id_ = request.path_params["name"]
        row = await self._jobs.find(id_)
        if row is None:
            raise job_not_found(id_)
        return row

    async def _when_ended(self, request: Request, row: JobRow, seconds: int) -> JobRow:
        """The job once it has ended, or as it is after so many seconds, or when the client or the server leaves."""
        ends: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self._context.closing.wait()),
            asyncio.ensure_future(_disconnected(request)),
            asyncio.ensure_future(asyncio.sleep(seconds)),
        ]
        try:
            with self._jobs.watching(row) as news:
                while True:
                    told = news()
                    found = await self._jobs.find(row.new.id)
                    if found is None or status_of(found) in ENDED:
                        return found or row
                    await asyncio.wait([told, *ends], return_when=asyncio.FIRST_COMPLETED)
                    if any(end.done() for end in ends):
                        return await self._jobs.find(row.new.id) or found
        finally:
            for end in ends:
                end.cancel()

    # -- all jobs

    async def list(self, request: Request) -> Response:
        """Raises Problem, StoreError."""
        query = request.query_params
        for name in query:
            if name not in _FILTERS:
                raise invalid_parameter("query", name, query[name], f"nothing: filters are {', '.join(_FILTERS)}")
        which = _filter(query.get("status"))
        which = replace(
            which,
            type=query.get("type"),
            group=query.get("key"),
            created_from=_time(query.get("created_after"), "created_after"),
            created_before=_time(query.get("created_before"), "created_before"),
        )
        limit = _limit(query.get("limit"))
        chosen = tuple(query.get(name) for name in _FILTERS[:-2])
        below = self._position(query.get("next"), chosen)
        rows, next_ = await self._jobs.list(which, below, limit)
        body: dict[str, Any] = {"jobs": [job_body(row) for row in rows], "next": None}
        headers = {}
        if next_ is not None:
            body["next"] = self._context.page_tokens.issue("jobs", chosen, (next_,), self._context.now())
            more = {**dict(query), "next": body["next"]}
            headers["Link"] = f'</jobs?{urlencode(more)}>; rel="next"'
        return _answer(body, 200, headers)

    def _position(self, token: str | None, chosen: tuple[object, ...]) -> int | None:
        if token is None:
            return None
        try:
            (key,) = self._context.page_tokens.open(token, "jobs", chosen, self._context.now())
        except ApiFault:
            expected = "what an answer to the same filters gave as `next`, within a day"
            raise invalid_parameter("query", "next", token, expected) from None
        return int(key)


def group_of(job: JobType, value: Any, caller: str | None) -> str | None:
    """What a job is limited by beside its type."""
    if job.per_key is None and job.key is None:
        return None
    if job.key is None:
        return caller
    found = value.get(job.key) if isinstance(value, dict) else None
    if found is None:
        return None
    return found if isinstance(found, str) else orjson.dumps(found, option=orjson.OPT_SORT_KEYS).decode()


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise invalid_parameter("header", "Idempotency-Key", key, "1 to 255 visible ASCII characters, such as a UUID")
    return key


def _callback(request: Request) -> str | None:
    url = request.headers.get("callback-url")
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and parts.username is None
    except ValueError:
        sound = False
    if not sound or len(url) > _LONGEST_URL or not url.isprintable() or " " in url:
        raise invalid_parameter("header", "Callback-URL", url, "an http or https address, without a user's name")
    return url


def _filter(status: str | None) -> JobFilter:
    if status is None:
        return JobFilter()
    for known in STATUSES:
        if known == status:
            return with_status(known)
    raise invalid_parameter("query", "status", status, f"one of {', '.join(STATUSES)}")


def _time(text: str | None, name: str) -> int | None:
    """Milliseconds of Unix seconds."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not abs(seconds) < _LAST_SECOND:
        raise invalid_parameter("query", name, text, "Unix seconds, such as 1767225600")
    return int(seconds * 1000)


def _limit(text: str | None) -> int:
    if text is None:
        return _PAGE
    size = whole(text)
    if size is None or not 1 <= size <= _LONGEST_PAGE:
        raise invalid_parameter("query", "limit", text, f"a whole number from 1 to {_LONGEST_PAGE}")
    return size


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _answer(body: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type="application/json")
