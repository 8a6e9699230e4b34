"""One call inside a worker process: its context, and how it ends when it does not end well.

Rules that must stay true here:
- What went wrong is written to the log before the answer goes out, as AWS Lambda does it.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn, TypedDict

from stepwell.tasks.channel import Channel
from stepwell.tasks.lambda_context import LambdaContext
from stepwell.tasks.runtime_errors import error_lines, error_payload


class Call(TypedDict):
    """The head of a call's frame."""

    call: int
    request_id: str
    function_arn: str
    idempotency_key: str | None
    client_context: str | None
    trace: dict[str, str] | None


def context(channel: Channel, call: Call, timeout: float) -> LambdaContext:
    """What the handler gets beside the event; `timeout` is in seconds from now."""

    def report(fraction: float, message: str | None) -> None:
        channel.send({"progress": call["call"], "fraction": fraction}, (message or "").encode("utf-8", "replace"))

    return LambdaContext(
        aws_request_id=call["request_id"],
        invoked_function_arn=call["function_arn"],
        timeout=timeout,
        idempotency_key=call["idempotency_key"],
        client_context=call["client_context"],
        trace=call.get("trace") or {},
        report=report,
    )


def fail(channel: Channel, call: Call, error: BaseException, *, last: bool = False) -> None:
    """Answer with an error; `last` says that this process takes no further call."""
    name, payload = error_payload(error, call["request_id"])
    channel.log(1, error_lines(payload).encode("utf-8", "backslashreplace"))
    channel.send({"done": call["call"], "error": name, "last": last}, payload.encode())


def leave(leaving: SystemExit) -> NoReturn:
    """End the process as `sys.exit` asks, without waiting for threads that the handler has left behind."""
    if leaving.code is None or isinstance(leaving.code, int):
        os._exit((leaving.code or 0) & 0xFF)
    print(leaving.code, file=sys.stderr)
    os._exit(1)
