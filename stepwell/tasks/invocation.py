"""A call of a function, its answer, and the errors that AWS Lambda itself reports in a handler's stead.

Rules that must stay true here:
- An answer's payload is Lambda's very text: clients match on its wording, and Step Functions hands it on as the cause.
- What a handler raised is told by its process; what happened to the process is told from here.
"""

from __future__ import annotations

import json
import signal

from msgspec import Struct

MAX_RESPONSE = 6_291_556
"""Bytes of a result that Lambda takes (6 MiB and 100 bytes)."""

MAX_TAIL = 4096
"""Bytes of a call's log that come with its answer."""

LATEST = "$LATEST"


class CallRefused(Exception):
    """AWS Lambda does not make the call: `shape` is an error of its model, `reason` what it says, `status` that of
    HTTP; `cause` is what a state machine is told."""

    def __init__(self, shape: str, reason: str, status: int, request_id: str) -> None:
        self.shape = shape
        self.reason = reason
        self.status = status
        self.request_id = request_id
        self.cause = (
            f"{reason} (Service: AWSLambda; Status Code: {status}; Error Code: {shape}; "
            f"Request ID: {request_id}; Proxy: null)"
        )
        super().__init__(self.cause)


class Invocation(Struct, frozen=True, kw_only=True):
    """One call. `event` is JSON text; `client_context` is JSON text or None; `idempotency_key` is the same each time
    that the same attempt of a task is carried out."""

    request_id: str
    function_arn: str
    event: bytes
    version: str = LATEST
    idempotency_key: str | None = None
    execution_arn: str | None = None
    """The execution whose task this call is."""
    client_context: str | None = None
    trace: str | None = None
    """What it is part of: see `stepwell.engine.trace`."""
    tail: bool = False
    """Whether the answer brings the last 4 KB of the call's log."""


class Answer(Struct, frozen=True):
    """How a call ended. `payload` is JSON text; `error` is None, or the errorType that the payload names."""

    payload: str
    error: str | None = None
    log_tail: bytes = b""


UNKNOWN = "Lambda.Unknown"
SERVICE_EXCEPTION = "Lambda.ServiceException"
"""The error of a call that never reached the function."""

TIMED_OUT = "Sandbox.Timedout"
EXITED = "Runtime.ExitError"
_PLATFORM_ERRORS = (TIMED_OUT, EXITED, "Runtime.InvalidEntrypoint")


def reported_error(error: str) -> str:
    """The error name that Step Functions reports for an errorType of Lambda's.

    What the function raised keeps its name; that the runtime ran out of time or memory, or ended, is `Lambda.Unknown`
    (AWS documentation, "Handle Lambda service exceptions").
    """
    return UNKNOWN if error in _PLATFORM_ERRORS else error


def timed_out(request_id: str, timeout: float) -> Answer:
    """The function ran over its own timeout."""
    return _platform_error(TIMED_OUT, f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds")


def exited(request_id: str, status: int) -> Answer:
    """The process ended under the call; `status` is negative for a signal, as subprocess reports it."""
    if status < 0:
        reason = f"Runtime exited with error: signal: {_signal_name(-status)}"
    elif status > 0:
        reason = f"Runtime exited with error: exit status {status}"
    else:
        reason = "Runtime exited without providing a reason"
    return _platform_error(EXITED, f"RequestId: {request_id} Error: {reason}")


def not_started(request_id: str, reason: str) -> Answer:
    """No process could be had (no memory, no descriptors are left): the service's fault, worth a retry."""
    return _platform_error(SERVICE_EXCEPTION, f"RequestId: {request_id} Error: {reason}")


def unstartable(request_id: str, fault: OSError) -> Answer:
    """No process could be started: the function's own fault where its program or folder is not there."""
    if isinstance(fault, FileNotFoundError | NotADirectoryError | PermissionError):
        return _platform_error("Runtime.InvalidEntrypoint", f"RequestId: {request_id} Error: {fault}")
    return not_started(request_id, str(fault))


def too_large() -> Answer:
    """The function has answered more than Lambda takes."""
    return function_error(
        "Function.ResponseSizeTooLarge",
        f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes).",
    )


def function_error(error: str, message: str) -> Answer:
    """An error that a runtime reports of the code that it runs."""
    return _platform_error(error, message)


def error_type(payload: object) -> str | None:
    """The errorType of a payload that is an error as Lambda's runtimes frame it."""
    found = payload.get("errorType") if isinstance(payload, dict) else None
    return found if isinstance(found, str) else None


def _platform_error(error: str, message: str) -> Answer:
    return Answer(json.dumps({"errorType": error, "errorMessage": message}, separators=(",", ":")), error)


def _signal_name(number: int) -> str:
    """As Lambda writes it: `killed`, `segmentation fault`."""
    try:
        return (signal.strsignal(number) or str(number)).lower()
    except ValueError:
        return str(number)
