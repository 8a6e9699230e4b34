"""The schedules of a server: written, changed, deleted, whoever asks for it.

Rules that must stay true here:
- Whoever writes a schedule wakes the runner: a new one may be the next that falls due.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from stepwell.engine.clock import Clock
from stepwell.schedule.declared import DEFAULT_GROUP
from stepwell.schedule.definition import check, timing
from stepwell.store.schedules import DISABLED, GroupRow, NotWritten, ScheduleRow
from stepwell.store.schedules import Schedules as ScheduleStore


class ScheduleExists(Exception):
    """The name is taken in its group."""


class GroupMissing(Exception):
    """There is no such group."""


class ScheduleChanged(Exception):
    """Somebody else has changed or deleted the schedule meanwhile."""


def schedule_arn(arn_prefix: str, group: str, name: str) -> str:
    """`arn_prefix` is what ARNs begin with: `arn:aws:scheduler:eu-west-1:123456789012:`."""
    return f"{arn_prefix}schedule/{group}/{name}"


def group_arn(arn_prefix: str, group: str) -> str:
    return f"{arn_prefix}schedule-group/{group}"


class Schedules:
    """The schedules of a store. `woken` is called after each change."""

    def __init__(self, store: ScheduleStore, clock: Clock, woken: Callable[[], None]) -> None:
        self.store = store
        self.now = clock.now
        self._woken = woken

    async def create_group(self, prefix: str, name: str, client_token: str | None = None) -> GroupRow | None:
        """None where the name is taken among the ARNs that begin so."""
        now = self.now()
        row = GroupRow(arn=group_arn(prefix, name), name=name, created=now, modified=now, client_token=client_token)
        return await self.store.create_group(row)

    async def group(self, prefix: str, name: str) -> GroupRow | None:
        """The group of this name among the ARNs that begin so; `default` is there as soon as it is asked for."""
        found = await self.store.find_group(group_arn(prefix, name))
        if found is None and name == DEFAULT_GROUP:
            found = await self.create_group(prefix, name) or await self.store.find_group(group_arn(prefix, name))
        return found

    async def create(self, row: ScheduleRow) -> ScheduleRow:
        """Write a new schedule. Raises InvalidSchedule, ScheduleExists, GroupMissing.

        The same client token again is the same request, and answers the schedule that it has made.
        """
        check(row)
        if row.group_name == DEFAULT_GROUP:
            await self.group(row.group_arn.removesuffix(f"schedule-group/{DEFAULT_GROUP}"), DEFAULT_GROUP)
        written = await self.store.create(replace(row, next_due=self._first_due(row)))
        if written is NotWritten.EXISTS:
            stored = await self.store.find(row.arn)
            if stored is not None and row.client_token is not None and stored.client_token == row.client_token:
                return stored
            raise ScheduleExists(row.arn)
        if not isinstance(written, ScheduleRow):
            raise GroupMissing(row.group_name)
        self._woken()
        return written

    async def update(self, stored: ScheduleRow, row: ScheduleRow) -> ScheduleRow:
        """Replace a schedule; one whose times are the same goes on in its rhythm.

        Raises InvalidSchedule, ScheduleChanged.
        """
        check(row)
        row = replace(row, id=stored.id, revision=stored.revision, created=stored.created, declared=stored.declared)
        if (row.expression, row.start) == (stored.expression, stored.start):
            row = replace(row, anchor=stored.anchor)
        due = stored.next_due if _when(row) == _when(stored) else self._first_due(row)
        written = await self.store.update(replace(row, next_due=due))
        if not isinstance(written, ScheduleRow):
            raise ScheduleChanged(row.arn)
        self._woken()
        return written

    def _first_due(self, row: ScheduleRow) -> int | None:
        return None if row.state == DISABLED else timing(row).next_after(row.modified - 1)


def _when(row: ScheduleRow) -> tuple[object, ...]:
    return row.expression, row.timezone, row.start, row.end, row.anchor, row.state
