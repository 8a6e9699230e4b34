"""What functions have written, for `stepwell logs`. No part of AWS's API:

    GET /logs[?function=NAME][&execution=ARN][&limit=N]                      the last lines
    GET /logs?after=PLACE[&function=NAME][&execution=ARN][&limit=N][&wait=S] the lines behind a place

Both answer `{"lines": [...], "next": PLACE}`: lines from the oldest to the newest, and the place to go on from.

Rules that must stay true here:
- What Lambda itself writes around a call (START, END, REPORT) is left out: `aws logs` shows it.
- A reader that asks on from each place misses no line and gets none twice, as long as the server still has them.
- A question that waits is answered with the first line, when the time is over, or when the server stops.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from stepwell.api.context import ApiContext
from stepwell.language.values import Json
from stepwell.tasks.call_log import is_frame
from stepwell.tasks.logs import FunctionLogLine, LogRing

_LONGEST_WAIT: Final = 30  # seconds
_MOST: Final = 10_000  # lines of an answer


class FunctionLogs:
    """The lines of a server's functions."""

    def __init__(self, ring: LogRing, context: ApiContext) -> None:
        self._ring = ring
        self._context = context

    async def read(self, request: Request) -> Response:
        query = request.query_params
        function, execution = query.get("function"), query.get("execution")
        try:
            limit = min(int(query.get("limit", "1000")), _MOST)
            after = int(query["after"]) if "after" in query else None
            wait = min(float(query.get("wait", "0")), _LONGEST_WAIT)
        except ValueError:
            body = {"__type": "ValidationException", "message": "limit, after and wait are numbers"}
            return Response(orjson.dumps(body), 400, media_type="application/json")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        found = self._found(function, execution, after, limit)
        while not found and loop.time() < deadline and not self._context.closing.is_set():
            await self._news(deadline - loop.time())
            found = self._found(function, execution, after, limit)
        last = found[-1][0] if found else self._last(after)
        answer = {"lines": [_line(line) for _, line in found], "next": str(last)}
        return Response(orjson.dumps(answer), media_type="application/json")

    def _found(
        self, function: str | None, execution: str | None, after: int | None, limit: int
    ) -> list[tuple[int, FunctionLogLine]]:
        """From the oldest to the newest: the last lines, or the first ones behind a place."""
        newest = (
            (place, line)
            for place, line in itertools.takewhile(
                lambda found: after is None or found[0] > after, self._ring.newest(function)
            )
            if (execution is None or line.execution == execution) and not is_frame(line.message)
        )
        if after is None:
            return list(itertools.islice(newest, max(limit, 0)))[::-1]
        return list(newest)[::-1][: max(limit, 1)]

    def _last(self, after: int | None) -> int:
        """The place to go on from where nothing was found: behind all that there is."""
        newest = next(self._ring.newest(), None)
        return max(after or 0, 0 if newest is None else newest[0])

    async def _news(self, seconds: float) -> None:
        waits = {
            asyncio.ensure_future(self._ring.wait(seconds)),
            asyncio.ensure_future(self._context.closing.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in waits:
                waiting.cancel()


def _line(line: FunctionLogLine) -> dict[str, Json]:
    return {
        "time": line.time,
        "function": line.function,
        "requestId": line.request_id,
        "execution": line.execution,
        "message": line.message,
    }
