"""How AWS Lambda's API answers: REST with JSON, and errors named in a header.

Rules that must stay true here:
- Every answer has a request id; no client ever sees what went wrong inside.
- A page of a foreign site cannot call a function: a browser tells where a request comes from, and SDKs tell nothing.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from stepwell.api.context import ApiContext
from stepwell.api.origins import own_pages
from stepwell.engine.errors import Stopping
from stepwell.language.values import Json
from stepwell.store.protocol import StoreUnavailable
from stepwell.tasks.invocation import CallRefused
from stepwell.tasks.lambda_service import FunctionNotFound

_log = logging.getLogger("stepwell.api")

# The error shapes of Lambda's model spell the member as AWS's services do: some one way, some the other.
_CAPITAL: Final = frozenset({"ResourceNotFoundException", "ServiceException"})

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class LambdaFault(Exception):
    """A refusal; `shape` is an error of Lambda's model."""

    def __init__(self, shape: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.shape = shape
        self.message = message
        self.status = status

    def body(self) -> Mapping[str, Json]:
        member = "Message" if self.shape in _CAPITAL else "message"
        return {"Type": "User" if self.status < 500 else "Service", member: self.message}


def not_found(arn: str) -> LambdaFault:
    return LambdaFault("ResourceNotFoundException", f"Function not found: {arn}", 404)


def invalid(value: str, member: str, constraint: str) -> LambdaFault:
    message = f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    return LambdaFault("ValidationException", message)


def answer(
    body: bytes, *, status: int = 200, request_id: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer whose body is JSON text."""
    given = {"x-amzn-RequestId": request_id or str(uuid.uuid4()), **(headers or {})}
    return Response(body, status, given, "application/json")


def answering(context: ApiContext, handle: Handler) -> Handler:
    """A handler whose refusals and defects are answered as AWS Lambda answers them."""
    may_call = own_pages(context.allowed_hosts)

    async def answered(request: Request) -> Response:
        request_id = str(uuid.uuid4())
        try:
            origin = request.headers.get("origin")
            if not may_call(origin):
                raise LambdaFault("AccessDeniedException", f"Pages of {origin} may not call functions", 403)
            return await handle(request)
        except LambdaFault as refused:
            fault = refused
        except FunctionNotFound as missing:
            fault, request_id = not_found(missing.arn), missing.request_id
        except CallRefused as call:
            fault, request_id = LambdaFault(call.shape, call.reason, call.status), call.request_id
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Stopping:
            fault = LambdaFault("ServiceException", "The server is shutting down", 503)
        except StoreUnavailable as error:
            _log.error("request %s: %s refused: %s", request_id, request.url.path, error)
            fault = LambdaFault("ServiceException", error.told, 503)
        except Exception:
            _log.exception("request %s: %s failed", request_id, request.url.path)
            message = f"The request failed inside the server; its log tells more under the request id {request_id}"
            fault = LambdaFault("ServiceException", message, 500)
        return answer(
            orjson.dumps(fault.body()),
            status=fault.status,
            request_id=request_id,
            headers={"x-amzn-ErrorType": fault.shape},
        )

    return answered
