"""The lines of a chunk, packed and unpacked.

Rules that must stay true here:
- What was packed once is read for ever: a new form would be another number in front.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

import msgspec
import orjson

from stepwell.store.logs import LogChunk

_FORM: Final = b"\x01"
_LEVEL: Final = 1  # of compression: log lines shrink well at any


class LogEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One line of a log stream. `place` rises from line to line; `time` is in milliseconds since 1970; `request_id`
    and `execution` say whose it is, where that is known."""

    place: int
    time: int
    message: str
    request_id: str | None = None
    execution: str | None = None


def pack(group: str, stream: str, events: Sequence[LogEvent]) -> LogChunk:
    """A chunk with events of one stream, at least one, in order of their places."""
    times = [event.time for event in events]
    return LogChunk(
        group=group,
        stream=stream,
        first_time=min(times),
        last_time=max(times),
        first_place=events[0].place,
        last_place=events[-1].place,
        lines=len(events),
        data=_FORM + zlib.compress(msgspec.json.encode(events), _LEVEL),
    )


def unpack(chunk: LogChunk) -> list[LogEvent]:
    return [LogEvent(*row) for row in orjson.loads(zlib.decompress(chunk.data[1:]))]
