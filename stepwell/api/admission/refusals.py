"""How a request that is not let in is answered: in the form of its protocol, so that its client tries again.

Rules that must stay true here:
- AWS's SDKs know the refusal as throttling, and retry it with a growing pause: ThrottlingException for JSON protocols,
  TooManyRequestsException for Lambda.
- Nothing of the request is read for it, and nothing is built that could be ready.
"""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from starlette.types import Scope, Send

RETRY_AFTER: Final = 1  # seconds

_AWS: Final = orjson.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"})
_LAMBDA: Final = orjson.dumps(
    {"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."}
)
_SCHEDULER: Final = orjson.dumps({"Message": "Rate exceeded"})
_PROBLEM: Final = orjson.dumps(
    {
        "type": "urn:stepwell:problem:overloaded",
        "title": "Too many requests",
        "status": 429,
        "detail": "The server has more to do than it can. Nothing was done; try again after the time in Retry-After.",
    }
)
_SCHEDULER_PATHS: Final = ("/schedules", "/schedule-groups", "/tags")


async def refuse(scope: Scope, send: Send, target: bytes) -> None:
    """Answer a request that is not let in. `target` is its `X-Amz-Target`."""
    path: str = scope["path"]
    status, kind, body, error = int(HTTPStatus.TOO_MANY_REQUESTS), b"application/json", _LAMBDA, b""
    if path == "/" and target:
        status, kind, body = 400, b"application/x-amz-json-1.0", _AWS
    elif path.startswith("/2015-03-31/"):
        error = b"TooManyRequestsException"
    elif path.startswith(_SCHEDULER_PATHS):
        body, error = _SCHEDULER, b"ThrottlingException"
    else:
        kind, body = b"application/problem+json", _PROBLEM
    headers = [
        (b"content-type", kind),
        (b"content-length", b"%d" % len(body)),
        (b"retry-after", b"%d" % RETRY_AFTER),
        (b"x-amzn-requestid", str(uuid.uuid4()).encode()),
    ]
    if error:
        headers.append((b"x-amzn-errortype", error))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
