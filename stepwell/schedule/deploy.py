"""The schedules that an app or a template declares, brought into the store.

Rules that must stay true here:
- An app's schedules are those that it declares. One that it declares no more is deleted; one that an operator has
  paused or changed stays so until its declaration changes.
- What is wrong with a declaration is found without the store.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from stepwell.schedule.declared import DeclaredSchedule
from stepwell.schedule.definition import InvalidSchedule, check, milliseconds
from stepwell.schedule.registry import Schedules, group_arn, schedule_arn
from stepwell.store.schedules import DISABLED, ENABLED, ScheduleRow


def declared_row(
    declared: DeclaredSchedule, targets: Sequence[str | None], role_arn: str, arn_prefix: str
) -> ScheduleRow:
    """A declared schedule as it is stored, but for its dates.

    `targets` are the ARNs of what its `machine`, `function` and `target` name, `role_arn` is the role where it names
    none. Raises InvalidSchedule.
    """
    named = [arn for arn in targets if arn is not None]
    if len(named) != 1:
        raise InvalidSchedule("it takes one of machine, function and target, which says what is started")
    if declared.window is not None and declared.window < 1:
        raise InvalidSchedule(f"window {declared.window}: it takes a number of minutes from 1 on, or None")
    target: dict[str, Any] = {
        "Arn": named[0],
        "RoleArn": declared.role_arn or role_arn,
        "RetryPolicy": {
            "MaximumEventAgeInSeconds": declared.max_age,
            "MaximumRetryAttempts": declared.max_retries,
        },
    }
    if declared.input is not None:
        target["Input"] = declared.input
    row = ScheduleRow(
        arn=schedule_arn(arn_prefix, declared.group, declared.name),
        group_arn=group_arn(arn_prefix, declared.group),
        group_name=declared.group,
        name=declared.name,
        expression=declared.expression,
        timezone=declared.timezone,
        target=json.dumps(target),
        state=ENABLED if declared.enabled else DISABLED,
        created=0,
        modified=0,
        anchor=0,
        start=milliseconds(declared.start),
        end=milliseconds(declared.end),
        window=declared.window or 0,
        description=declared.description,
        delete_when_done=declared.delete_when_done,
        catch_up=declared.catch_up,
        overlap=declared.overlap,
        declared=_fingerprint(asdict(declared), target),
    )
    check(row)
    return row


async def deploy(schedules: Schedules, rows: Sequence[ScheduleRow], arn_prefix: str) -> None:
    """Make the schedules that an app has declared those that are there, of those whose ARNs begin so. One that
    a client has made under such a name becomes the app's."""
    now = schedules.now()
    for row in (replace(row, created=now, modified=now, anchor=now) for row in rows):
        if await schedules.group(arn_prefix, row.group_name) is None:
            await schedules.create_group(arn_prefix, row.group_name)
        stored = await schedules.store.find(row.arn)
        if stored is None:
            await schedules.create(row)
        elif stored.declared != row.declared:
            await schedules.update(replace(stored, declared=row.declared), row)
    wanted = {row.arn for row in rows}
    for stored in await schedules.store.declared():
        if stored.arn not in wanted and stored.arn.startswith(arn_prefix):
            await schedules.store.delete(stored.arn)


def _fingerprint(declared: Mapping[str, Any], target: Mapping[str, Any]) -> str:
    """The same for the same declaration, whatever process reads it."""
    return sha256(json.dumps([declared, target], default=str, sort_keys=True).encode()).hexdigest()
