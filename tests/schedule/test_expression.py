"""Rates, single times, time zones, start and end dates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.schedule.expression import InvalidExpression, Timing, parse, zone

HOUR = 3_600_000


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def times(expression: str, after: str, count: int = 3, tz: str = "UTC", **more: int) -> list[str]:
    timing = Timing(expression=parse(expression), zone=zone(tz), anchor=ms(after), **more)
    found, due = [], timing.next_after(ms(after))
    while due is not None and len(found) < count:
        found.append(f"{datetime.fromtimestamp(due / 1000, UTC):%m-%d %H:%M}")
        due = timing.next_after(due)
    return found


@given(st.integers(1, 10_000), st.integers(0, 10**13), st.integers(0, 10**13))
def test_a_rate_falls_due_at_whole_multiples_from_its_anchor(value: int, anchor: int, after: int) -> None:
    timing = Timing(expression=parse(f"rate({value} minutes)"), zone=zone("UTC"), anchor=anchor)
    due = timing.next_after(after)
    assert due is not None
    assert due > after
    assert (due - anchor) % (value * 60_000) == 0
    assert due - value * 60_000 <= after or due == anchor


def test_a_day_of_a_rate_is_24_hours_whatever_the_clocks_do() -> None:
    assert times("rate(1 day)", "2025-03-29T07:00", 2, "Europe/Berlin") == ["03-30 07:00", "03-31 07:00"]


def test_a_local_time_that_daylight_saving_skips_does_not_fall_due() -> None:
    assert times("cron(30 2 * * ? *)", "2025-03-29T12:00", 2, "Europe/Berlin") == ["03-31 00:30", "04-01 00:30"]
    assert times("at(2025-03-30T02:30:00)", "2025-01-01T00:00", 1, "Europe/Berlin") == []


def test_a_local_time_that_daylight_saving_repeats_falls_due_the_first_time_only() -> None:
    assert times("cron(30 2 * * ? *)", "2025-10-25T12:00", 2, "Europe/Berlin") == ["10-26 00:30", "10-27 01:30"]
    assert times("at(2025-10-26T02:30:00)", "2025-01-01T00:00", 2, "Europe/Berlin") == ["10-26 00:30"]


def test_start_and_end_bound_what_recurs_and_not_a_single_time() -> None:
    bounds = {"start": ms("2025-06-01T00:00"), "end": ms("2025-06-02T08:00")}
    assert times("cron(0 8 * * ? *)", "2025-01-01T00:00", 9, **bounds) == ["06-01 08:00", "06-02 08:00"]
    assert times("rate(12 hours)", "2025-01-01T05:00", 9, **bounds) == ["06-01 00:00", "06-01 12:00", "06-02 00:00"]
    assert times("at(2025-01-01T08:00:00)", "2025-01-01T00:00", 9, **bounds) == ["01-01 08:00"]


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("every day", "no schedule expression"),
        ("rate(0 minutes)", "at least 1"),
        ("rate(5)", "a unit"),
        ("rate(5 weeks)", "a unit"),
        ("rate(-5 minutes)", "at least 1"),
        ("rate(999999999999 days)", "longer than 200 years"),
        ("at(2025-13-01T00:00:00)", "a date and a time without a zone"),
        ("at(2025-01-01T00:00:00Z)", "a date and a time without a zone"),
        ("cron(0 8 * * ?)", "six"),
    ],
)
def test_what_cannot_be_read_is_told_with_the_way_out(expression: str, says: str) -> None:
    with pytest.raises(InvalidExpression, match=says):
        parse(expression)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "/etc/passwd", "x" * 300])
def test_a_time_zone_that_is_none_is_told(name: str) -> None:
    with pytest.raises(InvalidExpression, match="no time zone"):
        zone(name)
