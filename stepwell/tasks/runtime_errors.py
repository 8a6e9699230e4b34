"""Errors of a handler, in the form that AWS Lambda's Python runtime reports them.

Rules that must stay true here:
- `errorType`, `errorMessage`, `requestId`, `stackTrace`, in Lambda's order and wording: state machines match on them.
- A stack trace begins with the user's code; frames of the runtime are left out.
"""

from __future__ import annotations

import json
import os
import traceback
from pathlib import Path
from types import TracebackType

_RUNTIME = f"{Path(__file__).parent}{os.sep}"
_IMPORT = ("<frozen importlib", "<frozen runpy")


class RuntimeFault(Exception):
    """The runtime cannot do its part: the handler cannot be loaded, or its result is not JSON."""

    def __init__(self, error: str, message: str, stack: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.error = error
        self.message = message
        self.stack = stack


def error_payload(error: BaseException, request_id: str) -> tuple[str, str]:
    """The name and the JSON text of an error that ended a call."""
    if isinstance(error, RuntimeFault):
        name, message, stack = error.error, error.message, list(error.stack)
    else:
        name, message, stack = type(error).__name__, _text(error), stack_trace(error.__traceback__)
    payload = {"errorMessage": message, "errorType": name, "requestId": request_id, "stackTrace": stack}
    text = json.dumps(payload, ensure_ascii=False)
    return name, text.encode("utf-8", "backslashreplace").decode()


def stack_trace(trace: TracebackType | None) -> list[str]:
    """The frames of a traceback as Lambda prints them: outermost first, without column marks."""
    frames = traceback.extract_tb(trace)
    while frames and _is_ours(frames[0].filename):
        del frames[0]
    plain = [traceback.FrameSummary(frame.filename, frame.lineno, frame.name, line=frame.line) for frame in frames]
    return traceback.format_list(plain)


def error_lines(payload: str) -> str:
    """What the log says of an error: its name, message and stack trace."""
    error = json.loads(payload)
    head = f"[ERROR] {error['errorType']}: {error['errorMessage']}\n"
    if not error["stackTrace"]:
        return head
    return head + "Traceback (most recent call last):\n" + "".join(error["stackTrace"])


def _is_ours(filename: str) -> bool:
    return filename.startswith((_RUNTIME, *_IMPORT)) or filename.endswith("importlib/__init__.py")


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as fault:  # an exception whose own __str__ fails must still be reported
        return f"<{type(fault).__name__} in __str__ of {type(error).__name__}>"
