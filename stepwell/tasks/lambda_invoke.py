"""`arn:aws:states:::lambda:invoke`, with and without `.waitForTaskToken`.

Rules that must stay true here:
- The result has the members, and the order of members, that AWS gives it.
- A cause is the function's error as compact JSON: this integration reads the payload and writes it anew.

See AWS Step Functions developer guide, "Invoke an AWS Lambda function with Step Functions".
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from uuid import uuid4

from msgspec import Struct

from stepwell.engine.dispatch import Failed, Outcome, SubmitFailed, Submitted, Succeeded, Task
from stepwell.engine.errors import Stopping
from stepwell.language.values import Json, dumps, loads
from stepwell.tasks.http.date import http_date
from stepwell.tasks.invocation import CallRefused, reported_error
from stepwell.tasks.lambda_service import LambdaService
from stepwell.tasks.later_call import EventTooLarge

_TAIL = 4096  # bytes
_TYPES = ("Event", "RequestResponse", "DryRun")


class _Parameters(Struct, frozen=True):
    function_name: str
    event: str
    invocation_type: str
    qualifier: str | None
    client_context: str | None
    tail: bool


class _Refused(Exception):
    """The call is not made; `error` and `cause` say why."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(cause)
        self.error = error
        self.cause = cause


class LambdaInvoke:
    """Carries out `lambda:invoke`."""

    def __init__(self, service: LambdaService) -> None:
        self._service = service

    async def run(self, task: Task) -> AsyncIterator[Outcome]:
        waits = task.resource.pattern == "waitForTaskToken"
        try:
            error, text = await self._invoke(_parameters(task.input), task)
        except _Refused as refused:
            yield (SubmitFailed if waits else Failed)(refused.error, refused.cause)
            return
        except CallRefused as refused:
            yield (SubmitFailed if waits else Failed)(f"Lambda.{refused.shape}", refused.cause)
            return
        if error is not None:
            yield Failed(error, text)
        else:
            yield Submitted(text) if waits else Succeeded(text)

    async def _invoke(self, asked: _Parameters, task: Task) -> tuple[str | None, str]:
        """The error's name or None, and the cause or the result."""
        name, qualifier = asked.function_name, asked.qualifier
        if asked.invocation_type == "DryRun":
            return None, dumps(_unanswered(204, self._service.check(name, qualifier)))
        if asked.invocation_type == "Event":
            request_id = await self._later(asked, task)
            return None, dumps(_unanswered(202, request_id))
        reply = await self._service.invoke(
            name,
            asked.event,
            qualifier=qualifier,
            client_context=asked.client_context,
            idempotency_key=task.idempotency_key,
            execution_arn=task.execution_arn,
            trace=task.trace,
            tail=asked.tail,
        )
        payload = loads(reply.answer.payload)
        if reply.answer.error is not None:
            return reported_error(reply.answer.error), dumps(payload)
        length = len(reply.answer.payload.encode())
        log = reply.answer.log_tail
        if task.brand is not None and len(log) >= _TAIL:  # what is cut may be a secret, which nothing finds by its end
            log = log.partition(b"\n")[2]
        tail = base64.b64encode(log).decode() if asked.tail else None
        return None, dumps(_answered(payload, length, reply.executed_version, reply.request_id, tail))

    async def _later(self, asked: _Parameters, task: Task) -> str:
        try:
            return await self._service.invoke_later(
                asked.function_name,
                asked.event,
                qualifier=asked.qualifier,
                client_context=asked.client_context,
                idempotency_key=task.idempotency_key,
                execution_arn=task.execution_arn,
                secret=task.brand is not None,
                trace=task.trace,
            )
        except EventTooLarge as fault:
            raise _Refused("Lambda.RequestTooLargeException", str(fault)) from fault
        except Stopping:  # nothing has come of the task: the next server carries it out
            raise asyncio.CancelledError from None


def _parameters(text: str) -> _Parameters:
    given = loads(text)
    if not isinstance(given, dict):
        given = {}

    def refuse(reason: str) -> _Refused:
        return _Refused("States.Runtime", f"The Parameters '{text}' could not be used to start the Task: [{reason}]")

    def word(field: str) -> str | None:
        value = given.get(field)
        if value is not None and not isinstance(value, str):
            raise refuse(f"The value of the field '{field}' has an invalid format")
        return value

    name = word("FunctionName")
    if name is None:
        raise refuse("The field 'FunctionName' is required but was missing")
    kind = word("InvocationType") or "RequestResponse"
    if kind not in _TYPES:
        raise _Refused(
            "Lambda.ValidationException",
            f"1 validation error detected: Value '{kind}' at 'invocationType' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(_TYPES)}] (Service: AWSLambda; Status Code: 400; "
            f"Error Code: ValidationException; Request ID: {uuid4()}; Proxy: null)",
        )
    return _Parameters(
        function_name=name,
        event=dumps(given["Payload"]) if "Payload" in given else "{}",
        invocation_type=kind,
        qualifier=word("Qualifier"),
        client_context=_decoded(word("ClientContext")),
        tail=word("LogType") == "Tail",
    )


def _decoded(client_context: str | None) -> str | None:
    """ClientContext travels as base64."""
    if client_context is None:
        return None
    try:
        return base64.b64decode(client_context, validate=True).decode()
    except ValueError:
        return client_context


def _answered(payload: Json, length: int, version: str, request_id: str, tail: str | None) -> Json:
    date = http_date()
    trace = f"Root=1-{request_id[:8]}-{request_id.replace('-', '')[8:32]};Sampled=0"
    log: dict[str, Json] = {} if tail is None else {"LogResult": tail}
    log_header: dict[str, Json] = {} if tail is None else {"X-Amz-Log-Result": tail}
    return {
        "ExecutedVersion": version,
        **log,
        "Payload": payload,
        "SdkHttpMetadata": {
            "AllHttpHeaders": {
                "X-Amz-Executed-Version": [version],
                **{name: [value] for name, value in log_header.items()},
                "x-amzn-Remapped-Content-Length": ["0"],
                "Connection": ["keep-alive"],
                "x-amzn-RequestId": [request_id],
                "Content-Length": [str(length)],
                "Date": [date],
                "X-Amzn-Trace-Id": [trace],
                "Content-Type": ["application/json"],
            },
            "HttpHeaders": {
                "Connection": "keep-alive",
                "Content-Length": str(length),
                "Content-Type": "application/json",
                "Date": date,
                "X-Amz-Executed-Version": version,
                **log_header,
                "x-amzn-Remapped-Content-Length": "0",
                "x-amzn-RequestId": request_id,
                "X-Amzn-Trace-Id": trace,
            },
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
        "StatusCode": 200,
    }


def _unanswered(status: int, request_id: str) -> Json:
    """The answer of a call that nobody waits for."""
    date = http_date()
    return {
        "Payload": "",
        "SdkHttpMetadata": {
            "AllHttpHeaders": {
                "x-amzn-Remapped-Content-Length": ["0"],
                "Connection": ["keep-alive"],
                "x-amzn-RequestId": [request_id],
                "Content-Length": ["0"],
                "Date": [date],
            },
            "HttpHeaders": {
                "Connection": "keep-alive",
                "Content-Length": "0",
                "Date": date,
                "x-amzn-Remapped-Content-Length": "0",
                "x-amzn-RequestId": request_id,
            },
            "HttpStatusCode": status,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
        "StatusCode": status,
    }
