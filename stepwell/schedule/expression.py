"""Schedule expressions, `rate(...)`, `cron(...)` and `at(...)`, and the moments that they name.

Rules that must stay true here:
- A local time that daylight saving skips does not fall due; one that it repeats falls due once, the first time.
- A day of a rate is 24 hours, whatever the clocks do.
- Reading an expression is kept apart from the time: the same expression and `after` give the same moment.

See the EventBridge Scheduler User Guide, "Schedule types". AWS knows no `second` in a rate: it is an addition.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from stepwell.schedule.cron import Cron, InvalidExpression

__all__ = ["InvalidExpression", "Timing", "parse", "zone"]

_UNITS = {"second": 1_000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 200 * 365 * 86_400_000  # a rate above is as good as never


class Rate(Struct, frozen=True):
    """Every so many milliseconds."""

    interval: int


class At(Struct, frozen=True):
    """Once, at a local time."""

    local: datetime


Expression: TypeAlias = Rate | Cron | At


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Raises InvalidExpression."""
    match = re.fullmatch(r"(rate|cron|at)\((.*)\)", text.strip(), re.DOTALL)
    if match is None:
        raise InvalidExpression(
            f"{text!r} is no schedule expression: it takes rate(5 minutes), cron(0 8 ? * MON-FRI *) or"
            " at(2030-01-31T08:00:00)"
        )
    kind, inside = match[1], match[2].strip()
    if kind == "cron":
        return Cron.parse(inside)
    return _rate(inside) if kind == "rate" else _at(inside)


def _rate(inside: str) -> Rate:
    match = re.fullmatch(r"0*([0-9]{1,18})\s+(second|minute|hour|day)(s?)", inside)
    if match is None or int(match[1]) < 1:
        raise InvalidExpression(
            f"rate({inside}) takes a whole number of at least 1 and a unit: minutes, hours or days (or, here but not on"
            " AWS, seconds), as in rate(5 minutes)"
        )
    interval = int(match[1]) * _UNITS[match[2]]
    if interval > _LONGEST:
        raise InvalidExpression(f"rate({inside}) is longer than 200 years")
    return Rate(interval)


def _at(inside: str) -> At:
    try:
        local = datetime.strptime(inside, "%Y-%m-%dT%H:%M:%S")  # a local time has no zone
    except ValueError:
        raise InvalidExpression(
            f"at({inside}) takes a date and a time without a zone, as in at(2030-01-31T08:00:00)"
        ) from None
    return At(local)


def zone(name: str) -> ZoneInfo:
    """A time zone of the IANA database. Raises InvalidExpression."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidExpression(
            f"{name!r} is no time zone of the IANA database, such as Europe/Berlin; on a machine without that database,"
            " install the package tzdata"
        ) from None


class Timing(Struct, frozen=True, kw_only=True):
    """When something falls due. Times are milliseconds since 1970.

    A rate counts from `start`, or from `anchor` (when it was written) where there is none. `start` and `end` belong to
    it, and say nothing about an `at`.
    """

    expression: Expression
    zone: ZoneInfo
    anchor: int
    start: int | None = None
    end: int | None = None

    def next_after(self, after: int) -> int | None:
        """The first moment later than `after`; None where there is none any more."""
        if isinstance(self.expression, At):
            due = _utc(self.expression.local, self.zone)
            return due if due is not None and due > after else None
        if self.start is not None:
            after = max(after, self.start - 1)
        if isinstance(self.expression, Rate):
            first = self.anchor if self.start is None else self.start
            found = first + max(0, (after - first) // self.expression.interval + 1) * self.expression.interval
        else:
            following = _next_local(self.expression, self.zone, after)
            if following is None:
                return None
            found = following
        return None if self.end is not None and found > self.end else found


def _next_local(cron: Cron, zone: ZoneInfo, after: int) -> int | None:
    """Local times rise with the moments that they stand for, as each stands for the first of its moments: so none
    before the local time of `after` can be meant."""
    try:
        local = (_EPOCH + timedelta(milliseconds=after)).astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        return None
    for candidate in cron.times(local.replace(second=0, microsecond=0)):
        due = _utc(candidate, zone)
        if due is not None and due > after:
            return due
    return None


def _utc(local: datetime, zone: ZoneInfo) -> int | None:
    """The first moment of a local time; None where daylight saving skips it."""
    try:
        moment = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) != local:
            return None
    except OverflowError:
        return None
    return (moment - _EPOCH) // timedelta(milliseconds=1)
