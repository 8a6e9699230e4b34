"""Sends what handlers write on a worker to the server.

Rules that must stay true here:
- No handler waits for the network: what cannot be sent in time is dropped, and how much is said.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

import orjson

from stepwell.tasks.logs import FunctionLogLine
from stepwell.worker.server import Refused, Server, Unreachable

_KEPT = 8 * 1024 * 1024  # characters that wait to be sent, at most
_BATCH = 512 * 1024  # characters of a request; one line may be larger
_PAUSE = 0.2  # seconds between two requests


class LineSender:
    """Takes lines by being called."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lines: deque[FunctionLogLine] = deque()
        self._size = 0
        self._dropped = 0
        self._sending = asyncio.Lock()
        self._refused = False

    def __call__(self, line: FunctionLogLine) -> None:
        if self._size + len(line.message) > _KEPT:
            self._dropped += 1
            return
        if self._dropped:
            said = f"[stepwell] {self._dropped} lines were dropped: the server did not take them in time"
            self._add(FunctionLogLine(line.function, None, time.time_ns() // 1_000_000, said, None, line.stream))
            self._dropped = 0
        self._add(line)

    def _add(self, line: FunctionLogLine) -> None:
        if not self._refused:
            self._lines.append(line)
            self._size += len(line.message)

    async def run(self) -> None:
        """Send lines as they come, until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE)
            await self.flush()

    async def flush(self) -> None:
        """Send what there is. What cannot be sent now stays."""
        async with self._sending:
            while self._lines:
                batch = self._take()
                try:
                    await self._server.post("/workers/logs", orjson.dumps({"lines": [_sent(line) for line in batch]}))
                except Unreachable:
                    self._lines.extendleft(reversed(batch))
                    self._size += sum(len(line.message) for line in batch)
                    return
                except Refused:  # a server that takes no lines, such as AWS's own
                    self._refused = True
                    self._lines.clear()
                    self._size = 0

    def _take(self) -> list[FunctionLogLine]:
        batch: list[FunctionLogLine] = []
        size = 0
        while self._lines and (not batch or size + len(self._lines[0].message) <= _BATCH):
            batch.append(self._lines.popleft())
            size += len(batch[-1].message)
        self._size -= size
        return batch


def _sent(line: FunctionLogLine) -> dict[str, object]:
    return {
        "time": line.time,
        "function": line.function,
        "requestId": line.request_id,
        "execution": line.execution,
        "message": line.message,
        "stream": line.stream,
    }
