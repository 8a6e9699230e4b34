"""Keeps log lines in the store: collected in memory, written in batches, removed by age and size.

Rules that must stay true here:
- Whoever writes a line never waits. What comes faster than it can be written is dropped, and how much is said.
- A batch is small, and there is a pause between two: turns of executions share the store's writer with them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from stepwell.api.context import real_now
from stepwell.api.logs.chunks import LogEvent, pack, unpack
from stepwell.store.logs import LogChunk, LogStore
from stepwell.store.protocol import StoreError
from stepwell.tasks.logs import FunctionLogLine, LogRing

logger = logging.getLogger("stepwell.api")

FUNCTIONS: Final = "/aws/lambda/"
"""What the names of functions' log groups begin with."""

_DAY: Final = 86_400_000
_WAITING: Final = 8 * 1024 * 1024  # characters that wait to be written, at most
_BATCH: Final = 256 * 1024  # characters of a batch: more would keep the interpreter, and the writer, from turns
_PAUSE: Final = 0.1  # seconds between two batches
_PRUNE: Final = 60.0  # seconds between two removals
_RESTORED: Final = 200  # chunks that a new server reads back, at most
_RESTORED_LINES: Final = 20_000  # after which it reads no further: a start is to be quick
_OVERHEAD: Final = 64  # characters that a line counts beside its own


class Limits(Struct, frozen=True):
    """How long lines are kept, in days, and what all of them may take, in bytes."""

    days: float
    size: int


class LogKeeper:
    """Belongs to one event loop. `now` is the real clock, in milliseconds since 1970."""

    def __init__(self, store: LogStore, limits: Limits, now: Callable[[], int] = real_now) -> None:
        self._store = store
        self._limits = limits
        self._now = now
        self._events: dict[tuple[str, str], list[LogEvent]] = {}
        self._size = 0
        self._last = 0
        self._dropped: Counter[tuple[str, str]] = Counter()
        self._news = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._flushing = asyncio.Lock()

    # -- taking in

    def keep_line(self, place: int, line: FunctionLogLine) -> None:
        """A line of a function."""
        key = (f"{FUNCTIONS}{line.function}", line.stream)
        if self._has_room(key, line.message):
            self._add(key, LogEvent(place, line.time, line.message, line.request_id, line.execution))

    def keep(self, group: str, stream: str, time: int, message: str, execution: str | None = None) -> None:
        """A line of any log group."""
        self._last = max(self._last + 1, self._now() * 1_000_000)
        if self._has_room((group, stream), message):
            self._add((group, stream), LogEvent(self._last, time, message, None, execution))

    def _has_room(self, key: tuple[str, str], message: str) -> bool:
        """Whether a line may wait; one that may not is counted."""
        if self._size + len(message) + _OVERHEAD <= _WAITING:
            return True
        self._dropped[key] += 1
        return False

    def _add(self, key: tuple[str, str], event: LogEvent) -> None:
        self._size += len(event.message) + _OVERHEAD
        events = self._events.get(key)
        if events is None:
            self._events[key] = [event]
            self._news.set()
        else:
            events.append(event)

    # -- writing

    async def restore(self, ring: LogRing) -> None:
        """Read back the last lines of functions, those that an earlier server has kept. Raises StoreError."""
        chunks = await self._store.newest(FUNCTIONS, _RESTORED)
        lines = await asyncio.to_thread(_lines, _first(chunks, _RESTORED_LINES))
        for place, line in lines:
            ring.restore(place, line)

    def start(self) -> None:
        self._writing = asyncio.get_running_loop().create_task(self._write())

    async def stop(self) -> None:
        """Write what there is, and end."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        try:
            while self._events:
                await self._flush()
        except StoreError as error:
            logger.warning("the last log lines are lost: %s", error)

    async def _write(self) -> None:
        prune_at = 0.0
        loop = asyncio.get_running_loop()
        while True:
            await self._news.wait()
            try:
                await self._flush()
                if loop.time() >= prune_at:
                    prune_at = loop.time() + _PRUNE
                    await self._prune()
            except StoreError as error:
                logger.warning("log lines cannot be kept, trying again: %s", error)
            await asyncio.sleep(_PAUSE)

    async def _flush(self) -> None:
        """Write one batch. What the store refuses stays, for the next."""
        async with self._flushing:
            self._say_dropped()
            batch, size = self._take()
            try:
                chunks = await asyncio.to_thread(_packed, batch)
                await self._store.append(chunks, self._now())
            except BaseException:
                for key, events in batch.items():
                    self._events[key] = events + self._events.get(key, [])
                self._size += size
                self._news.set()
                raise

    def _say_dropped(self) -> None:
        dropped, self._dropped = self._dropped, Counter()
        for (group, stream), count in dropped.items():
            place = (self._events.get((group, stream)) or [LogEvent(self._now() * 1_000_000, 0, "")])[-1].place + 1
            said = f"[stepwell] {count} lines were dropped here: more were written than can be kept"
            self._events.setdefault((group, stream), []).append(LogEvent(place, self._now(), said))
            self._size += len(said) + _OVERHEAD

    def _take(self) -> tuple[dict[tuple[str, str], list[LogEvent]], int]:
        """Up to a batch of events, and their size; those of a stream stay in order."""
        batch: dict[tuple[str, str], list[LogEvent]] = {}
        size = 0
        for key in list(self._events):
            events = self._events[key]
            count = 0
            while count < len(events) and size < _BATCH:
                size += len(events[count].message) + _OVERHEAD
                count += 1
            batch[key] = events[:count]
            if count == len(events):
                del self._events[key]
            else:
                self._events[key] = events[count:]
            if size >= _BATCH:
                break
        self._size -= size
        if not self._events:
            self._news.clear()
        return batch, size

    async def _prune(self) -> None:
        now = self._now()
        await self._store.prune(now, now - round(self._limits.days * _DAY), self._limits.size)


def _packed(batch: dict[tuple[str, str], list[LogEvent]]) -> list[LogChunk]:
    return [pack(group, stream, events) for (group, stream), events in batch.items()]


def _first(chunks: Sequence[LogChunk], lines: int) -> Sequence[LogChunk]:
    """The first chunks that have so many lines together."""
    for count, chunk in enumerate(chunks, 1):
        lines -= chunk.lines
        if lines <= 0:
            return chunks[:count]
    return chunks


def _lines(chunks: Sequence[LogChunk]) -> list[tuple[int, FunctionLogLine]]:
    """The lines of functions' chunks, from the oldest to the newest."""
    found = [
        (
            event.place,
            FunctionLogLine(
                chunk.group.removeprefix(FUNCTIONS),
                event.request_id,
                event.time,
                event.message,
                event.execution,
                chunk.stream,
            ),
        )
        for chunk in chunks
        for event in unpack(chunk)
    ]
    return sorted(found, key=lambda line: line[0])
