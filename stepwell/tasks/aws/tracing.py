"""The trace that a call of an AWS service is part of: the header `X-Amzn-Trace-Id`, as AWS's own SDKs send it.

Rules that must stay true here:
- The header is not signed (botocore leaves it out), so that a proxy may write its own.
- A trace belongs to one call on one thread; a client is shared by many.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from stepwell.engine.trace import xray_of

_HEADER: Final = "X-Amzn-Trace-Id"
_trace: ContextVar[str | None] = ContextVar("trace", default=None)


def hands_on(client: Any) -> None:
    """Have a client of botocore send the trace of each call that `handed_on` is around."""
    client.meta.events.register("before-call", _send, unique_id="stepwell-trace")


@contextmanager
def handed_on(trace: str | None) -> Iterator[None]:
    """The calls inside of the block, on this thread, are part of a trace (see `stepwell.engine.trace`)."""
    before = _trace.set(trace)
    try:
        yield
    finally:
        _trace.reset(before)


def _send(params: dict[str, Any], **_: object) -> None:
    trace = _trace.get()
    if trace is not None:
        params["headers"][_HEADER] = xray_of(trace)
