"""What may be said of a schedule, however it comes: by the API, by an app, by a template.

Rules that must stay true here:
- A schedule is checked once, when it is written, and everywhere alike: what is in the store can be carried out.
- A fault names the member, its value, and what is taken.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import get_args

from stepwell.schedule.declared import CatchUp, Overlap
from stepwell.schedule.expression import InvalidExpression, Timing, parse, zone
from stepwell.schedule.target import SAMPLE, InvokeFunction, UnsupportedTarget, filled, start_of
from stepwell.store.schedules import DISABLED, ENABLED, ScheduleRow

NAME = re.compile(r"[0-9a-zA-Z_.-]{1,64}")
MAX_WINDOW = 1440


class InvalidSchedule(ValueError):
    """A schedule that cannot be taken; the message says which member, and what it takes."""


def check(row: ScheduleRow) -> None:
    """Raises InvalidSchedule."""
    for member, name in (("Name", row.name), ("GroupName", row.group_name)):
        if NAME.fullmatch(name) is None:
            raise InvalidSchedule(f"{member} {name!r}: it takes 1 to 64 letters, digits and . _ -")
    try:
        timing(row)
    except InvalidExpression as fault:
        raise InvalidSchedule(f"Invalid Schedule Expression: {fault}") from fault
    if row.start is not None and row.end is not None and row.end <= row.start:
        raise InvalidSchedule("EndDate: it must be later than StartDate")
    if row.state not in (ENABLED, DISABLED):
        raise InvalidSchedule(f"State {row.state!r}: it takes {ENABLED} or {DISABLED}")
    if not 0 <= row.window <= MAX_WINDOW:
        raise InvalidSchedule(f"MaximumWindowInMinutes {row.window}: it takes 1 to {MAX_WINDOW}")
    for what, value, takes in (("CatchUp", row.catch_up, CatchUp), ("Overlap", row.overlap, Overlap)):
        if value not in get_args(takes):
            raise InvalidSchedule(f"{what} {value!r}: it takes {', '.join(get_args(takes))}")
    _check_target(row)


def _check_target(row: ScheduleRow) -> None:
    target = json.loads(row.target)
    try:
        start = start_of(target)
    except UnsupportedTarget as fault:
        raise InvalidSchedule(f"Target: {fault}") from fault
    if row.overlap == "skip" and isinstance(start, InvokeFunction):
        raise InvalidSchedule(
            "Overlap 'skip': it takes a state machine as target, for nobody hears when a function that is invoked as"
            " an Event has ended"
        )
    if start.input is not None:
        try:
            json.loads(filled(start.input, SAMPLE))
        except ValueError as fault:
            raise InvalidSchedule(f"Target: Input is no JSON: {fault}") from fault
    policy = target.get("RetryPolicy") or {}
    for member, low, high in (("MaximumEventAgeInSeconds", 60, 86_400), ("MaximumRetryAttempts", 0, 185)):
        value = policy.get(member, high)
        if not low <= value <= high:
            raise InvalidSchedule(f"Target: {member} {value}: it takes {low} to {high}")


def timing(row: ScheduleRow) -> Timing:
    """When the schedule falls due. Raises InvalidExpression."""
    return Timing(
        expression=parse(row.expression),
        zone=zone(row.timezone),
        anchor=row.anchor,
        start=row.start,
        end=row.end,
    )


def milliseconds(moment: datetime | None) -> int | None:
    """Milliseconds since 1970; a time without a zone is UTC."""
    if moment is None:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)
