"""The AWS JSON 1.0 endpoint: `POST /` with `X-Amz-Target: AWSStepFunctions.<Operation>`, as a raw ASGI application.

Rules that must stay true here:
- Every answer is JSON in AWS's shape with an `x-amzn-RequestId`; no client ever sees what went wrong inside.
- The content type must be AWS's: a form or a script of a foreign web page cannot send it without being asked first.
- Work that is the same for every request is done once: operations are looked up by the header's bytes, headers are made
  ahead, and nothing is parsed that is not used.
"""

from __future__ import annotations

import itertools
import json
import logging
import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from typing import Any, Final

import orjson
from msgspec import Struct
from msgspec.structs import replace
from starlette.types import Message, Receive, Scope, Send

from stepwell.api import faults
from stepwell.api.clock import HEADER as CLOCK_HEADER
from stepwell.api.context import ApiContext
from stepwell.api.events.operations import EVENTS, members_of
from stepwell.api.faults import ApiFault, cannot_seal
from stepwell.api.handlers import HANDLERS
from stepwell.api.prefer import wait_preferred
from stepwell.api.request import Handler, Headed, Request
from stepwell.api.service_model import INPUTS, TARGET_PREFIX
from stepwell.api.signature import region_of
from stepwell.api.validation import compile_operation
from stepwell.engine.errors import CannotSeal, Stopping
from stepwell.language.values import Json
from stepwell.store.protocol import StoreError, StoreUnavailable

MAX_BODY: Final = 2 * 1024 * 1024
"""Bytes of a request: a definition of 1 MB grows by the escapes that JSON in JSON takes."""

_log = logging.getLogger("stepwell.api")
_CONTENT_TYPES: Final = (b"application/x-amz-json-1.0", b"application/x-amz-json-1.1")
_CONTENT_TYPE: Final = (b"content-type", b"application/x-amz-json-1.0")
_FIRST_HALF: Final = str(uuid.uuid4())[:24]  # of the ids of requests: what stands before the last dash, and that
_counted: Final = itertools.count(secrets.randbits(40))
_MOCKABLE: Final = frozenset({"StartExecution", "StartSyncExecution"})
_WAITS: Final = "DescribeExecution"  # answers later where the client prefers so


class ClientGone(Exception):
    """The client closed the connection before its request was whole."""


class _Operation(Struct, frozen=True):
    name: str
    validate: Callable[[Json], dict[str, Json]]
    handle: Handler
    mockable: bool


