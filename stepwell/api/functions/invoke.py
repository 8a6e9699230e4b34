"""Invoke: a function is called by a client of AWS Lambda.

Rules that must stay true here:
- The event and the payload are the very text that came and went; an Event's is kept as the same JSON, written anew.
- A call goes on when its client has gone, as on AWS Lambda; an Event is answered when it is kept.

See the AWS Lambda API reference, "Invoke".
"""

from __future__ import annotations

import base64
import json
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from stepwell.api.functions.wire import LambdaFault, answer, invalid
from stepwell.engine.trace import trace_of_headers
from stepwell.tasks.function import FunctionName
from stepwell.tasks.invocation import SERVICE_EXCEPTION
from stepwell.tasks.lambda_service import LambdaService, Reply
from stepwell.tasks.later_call import EventTooLarge

MAX_EVENT: Final = 6_291_456
"""Bytes of an event (AWS Lambda quotas, "Invocation payload")."""

_TYPES: Final = ("Event", "RequestResponse", "DryRun")
_NAME_PATTERN: Final = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_\.]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
)


async def invoke(functions: LambdaService, request: Request) -> Response:
    """Raises LambdaFault, FunctionNotFound, and what keeping a call raises."""
    name = named(request)
    qualifier = request.query_params.get("Qualifier")
    kind = request.headers.get("x-amz-invocation-type") or "RequestResponse"
    if kind not in _TYPES:
        raise invalid(kind, "invocationType", f"Member must satisfy enum value set: [{', '.join(_TYPES)}]")
    client_context = _client_context(request.headers.get("x-amz-client-context"))
    event = _checked_event(await _body(request))
    trace = trace_of_headers(request.headers)
    if kind == "DryRun":
        return answer(b"", status=204, request_id=functions.check(name, qualifier))
    if kind == "Event":
        try:
            request_id = await functions.invoke_later(
                name, event, qualifier=qualifier, client_context=client_context, trace=trace
            )
        except EventTooLarge as fault:
            raise LambdaFault("RequestTooLargeException", str(fault), 413) from fault
        return answer(b"", status=202, request_id=request_id)
    tail = request.headers.get("x-amz-log-type") == "Tail"
    reply = await functions.invoke(
        name, event, qualifier=qualifier, client_context=client_context, trace=trace, tail=tail
    )
    return _replied(reply, tail)


def named(request: Request) -> str:
    """The function's name in the path. Raises LambdaFault where it is none."""
    name: str = request.path_params["name"]
    if FunctionName.parse(name) is None:
        raise invalid(name, "functionName", f"Member must satisfy regular expression pattern: {_NAME_PATTERN}")
    return name


def _replied(reply: Reply, tail: bool) -> Response:
    error = reply.answer.error
    if error == SERVICE_EXCEPTION:
        raise LambdaFault("ServiceException", json.loads(reply.answer.payload)["errorMessage"], 500)
    headers = {"X-Amz-Executed-Version": reply.executed_version}
    if error is not None:
        headers["X-Amz-Function-Error"] = "Unhandled"
    if tail:
        headers["X-Amz-Log-Result"] = base64.b64encode(reply.answer.log_tail).decode()
    return answer(reply.answer.payload.encode(), request_id=reply.request_id, headers=headers)


async def _body(request: Request) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_EVENT:
            message = f"Request must be smaller than {MAX_EVENT} bytes for the InvokeFunction operation"
            raise LambdaFault("RequestTooLargeException", message, 413)
        chunks.append(chunk)
    return b"".join(chunks)


def _checked_event(body: bytes) -> str:
    """The event's JSON text; a call without one gets an empty object, as on AWS Lambda."""
    if not body:
        return "{}"
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        message = f"Could not parse request body into json: Could not parse payload into json: {fault}"
        raise LambdaFault("InvalidRequestContentException", message) from None
    return body.decode()


def _client_context(header: str | None) -> str | None:
    """The JSON text of the client context, which travels as base64."""
    if header is None:
        return None
    try:
        text = base64.b64decode(header, validate=True).decode()
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        message = "Client context must be a valid Base64-encoded JSON object."
        raise LambdaFault("InvalidRequestContentException", message)
    return text
