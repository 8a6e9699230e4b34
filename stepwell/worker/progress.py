"""Sends to the server how far handlers on a worker say that they are.

Rules that must stay true here:
- Only the newest word of each execution is sent: what has been overtaken meanwhile is nobody's business.
"""

from __future__ import annotations

import asyncio

import orjson

from stepwell.worker.server import Refused, Server, Unreachable

_PAUSE = 0.2  # seconds between two requests
_MOST = 10_000  # executions that wait to be told of


class ProgressSender:
    """Takes progress by being called."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._newest: dict[str, tuple[float, str | None]] = {}
        self._refused = False

    def __call__(self, execution_arn: str | None, fraction: float, message: str | None) -> None:
        if execution_arn is not None and not self._refused and len(self._newest) < _MOST:
            self._newest[execution_arn] = (fraction, message)

    async def run(self) -> None:
        """Send progress as it comes, until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE)
            await self.flush()

    async def flush(self) -> None:
        """Send what there is. What cannot be sent now stays, unless there is news."""
        newest, self._newest = self._newest, {}
        if not newest:
            return
        told = [{"execution": arn, "fraction": told[0], "message": told[1]} for arn, told in newest.items()]
        try:
            await self._server.post("/workers/progress", orjson.dumps({"progress": told}))
        except Unreachable:
            self._newest = {**newest, **self._newest}
        except Refused:  # a server that takes none, such as AWS's own
            self._refused = True
