"""Follows executions whose spans are told, and hands on the spans that have ended.

Rules that must stay true here:
- What is told is durable: the events of a Standard execution come after their commit.
- A span of an execution is told once. After a restart, or where too many are followed to keep all of them in mind, what
  had begun is read from the history.
- An Express execution runs again from its start after a crash: its spans are told at its end.
- An execution that is in no trace costs one look at a field.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from msgspec import Struct, field

from stepwell.engine.reading import read_history
from stepwell.engine.trace import Trace
from stepwell.machine.history import Event
from stepwell.store.protocol import NewExecution, Store, StoreError
from stepwell.telemetry.tree import Span, Tree

logger = logging.getLogger("stepwell.telemetry")

_KNOWN: Final = 10_000  # executions whose open spans are kept in mind
_PAGE: Final = 1_000  # events

Tell: TypeAlias = Callable[[NewExecution, Trace, Sequence[Span]], None]
"""Takes spans of an execution that have ended."""


class _Followed(Struct):
    tree: Tree
    trace: Trace
    express: bool
    held: list[Span] = field(default_factory=list)
    waiting: list[Event] | None = None  # what has happened while the history is read


class Spans:
    """A `Journal`. Belongs to one event loop."""

    def __init__(self, store: Store, tell: Tell) -> None:
        self._store = store
        self._tell = tell
        self._followed: OrderedDict[int, _Followed] = OrderedDict()
        self._readings: set[asyncio.Task[None]] = set()

    def told(self, new: NewExecution, events: Sequence[Event], redrive_count: int) -> None:
        if new.trace is None or not events:
            return
        followed = self._followed.get(new.key)
        if followed is None:
            trace = Trace.decode(new.trace)
            if not (trace.exported and trace.sampled):
                return
            followed = self._follow(new, trace, events[0].id)
        else:
            self._followed.move_to_end(new.key)
        if followed.waiting is None:
            self._take(new, followed, events)
        else:
            followed.waiting += events

    async def settle(self) -> None:
        """Wait until all that was told is handed on."""
        if self._readings:
            await asyncio.gather(*self._readings, return_exceptions=True)

    def _follow(self, new: NewExecution, trace: Trace, first: int) -> _Followed:
        tree = Tree(new.machine_arn.rsplit(":", 1)[1], new.start_date)
        followed = self._followed[new.key] = _Followed(tree, trace, ":express:" in new.arn)
        if first > 1 and not new.unlogged and not followed.express:
            followed.waiting = []
            reading = asyncio.get_running_loop().create_task(self._read(new, followed, first))
            self._readings.add(reading)
            reading.add_done_callback(self._readings.discard)
        if len(self._followed) > _KNOWN:
            self._followed.popitem(last=False)
        return followed

    async def _read(self, new: NewExecution, followed: _Followed, before: int) -> None:
        """Take in what had happened before an event; the spans that it ended were told then."""
        try:
            while (at := followed.tree.last_event + 1) < before:
                events = await read_history(self._store, new.key, at, min(_PAGE, before - at), False)
                if not events:
                    break
                followed.tree.take(events)
        except StoreError as error:
            logger.warning("spans of %s that had begun before cannot be told: %s", new.arn, error)
        waiting, followed.waiting = followed.waiting or [], None
        self._take(new, followed, waiting)

    def _take(self, new: NewExecution, followed: _Followed, events: Sequence[Event]) -> None:
        ended = followed.tree.take(events)
        if followed.express:
            followed.held += ended
            ended = followed.held if any(span.kind == "execution" for span in ended) else []
        if ended:
            self._tell(new, followed.trace, ended)
            if any(span.kind in ("execution", "redrive") for span in ended):
                self._followed.pop(new.key, None)