class AwsEndpoint:
    """Answers the requests that reach the AWS endpoint. Whoever calls it has checked path, method and host."""

    def __init__(self, context: ApiContext, handlers: Mapping[str, Handler] = HANDLERS) -> None:
        self._context = context
        self._quotas = context.quotas
        self._operations = {
            f"{TARGET_PREFIX}.{name}".encode(): _Operation(
                name, compile_operation(name), handlers[name], name in _MOCKABLE
            )
            for name in INPUTS
        }
        for name, handle in EVENTS.items():
            self._operations[f"AWSEvents.{name}".encode()] = _Operation(name, members_of, handle, False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id, began, called = _request_id(), perf_counter(), "unknown"
        target = content_type = authorization = length = prefer = b""
        clock: bytes | None = None
        traceparent = tracestate = xray = None
        for name, value in scope["headers"]:
            if name == b"x-amz-target":
                target = value
            elif name == b"content-type":
                content_type = value
            elif name == b"authorization":
                authorization = value
            elif name == b"content-length":
                length = value
            elif name == CLOCK_HEADER:
                clock = value
            elif name == b"prefer":
                prefer = value
            elif name == b"traceparent":
                traceparent = value.decode("latin-1")
            elif name == b"tracestate":
                tracestate = value.decode("latin-1")
            elif name == b"x-amzn-trace-id":
                xray = value.decode("latin-1")
        applied: tuple[tuple[bytes, bytes], ...] = ()
        try:
            if content_type not in _CONTENT_TYPES:
                _check_content_type(content_type)
            operation = self._operations.get(target) or _refuse_target(target)
            called = operation.name
            if self._quotas is not None:
                self._quotas.take(called)
            body = await read_body(receive, length, MAX_BODY)
            members = _parse(body)
            test_case = _take_test_case(members) if operation.mockable else None
            region = (region_of(authorization) if authorization else None) or self._context.region
            request = Request(
                self._context,
                region,
                operation.validate(members),
                test_case,
                lambda: _disconnect(receive),
                None if clock is None else clock.decode("latin-1"),
                trace=(traceparent, tracestate, xray),
            )
            if prefer and operation.name == _WAITS and (wait := wait_preferred(prefer)):
                request = replace(request, wait=wait)
                applied = ((b"preference-applied", b"wait=%d" % wait),)
            answer = await operation.handle(request)
            if isinstance(answer, Headed):
                applied += answer.headers
            status, payload = 200, _dumps(answer)
        except ApiFault as fault:
            status, payload = fault.status, _fault_body(fault)
        except ClientGone:
            return
        except CannotSeal as refused:
            status, payload = 400, _fault_body(cannot_seal(str(refused)))
        except Stopping:
            status, payload = _unavailable("The server is shutting down")
        except StoreUnavailable as error:
            _log.error("request %s: %s refused: %s", request_id, target.decode("latin-1"), error)
            status, payload = _unavailable(error.told)
        except StoreError as error:
            _log.error("request %s: %s failed: %s", request_id, target.decode("latin-1"), error)
            status, payload = _failure(request_id)
        except Exception:
            _log.exception("request %s: %s failed", request_id, target.decode("latin-1"))
            status, payload = _failure(request_id)
        self._context.requests.count(called, status, perf_counter() - began)
        await _answer(send, status, payload, request_id, applied)


async def answer_fault(send: Send, fault: ApiFault) -> None:
    """Answer a request that does not get as far as an operation."""
    await _answer(send, fault.status, _fault_body(fault), _request_id())


async def _answer(
    send: Send, status: int, payload: bytes, request_id: str, more: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    headers = [
        (b"x-amzn-requestid", request_id.encode()),
        _CONTENT_TYPE,
        (b"content-length", b"%d" % len(payload)),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": payload})


def _request_id() -> str:
    """A name of its own for a request, in the form of a UUID: drawn once a process, then counted."""
    return f"{_FIRST_HALF}{next(_counted):012x}"


def _check_content_type(given: bytes) -> None:
    if given.split(b";", 1)[0].strip().lower() not in _CONTENT_TYPES:
        raise ApiFault(
            "UnsupportedMediaTypeException",
            f"The Content-Type must be application/x-amz-json-1.0, not '{given.decode('latin-1')}'",
            415,
        )


def _refuse_target(target: bytes) -> _Operation:
    if not target:
        raise faults.unknown_operation("The header X-Amz-Target is missing")
    raise faults.unknown_operation(f"Unknown operation: {target.decode('latin-1')}")


async def read_body(receive: Receive, length: bytes, limit: int) -> bytes:
    """The body of a request; `length` is its Content-Length, where there is one, and `limit` the most bytes.

    Raises ApiFault where it is larger, and ClientGone.
    """
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    message = await _next(receive)
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit:
            raise _too_large(limit)
        return body
    chunks, size = [body], len(body)
    while message.get("more_body", False):
        message = await _next(receive)
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


async def _next(receive: Receive) -> Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _parse(body: bytes) -> Json:
    if not body:
        return {}
    try:
        value: Json = orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        raise faults.serialization(f"The body is not JSON: {fault}") from None
    return value


def _take_test_case(members: Json) -> str | None:
    """Take the test case of the mocks off a machine's ARN (`stateMachineArn#TestCase`)."""
    if not isinstance(members, dict):
        return None
    arn = members.get("stateMachineArn")
    if not isinstance(arn, str) or "#" not in arn:
        return None
    members["stateMachineArn"], _, test_case = arn.partition("#")
    return test_case


def _dumps(answer: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(answer)
    except TypeError:  # text that UTF-8 cannot carry goes out in escapes
        return json.dumps(answer, separators=(",", ":")).encode("ascii")


def _fault_body(fault: ApiFault) -> bytes:
    return _dumps({"__type": fault.shape, "message": fault.message, **fault.members})


def _too_large(limit: int) -> ApiFault:
    return ApiFault("RequestEntityTooLargeException", f"Request size exceeded {limit} bytes", 413)


def _unavailable(why: str) -> tuple[int, bytes]:
    return 503, _fault_body(ApiFault("ServiceUnavailable", why))


def _failure(request_id: str) -> tuple[int, bytes]:
    message = f"The request failed inside the server; its log tells more under the request id {request_id}"
    return 500, _fault_body(ApiFault("InternalFailure", message))
