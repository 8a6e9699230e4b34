"""A connection as this server takes it: uvicorn's, with an end for clients that hold one without using it.

Rules that must stay true here:
- A request that does not arrive, an answer that is not taken, a head without end: each ends the connection, after a
  time or a size that is known before. A client that is merely slow is left alone.
- A request costs a few additions: no timer is set for it. One look at all connections, every few seconds, finds those
  whose time is over.
- The system's last descriptors are not for connections: the store and handlers need some.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Collection
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD: Final = 64 * 1024
"""Bytes of a request's line and headers, beyond those that come with its first piece."""

_LEAST: Final = 16 * 1024  # bytes of a body that have to come in the time that a head has
_MOST_DESCRIPTORS: Final = 65_536  # asked of the system; handlers inherit what is asked
_RESERVED: Final = 256  # descriptors
_REASONS: Final = {408: b"Request Timeout", 431: b"Request Header Fields Too Large", 503: b"Service Unavailable"}


class _Transport:
    """A transport that takes no offence: what is written after the connection has begun to close is dropped. uvicorn
    goes on to write where a client has gone in the middle of several requests, and uvloop raises."""

    __slots__ = (
        "abort",
        "close",
        "get_extra_info",
        "get_write_buffer_size",
        "is_closing",
        "pause_reading",
        "resume_reading",
        "write",
    )

    def __init__(self, transport: asyncio.Transport) -> None:
        self.abort = transport.abort
        self.close = transport.close
        self.get_extra_info = transport.get_extra_info
        self.get_write_buffer_size = transport.get_write_buffer_size
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        is_closing, write = transport.is_closing, transport.write
        self.is_closing = is_closing

        def write_while_open(data: bytes) -> None:
            if not is_closing():
                write(data)

        self.write = write_while_open


class Connection(HttpToolsProtocol):
    """What a client is connected to. `allowed` is how many there may be at once."""

    allowed = 1 << 30

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, _Transport(cast(asyncio.Transport, transport))))
        self._received = 0
        self._head_from: int | None = None
        self._began: float | None = self.loop.time()
        """When the wait for what is to come began; None while nothing is waited for."""
        self._rests_since: float | None = None
        """When the last request was answered; None before that, and from the first byte of the next."""
        self._seen = 0
        """Bytes that had come at the last look at a body."""
        self._unsent = 0
        self._unsent_since = 0.0
        if len(self.connections) > self.allowed:
            self._refuse(503, "ServiceUnavailable", "Too many connections")

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)
        if self._head_from is not None and self._received - self._head_from > MAX_HEAD:
            self._refuse(431, "RequestEntityTooLargeException", f"Headers exceeded {MAX_HEAD} bytes")

    def on_message_begin(self) -> None:
        self._head_from = self._seen = self._received
        self._began, self._rests_since = self.loop.time(), None
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_from = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._began = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """As uvicorn does it, but for the timer that ends a connection on which nothing more comes: see `look`."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._rests_since = self.loop.time()

    def look(self, now: float, patience: float) -> None:
        """End the connection where what is waited for has not come within `patience` seconds."""
        if self._began is not None and now - self._began >= patience:
            self._look_at_request(now)
        if self._rests(now) >= self.timeout_keep_alive:
            self.transport.close()
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent < self._unsent or self._unsent == 0:
            self._unsent_since = now
        elif now - self._unsent_since >= patience:
            self.transport.abort()
        self._unsent = unsent

    def _rests(self, now: float) -> float:
        """How many seconds ago the last answer was, where nothing has come since: nor has the next request begun to
        come before that answer, in pieces."""
        rests = self._rests_since is not None and self._began is None and self.cycle.response_complete
        return now - (self._rests_since or now) if rests else 0.0

    def _look_at_request(self, now: float) -> None:
        reads_body = self._head_from is None and self._received > 0
        if reads_body and (self.flow.read_paused or self._received - self._seen >= _LEAST):
            self._began, self._seen = now, self._received  # it is the app that takes its time, or the client goes on
        elif self._received == 0:  # nothing was ever said
            if now - (self._began or now) >= self.timeout_keep_alive:
                self.transport.close()
        else:
            self._refuse(408, "RequestTimeoutException", "The request has not arrived in time")

    def _refuse(self, status: int, shape: str, message: str) -> None:
        """Answer, unless an answer is on its way already, and close."""
        if not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
                body = b'{"__type":"%s","message":"%s"}' % (shape.encode(), message.encode())
                self.transport.write(
                    b"HTTP/1.1 %d %s\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: %d\r\n"
                    b"connection: close\r\n\r\n%s" % (status, _REASONS[status], len(body), body)
                )
            self.transport.close()
        self._head_from = self._began = None


async def look_after(connections: Collection[Any], patience: float) -> None:
    """Look at all connections again and again; to be cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(min(patience / 4, 5.0))
        now = loop.time()
        for connection in list(connections):
            connection.look(now, patience)


def most_connections() -> int:
    """How many connections there may be, once the process may have as many descriptors as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return max(soft - _RESERVED, soft // 2) if soft != resource.RLIM_INFINITY else _MOST_DESCRIPTORS
