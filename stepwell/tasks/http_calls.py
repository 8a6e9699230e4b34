"""Calls of a function behind HTTP, as AWS Lambda's Invoke makes them.

Rules that must stay true here:
- One connection a call: a call is never sent twice because a connection was stale.
- A call that is not waited for any more is hung up.
- What the function did wrong is its error; that it could not be reached is the service's, worth a retry.

See the AWS Lambda API reference, "Invoke"; for the Runtime Interface Emulator, which marks no error as one, the AWS
Lambda developer guide, "Using the Lambda runtime interface emulator".
"""

from __future__ import annotations

import base64
import http.client
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from socket import SHUT_RDWR, socket
from urllib.parse import urlsplit

import orjson

from stepwell.engine.trace import headers_of, xray_of
from stepwell.tasks.call_log import unframed
from stepwell.tasks.invocation import (
    MAX_RESPONSE,
    UNKNOWN,
    Answer,
    CallRefused,
    Invocation,
    error_type,
    not_started,
    timed_out,
    too_large,
)
from stepwell.tasks.kinds.http_endpoint import HttpEndpoint
from stepwell.tasks.separate_calls import Write
from stepwell.tasks.threads import Threads

_CONNECT_SECONDS = 10
_OVERRUN = b"Task timed out after"


@dataclass(frozen=True, slots=True)
class _Answered:
    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpCalls:
    """The `Carrier` of an endpoint. `timeout` is the function's, in seconds; `most` calls run at once."""

    def __init__(self, endpoint: HttpEndpoint, timeout: float, most: int) -> None:
        parts = urlsplit(endpoint.invocations)
        self._url = endpoint.invocations
        self._host = parts.hostname or ""
        self._port = parts.port
        self._target = parts.path + (f"?{parts.query}" if parts.query else "")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._timeout = timeout
        self._threads = Threads(most)

    async def __call__(self, call: Invocation, write: Write) -> Answer:
        request = _Request(self._connection(), self._target, call.event, _headers(call), self._timeout)
        try:
            answered = await self._threads.run(request.carry_out)
        except (OSError, http.client.HTTPException) as fault:
            return not_started(call.request_id, f"{self._url}: {fault or type(fault).__name__}")
        finally:
            request.hang_up()
        with suppress(ValueError):
            write(unframed(base64.b64decode(answered.headers.get("x-amz-log-result", ""))))
        return _answer(call, answered, self._url, self._timeout)

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=_CONNECT_SECONDS)
        return http.client.HTTPSConnection(self._host, self._port, timeout=_CONNECT_SECONDS, context=self._tls)


@dataclass(slots=True)
class _Request:
    connection: http.client.HTTPConnection
    target: str
    body: bytes
    headers: Mapping[str, str]
    timeout: float
    socket: socket | None = field(default=None, init=False)
    hung_up: bool = field(default=False, init=False)

    def carry_out(self) -> _Answered:
        """Blocks. Raises OSError, HTTPException."""
        connection = self.connection
        connection.connect()
        self.socket = connection.sock
        if self.hung_up:  # meanwhile: nothing is asked any more
            raise ConnectionAbortedError("the call is not waited for")
        connection.sock.settimeout(self.timeout)
        connection.request("POST", self.target, self.body, dict(self.headers))
        response = connection.getresponse()
        body = response.read(MAX_RESPONSE + 1)
        return _Answered(response.status, {name.lower(): value for name, value in response.getheaders()}, body)

    def hang_up(self) -> None:
        """From another thread, which it wakes."""
        self.hung_up = True
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(SHUT_RDWR)
        self.connection.close()


def _headers(call: Invocation) -> Mapping[str, str]:
    headers = {
        "Content-Type": "application/json",
        "X-Amz-Invocation-Type": "RequestResponse",
        "X-Amz-Log-Type": "Tail",
    }
    if call.client_context is not None:
        headers["X-Amz-Client-Context"] = base64.b64encode(call.client_context.encode()).decode()
    if call.idempotency_key is not None:
        headers["Idempotency-Key"] = call.idempotency_key
    if call.trace is not None:
        headers |= headers_of(call.trace) | {"X-Amzn-Trace-Id": xray_of(call.trace)}
    return headers


def _answer(call: Invocation, answered: _Answered, url: str, timeout: float) -> Answer:
    """Raises CallRefused."""
    body, status = answered.body, answered.status
    if len(body) > MAX_RESPONSE:
        return too_large()
    payload = _parsed(body)
    shape = answered.headers.get("x-amzn-errortype", "").partition(":")[0]
    if 400 <= status < 500 and shape:
        raise CallRefused(shape, _reason(payload), status, call.request_id)
    if body.startswith(_OVERRUN):  # the emulator's words, which are no JSON
        return timed_out(call.request_id, timeout)
    error = error_type(payload)
    if "x-amz-function-error" in answered.headers:
        return Answer(_text(body), error or UNKNOWN)
    if error is not None and not shape:
        return Answer(_text(body), error)
    if not 200 <= status < 300:
        return not_started(call.request_id, f"{url} answered {status}")
    if payload is _NO_JSON:
        return not_started(call.request_id, f"{url} answered what is no JSON")
    return Answer(_text(body))


_NO_JSON = object()


def _parsed(body: bytes) -> object:
    if not body.strip():
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _NO_JSON


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace").strip() or "null"


def _reason(payload: object) -> str:
    members = payload if isinstance(payload, dict) else {}
    return str(members.get("Message") or members.get("message") or "The function's endpoint refuses the call")
