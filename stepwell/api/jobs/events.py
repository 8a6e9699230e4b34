"""What becomes of a job, as it happens: server-sent events.

    id: 1767225600123-1     what a browser sends back as Last-Event-ID
    event: status           or progress
    data: {...}             the job without its input, or how far it is

Rules that must stay true here:
- A stream tells where the job stands, then what changes, and ends when the job has ended.
- A client that comes back with the id of what it has seen is told only what is newer; one that has seen the end gets
  204, which ends its asking.
- A slow client is told the latest: nothing is kept for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import orjson
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from stepwell.api.context import ApiContext
from stepwell.api.jobs.problems import job_not_found
from stepwell.api.jobs.render import job_body, progress_body
from stepwell.jobs.job import ENDED, STATUSES, Status, status_of
from stepwell.jobs.jobs import Jobs
from stepwell.store.jobs import JobRow

HEARTBEAT: Final = 15.0  # seconds; proxies close what is silent for longer
_FIRST: Final = asyncio.FIRST_COMPLETED
_RETRY: Final = 2_000  # milliseconds until a browser comes back

Seen = tuple[int, int]
"""When the last progress was made (milliseconds since 1970), and how far the status has come."""

_ORDER: Final[dict[Status, int]] = {status: min(number, 2) for number, status in enumerate(STATUSES)}


class JobEvents:
    def __init__(self, jobs: Jobs, context: ApiContext, heartbeat: float = HEARTBEAT) -> None:
        """`heartbeat` is how many seconds a stream is silent at most."""
        self._jobs = jobs
        self._context = context
        self._heartbeat = heartbeat

    async def get(self, request: Request) -> Response:
        """Raises Problem, StoreError."""
        id_ = request.path_params["name"]
        row = await self._jobs.find(id_)
        if row is None:
            raise job_not_found(id_)
        seen = _seen(request.headers.get("last-event-id"))
        if status_of(row) in ENDED and seen >= _position(row):
            return Response(status_code=204)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        if request.method == "HEAD":
            return Response(headers=headers, media_type="text/event-stream")
        return StreamingResponse(self._stream(row, seen), headers=headers, media_type="text/event-stream")

    async def _stream(self, row: JobRow, seen: Seen) -> AsyncIterator[bytes]:
        closing: asyncio.Future[Any] = asyncio.ensure_future(self._context.closing.wait())
        try:
            yield f"retry: {_RETRY}\n\n".encode()
            with self._jobs.watching(row) as news:
                found: JobRow | None = row
                while True:
                    told = news()
                    found = await self._jobs.find(row.new.id)
                    if found is None:
                        return
                    for event in _events(found, seen):
                        yield event
                    seen = max(seen, _position(found))
                    if status_of(found) in ENDED or closing.done():
                        return
                    while not told.done() and not closing.done():
                        done, _ = await asyncio.wait((told, closing), timeout=self._heartbeat, return_when=_FIRST)
                        if not done:
                            yield b": still here\n\n"
        finally:
            closing.cancel()


def _position(row: JobRow) -> Seen:
    return row.progress_at or 0, _ORDER[status_of(row)]


def _events(row: JobRow, seen: Seen) -> list[bytes]:
    """What is newer than what a client has seen."""
    at, order = _position(row)
    events = []
    if at > seen[0]:
        told = order if order <= seen[1] else max(0, order - 1)
        events.append(_event("progress", (at, told), progress_body(row)))
    if order > seen[1]:
        events.append(_event("status", (at, order), job_body(replace(row, input=None))))
    return events


def _event(kind: str, id_: Seen, data: object) -> bytes:
    return b"id: %d-%d\nevent: %s\ndata: %s\n\n" % (*id_, kind.encode(), orjson.dumps(data))


def _seen(last: str | None) -> Seen:
    at, _, order = (last or "").partition("-")
    numbers = all(part.isascii() and part.isdigit() and len(part) < 16 for part in (at, order))
    return (int(at), int(order)) if numbers else (0, -1)
