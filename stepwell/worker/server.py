"""The server as a worker sees it: calls over HTTP, each of which can be given up.

The standard library's client on a few threads is enough: a worker has one poll open for each function, and sends little
beside it.

Rules that must stay true here:
- A call that is cancelled ends at once: its connection is cut.
- A connection that has gone stale while nobody used it is no failure: the call is made again, once, on a new one.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from stepwell.engine.trace import trace_of

Sign: TypeAlias = Callable[[str, str, bytes, Mapping[str, str]], Mapping[str, str]]
"""Headers with a signature, of a method, a URL, a body and headers."""

_OPENING = 10.0  # seconds to connect
_WAITING = 65.0  # seconds for an answer; GetActivityTask, the slowest call, is answered within 60


class Unreachable(Exception):
    """No server answers, or it cannot answer now: the same call may succeed later."""


class Refused(Exception):
    """The server refuses the call; `error` is AWS's name for the reason."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(f"{error}: {message}" if message else error)
        self.error = error


class Server:
    """One server. `threads` is how many calls may be under way."""

    def __init__(self, url: str, threads: int, sign: Sign | None = None) -> None:
        """Raises ValueError where the URL is no address of a server."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url} is no http or https address")
        self.url = url.rstrip("/")
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path.rstrip("/")
        self._sign = sign
        self._idle: list[_Link] = []
        self._threads = ThreadPoolExecutor(threads, "stepwell-worker-http")

    async def call(self, operation: str, **members: object) -> dict[str, Any]:
        """The answer of an operation of AWS Step Functions, and `trace`, where its headers name one. Members that are
        None are left out.

        Raises Refused, Unreachable.
        """
        body = json.dumps({name: value for name, value in members.items() if value is not None}).encode()
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AWSStepFunctions.{operation}"}
        return await self._ask("/", body, headers)

    async def post(self, path: str, body: bytes) -> dict[str, Any]:
        """The answer of what the server takes beside AWS's API. Raises Refused, Unreachable."""
        return await self._ask(path, body, {"Content-Type": "application/json"})

    def close(self) -> None:
        """Let go of all connections. Nothing may be under way."""
        for link in self._idle:
            link.close()
        self._threads.shutdown(wait=False)

    async def _ask(self, path: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        if self._sign is not None:
            headers = self._sign("POST", f"{self.url}{path}", body, headers)
        link = self._idle.pop() if self._idle else _Link(self._kind(self._host, self._port, timeout=_OPENING))
        loop = asyncio.get_running_loop()
        try:
            status, text, trace = await loop.run_in_executor(
                self._threads, link.exchange, f"{self._path}{path}", body, dict(headers)
            )
        except asyncio.CancelledError:
            link.cut()
            raise
        except (OSError, HTTPException) as error:
            link.close()
            raise Unreachable(str(error) or type(error).__name__) from error
        self._idle.append(link)
        answer = _answer(status, text)
        return answer if trace is None else {**answer, "trace": trace}


class _Link:
    """One connection, used by one call at a time."""

    def __init__(self, connection: HTTPConnection) -> None:
        self._connection = connection
        self._socket: socket.socket | None = None
        self._is_cut = False

    def exchange(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, str | None]:
        """The status, the body, and the trace that it is part of. Called on a thread. Raises OSError, HTTPException."""
        stale = self._socket is not None
        try:
            return self._send(path, body, headers)
        except (OSError, HTTPException):
            self.close()
            if not stale or self._is_cut:
                raise
        return self._send(path, body, headers)

    def _send(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, str | None]:
        if self._socket is None:
            self._connection.connect()
            opened: socket.socket = self._connection.sock
            opened.settimeout(_WAITING)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = opened
        if self._is_cut:
            raise ConnectionAbortedError("given up")
        self._connection.request("POST", path, body, headers)
        response = self._connection.getresponse()
        trace = trace_of(response.getheader("traceparent"), response.getheader("tracestate"))
        return response.status, response.read(), trace

    def cut(self) -> None:
        """End what a thread is doing here: it gets an error."""
        self._is_cut = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket = None
        self._connection.close()


def _answer(status: int, text: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(text or b"{}")
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise Unreachable(f"what answers there is no server of AWS Step Functions' API (HTTP {status})")
    if status == 200:
        return answer
    error = str(answer.get("__type", f"HTTP {status}")).rpartition("#")[2]
    message = str(answer.get("message") or answer.get("Message") or "")
    if status >= 500 or status == 429 or error in ("ThrottlingException", "Throttling"):
        raise Unreachable(f"{error}: {message}")
    raise Refused(error, message)
