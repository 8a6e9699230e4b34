"""Telling spans while a server runs, where the environment says so.

Rules that must stay true here:
- A server whose variables say where spans go runs all the same where they cannot be told: that is said, once.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from msgspec import Struct

from stepwell.engine.engine import Engine
from stepwell.engine.journal import Journal
from stepwell.machine.history import Event
from stepwell.store.protocol import NewExecution
from stepwell.telemetry.export import Exporter, exporter_name
from stepwell.telemetry.spans import Spans

logger = logging.getLogger("stepwell.telemetry")


class _Both(Struct, frozen=True):
    """Tells two journals."""

    first: Journal
    second: Journal

    def told(self, new: NewExecution, events: Sequence[Event], redrive_count: int) -> None:
        self.first.told(new, events, redrive_count)
        self.second.told(new, events, redrive_count)


@asynccontextmanager
async def tracing(engine: Engine, environ: Mapping[str, str]) -> AsyncIterator[None]:
    """Tell what happens in executions as spans, as long as the block lasts."""
    name = exporter_name(environ)
    if name is None:
        yield
        return
    try:
        exporter = Exporter(name, environ)
    except ImportError as missing:
        logger.warning(
            "no spans are told, although the OTEL_… variables ask for them: %s. Install stepwell[otel], or set"
            " OTEL_SDK_DISABLED=true",
            missing,
        )
        yield
        return
    spans = Spans(engine.store, exporter.tell)
    before = engine.watchers.journal
    engine.watchers.journal = spans if before is None else _Both(before, spans)
    engine.traced = exporter.traced
    try:
        yield
    finally:
        await spans.settle()
        engine.watchers.journal = before
        await exporter.stop()
