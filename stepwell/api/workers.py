"""What workers on other machines find: activities, leases that outlive the server, and where to tell what handlers say.

    POST /workers/logs {"lines": [{"time", "function", "requestId", "execution", "message", "stream"}]}
    POST /workers/progress {"progress": [{"execution", "fraction", "message"}]}

Rules that must stay true here:
- Lines of workers go in where those of this server's own processes do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from stepwell.api.context import ApiContext
from stepwell.api.functions.wire import LambdaFault, answer, answering
from stepwell.api.handlers import HANDLERS
from stepwell.api.request import Request
from stepwell.store.leases import LeaseRow
from stepwell.store.protocol import Store
from stepwell.tasks.lambda_service import LambdaService
from stepwell.tasks.lease import KeptLease
from stepwell.tasks.logs import FunctionLogLine

_MAX_BODY: Final = 4 * 1024 * 1024  # bytes


class StoreLeases:
    """A `LeaseBook` in the server's store."""

    def __init__(self, store: Store, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now

    async def keep(self, lease: KeptLease) -> None:
        row = LeaseRow(lease.call, lease.digest, lease.function, lease.worker, self._now())
        await self._store.leases.keep(row)

    async def drop(self, call: bytes) -> None:
        await self._store.leases.drop([call])

    async def all(self) -> Sequence[KeptLease]:
        return [KeptLease(row.call, row.token, row.function, row.worker) for row in await self._store.leases.all()]


async def make_activities(names: Iterable[str], context: ApiContext) -> None:
    """Create the activities that workers poll, where they are not there yet. Raises ApiFault."""
    for name in names:
        await HANDLERS["CreateActivity"](Request(context, context.region, {"name": name}))


class _Line(msgspec.Struct, rename="camel"):
    time: int
    function: str
    message: str
    request_id: str | None = None
    execution: str | None = None
    stream: str = ""


class _Lines(msgspec.Struct):
    lines: list[_Line]


class _Progress(msgspec.Struct):
    execution: str
    fraction: float
    message: str | None = None


class _Progresses(msgspec.Struct):
    progress: list[_Progress]


_T = TypeVar("_T")


def worker_routes(functions: LambdaService, context: ApiContext) -> list[Route]:
    """The routes of a server for its workers."""

    async def take_lines(request: HttpRequest) -> Response:
        sent = await _read(request, _Lines)
        for line in sent.lines:
            functions.logs(
                FunctionLogLine(line.function, line.request_id, line.time, line.message, line.execution, line.stream)
            )
        return answer(b"{}")

    async def take_progress(request: HttpRequest) -> Response:
        sent = await _read(request, _Progresses)
        for told in sent.progress:
            functions.progressed(told.execution, told.fraction, told.message)
        return answer(b"{}")

    return [
        Route("/workers/logs", answering(context, take_lines), methods=["POST"]),
        Route("/workers/progress", answering(context, take_progress), methods=["POST"]),
    ]


async def _read(request: HttpRequest, kind: type[_T]) -> _T:
    """The body of a request. Raises LambdaFault."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            raise LambdaFault("RequestTooLargeException", f"more than {_MAX_BODY} bytes at once", 413)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise LambdaFault("InvalidRequestContentException", f"the body is not as it should be: {fault}") from None
