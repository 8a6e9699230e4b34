"""Log lines: kept in chunks, each the lines of one stream over a moment, within an age and a size.

Rules that must stay true here:
- Lines are no part of any execution: they are written apart from turns, in batches, and lost by the second at most.
- A chunk's lines are bytes to the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class LogChunk(Struct, frozen=True, kw_only=True):
    """Some lines of a stream, in the order in which they came. `id` rises from chunk to chunk (0 while it has none).

    Times are milliseconds since 1970; places are numbers that rise from line to line of the whole server.
    """

    group: str
    stream: str
    first_time: int
    last_time: int
    first_place: int
    last_place: int
    lines: int
    data: bytes
    id: int = 0


class LogGroupRow(Struct, frozen=True):
    """`days` is how long lines of this group are kept, None where only the server's own limit holds; `size` is what the
    group takes, in bytes."""

    name: str
    created: int
    days: int | None
    size: int


class LogStreamRow(Struct, frozen=True):
    name: str
    first_time: int
    last_time: int
    last_place: int


class LogStore(Protocol):
    """The log lines of a store."""

    async def append(self, chunks: Sequence[LogChunk], now: int) -> None:
        """Keep chunks, and make their groups where they are not there. Raises StoreError."""
        ...

    async def prune(self, now: int, oldest: int, size: int) -> None:
        """Remove chunks that end before `oldest`, those that their group does not keep any longer, and the oldest ones
        until all together take no more than `size` bytes."""
        ...

    async def create_group(self, name: str, now: int) -> bool:
        """False where there is one."""
        ...

    async def delete_group(self, name: str) -> bool:
        """Remove a group and its lines; False where there is none. It is there again with its next chunk."""
        ...

    async def was_deleted(self, name: str) -> bool:
        """Whether there was a group of this name that was deleted and is not there again."""
        ...

    async def set_days(self, name: str, days: int | None) -> bool:
        """How long lines of a group are kept; False where there is no such group."""
        ...

    async def find_group(self, name: str) -> LogGroupRow | None: ...

    async def groups(self, prefix: str, after: str, limit: int) -> Sequence[LogGroupRow]:
        """Groups whose names begin with `prefix`, in order of their names, behind the name `after`."""
        ...

    async def streams(self, group: str) -> Sequence[LogStreamRow]:
        """All streams of a group, in order of their names."""
        ...

    async def forward(
        self, group: str, stream: str | None, times: tuple[int, int], after: int, limit: int
    ) -> Sequence[LogChunk]:
        """Chunks of a group, or of one stream of it, with lines between two times, that end behind the place `after`,
        the oldest first."""
        ...

    async def backward(
        self, group: str, stream: str | None, times: tuple[int, int], before: int, limit: int
    ) -> Sequence[LogChunk]:
        """Likewise, those that begin before the place `before`, the newest first."""
        ...

    async def newest(self, prefix: str, limit: int) -> Sequence[LogChunk]:
        """The last chunks of all groups whose names begin with `prefix`, the newest first."""
        ...
