"""How EventBridge Scheduler's API answers: REST with JSON, and errors named in a header.

Rules that must stay true here:
- Every answer has a request id; no client ever sees what went wrong inside.
- A page of a foreign site cannot write a schedule: a browser tells where a request comes from, and SDKs tell nothing.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, TypeVar

import msgspec
import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from stepwell.api.arns import partition_of
from stepwell.api.context import ApiContext
from stepwell.api.faults import ApiFault
from stepwell.api.origins import own_pages
from stepwell.api.request import Answer
from stepwell.api.signature import region_of
from stepwell.api.whole import whole
from stepwell.engine.errors import Stopping
from stepwell.store.protocol import StoreUnavailable

_log = logging.getLogger("stepwell.api")

MAX_BODY: Final = 1_048_576
_STATUS: Final = {"ConflictException": 409, "ResourceNotFoundException": 404, "ServiceQuotaExceededException": 402}

Handler: TypeAlias = Callable[[Request], Awaitable[Answer]]
Route: TypeAlias = Callable[[Request], Awaitable[Response]]
T = TypeVar("T")


class SchedulerFault(Exception):
    """A refusal; `shape` is an error of EventBridge Scheduler's model."""

    def __init__(self, shape: str, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.shape = shape
        self.status = status or _STATUS.get(shape, 400)


def invalid(message: str) -> SchedulerFault:
    return SchedulerFault("ValidationException", message)


def conflict(message: str) -> SchedulerFault:
    return SchedulerFault("ConflictException", message)


def not_found(what: str, name: str) -> SchedulerFault:
    return SchedulerFault("ResourceNotFoundException", f"{what} {name} does not exist.")


async def body(request: Request) -> bytes:
    """Raises SchedulerFault where it is too large."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise invalid(f"The request is larger than {MAX_BODY} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def shaped(text: bytes, shape: type[T]) -> T:
    """A body as a shape. Raises SchedulerFault."""
    try:
        return msgspec.json.decode(text or b"{}", type=shape, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise invalid(f"1 validation error detected: {fault}") from None


def page_size(request: Request) -> int:
    """Raises SchedulerFault."""
    text = request.query_params.get("MaxResults", "100")
    size = whole(text)
    if size is None or not 1 <= size <= 100:
        raise invalid(f"MaxResults {text}: it takes 1 to 100")
    return size


def page(request: Request, context: ApiContext, operation: str, bound: tuple[object, ...]) -> str:
    """The ARN behind which a listing goes on. Raises InvalidToken."""
    token = request.query_params.get("NextToken")
    return "" if token is None else str(context.page_tokens.open(token, operation, bound, context.now())[0])


def arn_prefix(request: Request, context: ApiContext) -> str:
    """What the ARNs of a request's region and account begin with."""
    region = region_of(request.headers.get("authorization", "").encode("latin-1")) or context.region
    return f"arn:{partition_of(region)}:scheduler:{region}:{context.account}:"


def answering(context: ApiContext, handle: Handler) -> Route:
    """A handler whose answers, refusals and defects are told as EventBridge Scheduler tells them."""
    may_call = own_pages(context.allowed_hosts)

    async def answered(request: Request) -> Response:
        request_id = str(uuid.uuid4())
        try:
            origin = request.headers.get("origin")
            if not may_call(origin):
                raise SchedulerFault("AccessDeniedException", f"Pages of {origin} may not write schedules", 403)
            return _answer(orjson.dumps(await handle(request)), 200, request_id)
        except SchedulerFault as refused:
            fault = refused
        except ApiFault as refused:  # of a page token
            fault = invalid(refused.message)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Stopping:
            fault = SchedulerFault("InternalServerException", "The server is shutting down", 503)
        except StoreUnavailable as error:
            _log.error("request %s: %s refused: %s", request_id, request.url.path, error)
            fault = SchedulerFault("InternalServerException", error.told, 503)
        except Exception:
            _log.exception("request %s: %s failed", request_id, request.url.path)
            message = f"The request failed inside the server; its log tells more under the request id {request_id}"
            fault = SchedulerFault("InternalServerException", message, 500)
        body = orjson.dumps({"__type": fault.shape, "Message": str(fault)})
        return _answer(body, fault.status, request_id, {"x-amzn-ErrorType": fault.shape})

    return answered


def _answer(body: bytes, status: int, request_id: str, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, {"x-amzn-RequestId": request_id, **(headers or {})}, "application/json")
