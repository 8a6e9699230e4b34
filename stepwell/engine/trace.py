"""The trace that an execution belongs to: W3C Trace Context, and the ids of an execution's spans.

A trace is kept and handed on as one line: a `traceparent`, then `spans` or `-`, then the `tracestate` where there is
one. With `spans`, what happens in the execution is told as spans of its own, and whoever works for it hangs below them;
without, the trace that came in is handed on as it is.

Rules that must stay true here:
- The id of a span follows from the execution and the event that begins it: it is the same each time that it is asked
  for, after a crash too, and nobody has to remember it.
- What is no trace is none: it is passed over, as the specification says.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from msgspec import Struct

ROOT: Final = 1
"""The event that begins the span of the execution itself."""

NO_PARENT: Final = "0" * 16

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_XRAY = re.compile(r"([A-Za-z]+)=([^;=]*)")
_XRAY_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")
_LONGEST_STATE: Final = 512  # characters; a longer one may be dropped


class Trace(Struct, frozen=True):
    """`trace_id` and `parent_id` are in hex; `exported` says whether the execution's own spans are told."""

    trace_id: str
    parent_id: str
    sampled: bool
    exported: bool = False
    state: str = ""

    @classmethod
    def begun(cls) -> Trace:
        """One that begins here, of which spans are told; it has no parent."""
        return cls(os.urandom(16).hex(), NO_PARENT, True, True)

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.parent_id}-{'01' if self.sampled else '00'}"

    def encode(self) -> str:
        return f"{self.traceparent} {'spans' if self.exported else '-'} {self.state}".rstrip()

    @classmethod
    def decode(cls, line: str) -> Trace:
        parent, exported, *state = line.split(" ", 2)
        _, trace_id, parent_id, flags = parent.split("-")
        return cls(trace_id, parent_id, flags == "01", exported == "spans", "".join(state))


def trace_of(traceparent: str | None, tracestate: str | None = None, xray: str | None = None) -> str | None:
    """The trace that a request is part of, by its headers; `xray` is AWS's `X-Amzn-Trace-Id`, or a `traceHeader`."""
    trace = _w3c(traceparent, tracestate) if traceparent else None
    if trace is None and xray:
        trace = _of_xray(xray)
    return None if trace is None else trace.encode()


def trace_of_headers(headers: Mapping[str, str]) -> str | None:
    """The trace that a request is part of; names of headers are in small letters."""
    return trace_of(headers.get("traceparent"), headers.get("tracestate"), headers.get("x-amzn-trace-id"))


def below(line: str, arn: str, event_id: int) -> str:
    """The trace as whoever works for an execution gets it, below the span that an event begins."""
    trace = Trace.decode(line)
    if not trace.exported:
        return line
    return Trace(trace.trace_id, span_id(arn, event_id), trace.sampled, True, trace.state).encode()


def span_id(arn: str, event_id: int) -> str:
    """The id of the span that an event of an execution begins, in hex."""
    return blake2b(f"{arn}:{event_id}".encode(), digest_size=8).hexdigest()


def headers_of(line: str) -> dict[str, str]:
    """The headers that hand a trace on."""
    trace = Trace.decode(line)
    headers = {"traceparent": trace.traceparent}
    return headers | {"tracestate": trace.state} if trace.state else headers


def xray_of(line: str) -> str:
    """A trace as AWS's X-Ray writes it (X-Ray developer guide, "Tracing header")."""
    trace = Trace.decode(line)
    root = f"1-{trace.trace_id[:8]}-{trace.trace_id[8:]}"
    return f"Root={root};Parent={trace.parent_id};Sampled={int(trace.sampled)}"


def variables_of(line: str) -> dict[str, str]:
    """The variables that hand a trace to a program: those of OpenTelemetry, and that of the Lambda runtime."""
    given = {name.upper(): value for name, value in headers_of(line).items()}
    return given | {"_X_AMZN_TRACE_ID": xray_of(line)}


def _w3c(traceparent: str, tracestate: str | None) -> Trace | None:
    found = _PARENT.fullmatch(traceparent.strip())
    if found is None:
        return None
    version, trace_id, parent_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not (int(trace_id, 16) and int(parent_id, 16)):
        return None
    state = (tracestate or "").strip()
    kept = state if len(state) <= _LONGEST_STATE and state.isascii() and state.isprintable() else ""
    return Trace(trace_id, parent_id, bool(int(flags, 16) & 1), state=kept)


def _of_xray(header: str) -> Trace | None:
    parts = dict(_XRAY.findall(header))
    root = _XRAY_ROOT.fullmatch(parts.get("Root", ""))
    parent = parts.get("Parent", "")
    if root is None or re.fullmatch(r"[0-9a-f]{16}", parent) is None:
        return None
    return Trace(root[1] + root[2], parent, parts.get("Sampled") == "1")
