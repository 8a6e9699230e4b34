"""Spans as OpenTelemetry has them, sent by its SDK, which the standard `OTEL_…` variables configure.

Rules that must stay true here:
- Nothing of OpenTelemetry is imported unless a variable says where spans go.
- Ids are ours, times are the history's: the SDK draws neither.
- Sending happens on a thread of the SDK's own; what it cannot send in time is dropped, and it says so.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from stepwell import __version__
from stepwell.engine.trace import NO_PARENT, ROOT, Trace, span_id
from stepwell.store.protocol import NewExecution
from stepwell.telemetry.tree import Kind, Span

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import SpanContext

logger = logging.getLogger("stepwell.telemetry")

_PLACES: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_OTLP: Final = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
_DELAY: Final = 1_000.0  # milliseconds that ended spans wait for others, where OTEL_BSP_SCHEDULE_DELAY says nothing
_LAST: Final = 5.0  # seconds that the last spans have


def exporter_name(environ: Mapping[str, str]) -> str | None:
    """What sends spans, by its name among the SDK's exporters; None where they are not wanted."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    named = environ.get("OTEL_TRACES_EXPORTER", "").strip()
    if not named and not any(environ.get(place) for place in _PLACES):
        return None
    if named not in ("", "otlp"):
        return None if named == "none" else named
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    return _OTLP.get(protocol or "http/protobuf", protocol)


class Exporter:
    """Sends spans with one of the SDK's exporters. Raises ImportError where the SDK, or that exporter, is missing."""

    def __init__(self, name: str, environ: Mapping[str, str], exporter: SpanExporter | None = None) -> None:
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        provider = TracerProvider(shutdown_on_exit=False)  # reads the resource and the sampler from the variables
        self._resource = provider.resource
        self._sampler = provider.sampler
        self._scope = InstrumentationScope("stepwell", __version__)
        delay = None if "OTEL_BSP_SCHEDULE_DELAY" in environ else _DELAY
        self._processor = BatchSpanProcessor(exporter or _exporter(name), schedule_delay_millis=delay)

    def traced(self, given: str | None) -> str | None:
        """The trace of an execution that starts, by the one that it was asked for in: see `Engine.traced`."""
        from opentelemetry.trace import NonRecordingSpan, set_span_in_context

        trace = Trace.begun() if given is None else Trace.decode(given)
        if given is not None and trace.exported:
            return given
        parent = None if given is None else set_span_in_context(NonRecordingSpan(_context(trace, trace.parent_id)))
        if not self._sampler.should_sample(parent, int(trace.trace_id, 16), "execution").decision.is_sampled():
            return given
        return Trace(trace.trace_id, trace.parent_id, True, True, trace.state).encode()

    def tell(self, new: NewExecution, trace: Trace, spans: Sequence[Span]) -> None:
        """Send spans of an execution that have ended."""
        for span in spans:
            self._processor.on_end(self._readable(new, trace, span))

    async def stop(self) -> None:
        """Send what there is; what takes longer than a few seconds is lost."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            try:
                self._processor.shutdown()
            finally:
                loop.call_soon_threadsafe(done.set)

        threading.Thread(target=shut_down, name="stepwell-last-spans", daemon=True).start()
        try:
            async with asyncio.timeout(_LAST):
                await done.wait()
        except TimeoutError:
            logger.warning(
                "the last spans could not be sent within %g s and are lost: see that the collector that the OTEL_…"
                " variables name can be reached",
                _LAST,
            )

    def _readable(self, new: NewExecution, trace: Trace, span: Span) -> ReadableSpan:
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanKind, Status, StatusCode

        kinds: dict[Kind, SpanKind] = {"execution": SpanKind.SERVER, "attempt": SpanKind.CLIENT}
        parent = span_id(new.arn, span.parent) if span.event != ROOT else trace.parent_id
        return ReadableSpan(
            name=span.name,
            context=_context(trace, span_id(new.arn, span.event), remote=False),
            parent=None if parent == NO_PARENT else _context(trace, parent, remote=span.event == ROOT),
            resource=self._resource,
            attributes=_attributes(new, span),
            kind=kinds.get(span.kind, SpanKind.INTERNAL),
            status=Status(StatusCode.UNSET) if span.error is None else Status(StatusCode.ERROR, span.error),
            start_time=span.start * 1_000_000,
            end_time=span.end * 1_000_000,
            instrumentation_scope=self._scope,
        )


def _attributes(new: NewExecution, span: Span) -> dict[str, str | int]:
    found: dict[str, str | int] = {"stepwell.execution": new.arn, "stepwell.kind": span.kind}
    if span.kind == "execution":
        found["aws.step_functions.state_machine.arn"] = new.machine_arn
    if span.error is not None:
        found["error.type"] = span.error
    return found | {f"stepwell.{name}": value for name, value in span.attributes.items()}


def _context(trace: Trace, span: str, *, remote: bool = True) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags, TraceState

    state = TraceState.from_header([trace.state]) if trace.state else None
    flags = TraceFlags(TraceFlags.SAMPLED if trace.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(trace.trace_id, 16), int(span, 16), remote, flags, state)


def _exporter(name: str) -> SpanExporter:
    found = next(iter(entry_points(group="opentelemetry_traces_exporter", name=name)), None)
    if found is None:
        raise ImportError(f"there is no exporter {name}")
    exporter: SpanExporter = found.load()()
    return exporter
