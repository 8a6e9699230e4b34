"""What the house asks of a store about schedules: what falls due when, and the runs that are to be started.

Rules that must stay true here:
- A schedule moves on (`advance`) in the very transaction that writes the runs which fell due: each due time becomes a
  run once, or was left out on purpose, whatever goes down in between.
- A run is gone only once its start is known to have happened, or was given up.
- A schedule that was changed meanwhile is never overwritten by what was computed from it before: `revision` tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from msgspec import Struct

ENABLED = "ENABLED"
DISABLED = "DISABLED"


class ScheduleRow(Struct, frozen=True, kw_only=True):
    """A schedule. Times are milliseconds since 1970; `id` is given by the store (0 while it has none) and never again.

    `target` is JSON, as clients gave it. `window` is in minutes, 0 where the time is not flexible. `anchor` is when its
    expression was written. `next_due` is None where nothing falls due any more, or while it is DISABLED. `declared`
    is what an app said of it, None where no app did. `last_due`, `last_execution` and `last_error` tell of its latest
    run.
    """

    arn: str
    group_arn: str
    group_name: str
    name: str
    expression: str
    timezone: str
    target: str
    state: str
    created: int
    modified: int
    anchor: int
    start: int | None = None
    end: int | None = None
    window: int = 0
    description: str | None = None
    kms_key_arn: str | None = None
    delete_when_done: bool = False
    catch_up: str = "all"
    overlap: str = "allow"
    client_token: str | None = None
    declared: str | None = None
    next_due: int | None = None
    last_due: int | None = None
    last_execution: str | None = None
    last_error: str | None = None
    revision: int = 1
    id: int = 0


class RunRow(Struct, frozen=True):
    """A run that fell due at `due` and is to be started at `try_at`, by the schedule as it is now. `attempts` counts
    the tries that failed, `first_try` is when the first was to be made."""

    schedule: ScheduleRow
    due: int
    first_try: int
    try_at: int
    attempts: int


class Advance(Struct, frozen=True):
    """A schedule moves on to `next_due`; `runs` are those that fell due, as (due, first try)."""

    schedule: ScheduleRow
    next_due: int | None
    runs: Sequence[tuple[int, int]]


class GroupRow(Struct, frozen=True, kw_only=True):
    arn: str
    name: str
    created: int
    modified: int
    client_token: str | None = None


class NotWritten(Enum):
    """Why a schedule was not written."""

    EXISTS = "exists"
    NO_GROUP = "no group"
    GONE = "gone"  # it is not there, or no longer as it was read


class Schedules(Protocol):
    """The part of a store that holds schedules. A group must exist before its schedules, `default` too."""

    async def create(self, row: ScheduleRow) -> ScheduleRow | NotWritten:
        """The row with its id; EXISTS or NO_GROUP where nothing was written."""
        ...

    async def update(self, row: ScheduleRow) -> ScheduleRow | NotWritten:
        """Replace the schedule with this `id`, where it is still at this `revision`; the row at its next revision.

        The runs that have not been started go with a schedule that is DISABLED.
        """
        ...

    async def delete(self, arn: str) -> bool:
        """Remove a schedule and its runs; False where there is none."""
        ...

    async def find(self, arn: str) -> ScheduleRow | None: ...

    async def list(
        self, arn_prefix: str, name_prefix: str, state: str | None, after: str, limit: int
    ) -> Sequence[ScheduleRow]:
        """In order of their ARNs, behind the ARN `after`; those whose ARN and whose name begin so."""
        ...

    async def declared(self) -> Sequence[ScheduleRow]:
        """The schedules that an app has declared."""
        ...

    # -- what falls due
    async def due(self, until: int, limit: int) -> Sequence[ScheduleRow]:
        """The schedules whose `next_due` has come, the earliest first."""
        ...

    async def advance(self, moves: Sequence[Advance]) -> None:
        """Move schedules on and write their runs, in one transaction; one that was changed meanwhile is left out.

        One that is to be deleted when it is done, and is, goes.
        """
        ...

    async def runs(self, until: int, without: Sequence[int], limit: int) -> Sequence[RunRow]:
        """The runs whose `try_at` has come, the earliest first, of schedules whose id is not in `without`."""
        ...

    async def next_moment(self, after: int) -> int | None:
        """When something falls due next: the earliest `next_due` of all, or the first `try_at` later than `after`."""
        ...

    async def settle(self, run: RunRow, execution: str | None, error: str | None) -> None:
        """A run is over: started as `execution`, or given up with `error`. A schedule that is done goes, if it is to.

        `execution` is kept for the schedule until a later run has one.
        """
        ...

    async def retry(self, run: RunRow, try_at: int, error: str) -> None:
        """A run has failed to start, and is to be tried again."""
        ...

    # -- groups
    async def create_group(self, row: GroupRow) -> GroupRow | None:
        """None where the ARN is taken."""
        ...

    async def find_group(self, arn: str) -> GroupRow | None: ...

    async def list_groups(self, arn_prefix: str, name_prefix: str, after: str, limit: int) -> Sequence[GroupRow]:
        """In order of their ARNs, behind the ARN `after`."""
        ...

    async def delete_group(self, arn: str) -> bool:
        """Remove a group, its tags, and the schedules in it; False where there is none."""
        ...
