"""Points in time as text: the RFC 3339 profile of ISO 8601 that the language uses.

Rules that must stay true here:
- A time is whole milliseconds since 1970-01-01T00:00:00Z; finer parts are cut off, never rounded. Only comparisons
  look at nanoseconds.
- Only what AWS accepts is parsed: an upper-case `T`, and an upper-case `Z` or a numeric offset.
"""

from __future__ import annotations

import re
from calendar import timegm
from datetime import UTC, datetime, timedelta

_RFC3339 = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):(\d{2}))", re.ASCII
)
_EPOCH = datetime(1970, 1, 1)  # without a zone, which `isoformat` would write out
_SECOND = 1_000_000_000


def parse_timestamp(text: str) -> int:
    """The milliseconds since 1970 (UTC) of `2016-03-14T01:59:00.123Z` or `2016-03-14T01:59:00+02:00`.

    Raises ValueError where the text is no such time or names a day, hour or offset that does not exist.
    """
    return parse_nanoseconds(text) // 1_000_000


def parse_nanoseconds(text: str) -> int:
    """The same in nanoseconds, for times that are compared with each other."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 timestamp")
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    nanoseconds = timegm(moment.timetuple()) * _SECOND + int((fraction or "").ljust(9, "0"))
    if sign:
        hours, minutes = int(offset_hours), int(offset_minutes)
        if hours > 18 or minutes > 59:
            raise ValueError("the offset is out of range")
        offset = (hours * 60 + minutes) * 60 * _SECOND
        nanoseconds += -offset if sign == "+" else offset
    return nanoseconds


def format_timestamp(milliseconds: int) -> str:
    """The text of a time, in UTC with three digits after the point: `2026-11-21T22:40:46.123Z`."""
    return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds") + "Z"
