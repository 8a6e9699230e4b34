"""What the house asks of a store about jobs: what a job has beside the execution that it is.

Rules that must stay true here:
- A job and its execution have the same key. What the execution holds (input, output, status, times) is kept there only;
  a job keeps its input while it has no execution.
- The row of a job that starts at once is committed with the first turn of its execution (`NewExecution.job`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

Outcome: TypeAlias = Literal["FAILED", "CANCELLED"]


class NewJob(Struct, frozen=True, kw_only=True):
    """The part of a job that never changes. Times are milliseconds since 1970.

    `group` is what jobs are limited by beside their type, `caller` who asked for it. `fingerprint` tells two requests
    with the same idempotency key apart. `callback` is the address that is still to hear of the end.
    """

    id: str
    type: str
    created_at: int
    expires_at: int
    group: str | None = None
    caller: str | None = None
    fingerprint: bytes | None = None
    callback: str | None = None


class JobRow(Struct, frozen=True, kw_only=True):
    """A job as it is read back. `status` and what follows it are the execution's; None where there is none (yet).

    `outcome`, `error` and `cause` are those of a job that ended without an execution. `input` and `output` are None in
    listings.
    """

    key: int
    new: NewJob
    queued: bool
    outcome: Outcome | None
    fraction: float | None
    message: str | None
    progress_at: int | None
    status: str | None
    started_at: int | None
    ended_at: int | None
    error: str | None
    cause: str | None
    input: str | None = None
    output: str | None = None


class QueuedJob(Struct, frozen=True):
    """A job that waits for others to end; `trace` is what it is part of (see `stepwell.engine.trace`)."""

    key: int
    id: str
    group: str | None
    input: str
    trace: str | None


class ProgressRow(Struct, frozen=True):
    """How far a job is. `at` is in milliseconds since 1970."""

    id: str
    fraction: float
    message: str | None
    at: int


class JobFilter(Struct, frozen=True, kw_only=True):
    """Which jobs a listing holds; None is any. `statuses` are those of executions, `queued` stands for none yet.

    `created_from` and `created_before` are milliseconds since 1970.
    """

    type: str | None = None
    group: str | None = None
    statuses: Collection[str] | None = None
    outcome: Outcome | None = None
    queued: bool | None = None
    created_from: int | None = None
    created_before: int | None = None


class Jobs(Protocol):
    """The part of a store that holds jobs."""

    async def find(self, id: str) -> JobRow | None: ...

    async def list(self, which: JobFilter, below: int | None, limit: int) -> tuple[Sequence[JobRow], int | None]:
        """Newest first, below the key `below`. The second is where the next page begins: its keys are below it; None
        where there is no more. A page may hold fewer than `limit` where a filter lets much fall."""
        ...

    async def enqueue(self, key: int, job: NewJob, input: str, trace: str | None = None) -> None:
        """Keep a job that waits, and the trace that its execution is to be part of. Raises StoreError."""
        ...

    async def next_queued(self, type: str, without: Collection[str], limit: int) -> Sequence[QueuedJob]:
        """The jobs of a type that have waited longest, but for those of the groups in `without`."""
        ...

    async def dequeue(self, keys: Sequence[int]) -> None:
        """These jobs have an execution now."""
        ...

    async def end_queued(self, key: int, outcome: Outcome, error: str, cause: str, now: int) -> bool:
        """End a job that waits. False, and nothing written, where it does not, or has an execution."""
        ...

    async def keep_ended(self, key: int, job: NewJob, input: str, error: str, cause: str) -> None:
        """Keep a job that has FAILED without an execution."""
        ...

    async def position(self, key: int, type: str, group: str | None, *, of_group: bool) -> int:
        """How many jobs of the type (and of the group, where `of_group`) wait up to and including this one."""
        ...

    async def settle_queue(self) -> None:
        """Note of all queued jobs that have an execution that they have. Called before anything is started."""
        ...

    async def count_queued(self) -> Sequence[tuple[str, int]]:
        """How many jobs wait, by type."""
        ...

    async def running(self, types: Collection[str]) -> Sequence[tuple[int, str, str | None]]:
        """Key, type and group of every job of these types whose execution runs."""
        ...

    async def to_be_told(self, limit: int) -> Sequence[str]:
        """Ids of jobs that have ended, with a callback that is still to be made."""
        ...

    async def was_told(self, id: str) -> None:
        """The callback of a job is made."""
        ...

    async def report(self, rows: Sequence[ProgressRow]) -> None:
        """Write down how far jobs are."""
        ...

    async def expired(self, now: int, limit: int) -> Sequence[int]:
        """Keys of jobs that have ended and whose time is over at `now`, the longest expired first."""
        ...

    async def next_expiry(self) -> int | None:
        """When the first of the jobs that have ended expires."""
        ...

    async def remove(self, keys: Sequence[int]) -> None:
        """Remove jobs that have ended, but for those whose execution was redriven; executions stay."""
        ...
