"""Cron expressions as AWS writes them: examples from its guide, and any expression against a walk over all minutes."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.schedule.cron import Cron, InvalidExpression
from stepwell.schedule.expression import Timing, parse, zone

# -- the oracle: what each field says about one moment, without any reckoning ahead


def says(field: str, value: int, low: int, high: int, names: tuple[str, ...] = ()) -> bool:
    def number(text: str) -> int:
        return low + names.index(text) if text in names else int(text)

    for part in field.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            first, last = low, high
        elif "-" in span:
            first, last = (number(each) for each in span.split("-"))
        else:
            first = number(span)
            last = high if step else first
        inside = first <= value <= last if first <= last else value >= first or value <= last
        size = high - low + 1
        if inside and ((value - first) % size) % int(step or 1) == 0:
            return True
    return False


MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def month_day_says(field: str, at: datetime) -> bool:
    last = calendar.monthrange(at.year, at.month)[1]
    for part in field.split(","):
        if part == "L":
            found = at.day == last
        elif part == "LW":
            found = at.day == nearest_weekday(at.year, at.month, last)
        elif part.endswith("W"):
            day = int(part[:-1])
            found = day <= last and at.day == nearest_weekday(at.year, at.month, day)
        else:
            found = says(part, at.day, 1, 31)
        if found:
            return True
    return False


def nearest_weekday(year: int, month: int, day: int) -> int:
    last = calendar.monthrange(year, month)[1]
    inside = [d for d in range(1, last + 1) if calendar.weekday(year, month, d) < 5]
    return min(inside, key=lambda d: abs(d - day))


def weekday_says(field: str, at: datetime) -> bool:
    weekday = at.isoweekday() % 7 + 1
    last = calendar.monthrange(at.year, at.month)[1]
    for part in field.split(","):
        if "#" in part:
            day, nth = part.split("#")
            found = says(day, weekday, 1, 7, DAYS) and (at.day - 1) // 7 + 1 == int(nth)
        elif part == "L":
            found = weekday == 7
        elif part.endswith("L"):
            found = says(part[:-1], weekday, 1, 7, DAYS) and at.day + 7 > last
        else:
            found = says(part, weekday, 1, 7, DAYS)
        if found:
            return True
    return False


def falls_due(expression: str, at: datetime) -> bool:
    minutes, hours, days, months, weekdays, years = expression.split()
    return (
        says(minutes, at.minute, 0, 59)
        and says(hours, at.hour, 0, 23)
        and says(months, at.month, 1, 12, MONTHS)
        and says(years, at.year, 1970, 2199)
        and (month_day_says(days, at) if weekdays == "?" else weekday_says(weekdays, at))
    )


# -- any expression


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    part = st.one_of(
        number.map(str),
        st.just("*"),
        st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}"),
        st.tuples(number, st.integers(1, 12)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
        st.integers(1, 20).map(lambda step: f"*/{step}"),
        st.tuples(number, number, st.integers(1, 9)).map(lambda t: f"{min(t[:2])}-{max(t[:2])}/{t[2]}"),
    )
    return st.lists(part, min_size=1, max_size=2).map(",".join)


MONTH_DAY = st.one_of(field(1, 31), st.sampled_from(["L", "LW", "1W", "15W", "31W", "L,15", "3W,20-22"]))
WEEKDAY = st.one_of(
    st.sampled_from(["*", "L", "FRI-MON", "MON-FRI", "SUN", "2,4,6", "SAT-SUN"]),
    st.tuples(st.sampled_from(DAYS), st.integers(1, 5)).map(lambda pair: f"{pair[0]}#{pair[1]}"),
    st.integers(1, 7).map(lambda day: f"{day}L"),
)
DAY_FIELDS = st.one_of(st.tuples(MONTH_DAY, st.just("?")), st.tuples(st.just("?"), WEEKDAY))


@st.composite
def expressions(draw: st.DrawFn) -> str:
    day, weekday = draw(DAY_FIELDS)
    month = draw(st.one_of(st.just("*"), field(1, 12), st.sampled_from(["NOV-FEB", "FEB", "JAN,JUL"])))
    year = draw(st.sampled_from(["*", "2024-2026", "2026", "2025/2"]))
    return f"{draw(field(0, 59))} {draw(field(0, 23))} {day} {month} {weekday} {year}"


MINUTE = timedelta(minutes=1)


@settings(max_examples=150, deadline=None)
@given(expressions(), st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 20)))
def test_what_falls_due_is_what_a_walk_over_all_minutes_finds(expression: str, start: datetime) -> None:
    start = start.replace(second=0, microsecond=0)
    walked = [start + n * MINUTE for n in range(3 * 24 * 60)]
    expected = [at for at in walked if falls_due(expression, at)][:50]
    found = [at for at in islice(Cron.parse(expression).times(start), 50) if at <= walked[-1]]
    assert found == expected


@settings(max_examples=60, deadline=None)
@given(
    expressions(),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]),
    st.sampled_from([datetime(2025, 3, 29, 12), datetime(2025, 10, 25, 12), datetime(2025, 11, 1, 12)]),
)
def test_local_times_fall_due_once_where_the_clocks_change(expression: str, name: str, start: datetime) -> None:
    """The walk goes over moments: a local time that is repeated counts the first time only."""
    tz = zone(name)
    expected = []
    for n in range(36 * 60):
        moment = start.replace(tzinfo=UTC) + n * MINUTE
        local = moment.astimezone(tz)
        if local.fold == 0 and falls_due(expression, local.replace(tzinfo=None)):
            expected.append(round(moment.timestamp() * 1000))
    timing = Timing(expression=parse(f"cron({expression})"), zone=tz, anchor=0)
    due = timing.next_after(round(start.replace(tzinfo=UTC).timestamp() * 1000) - 1)
    found: list[int] = []
    last = round((start.replace(tzinfo=UTC) + 36 * 60 * MINUTE).timestamp() * 1000)
    while due is not None and due < last:
        found.append(due)
        due = timing.next_after(due)
    assert found == expected


# -- examples


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("15 10 ? * 6L 2022-2023", ["2022-01-28 10:15", "2022-02-25 10:15", "2022-03-25 10:15"]),
        ("0 10 * * ? *", ["2022-01-01 10:00", "2022-01-02 10:00"]),
        ("0 18 ? * MON-FRI *", ["2022-01-03 18:00", "2022-01-04 18:00"]),
        ("0 8 1 * ? *", ["2022-01-01 08:00", "2022-02-01 08:00"]),
        ("0/10 * ? * MON-FRI *", ["2022-01-03 00:00", "2022-01-03 00:10"]),
        ("0 9 ? * 2#1 *", ["2022-01-03 09:00", "2022-02-07 09:00"]),
        ("0 12 3W * ? *", ["2022-01-03 12:00", "2022-02-03 12:00", "2022-03-03 12:00", "2022-04-04 12:00"]),
        ("0 0 L * ? *", ["2022-01-31 00:00", "2022-02-28 00:00"]),
        ("0 0 29 2 ? *", ["2024-02-29 00:00", "2028-02-29 00:00"]),
        ("0 0 ? * fri-mon *", ["2022-01-01 00:00", "2022-01-02 00:00", "2022-01-03 00:00", "2022-01-07 00:00"]),
    ],
)
def test_examples(expression: str, expected: list[str]) -> None:
    found = islice(Cron.parse(expression).times(datetime(2022, 1, 1)), len(expected))
    assert [f"{at:%Y-%m-%d %H:%M}" for at in found] == expected


def test_an_expression_that_never_falls_due_is_told_at_once() -> None:
    assert list(Cron.parse("0 0 30 2 ? *").times(datetime(2022, 1, 1))) == []
    assert list(Cron.parse("0 0 * * ? 2021").times(datetime(2022, 1, 1))) == []


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("0 8 * * *", "5 fields"),
        ("0 8 * * * *", "? in one of day-of-month and day-of-week"),
        ("0 8 ? * ? *", "? in one of day-of-month and day-of-week"),
        ("60 8 * * ? *", "'60' cannot stand in the field minutes"),
        ("0 24 * * ? *", "field hours"),
        ("0 8 32 * ? *", "field day-of-month"),
        ("0 8 * 13 ? *", "field month"),
        ("0 8 ? * 0 *", "field day-of-week"),
        ("0 8 ? * MON#6 *", "field day-of-week"),
        ("0 8 * * ? 1969", "field year"),
        ("0 8 * * ? 2030-2020", "field year"),
        ("*/0 8 * * ? *", "field minutes"),
        ("a 8 * * ? *", "'A' cannot stand in the field minutes"),
        ("١ 8 * * ? *", "field minutes"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_field(expression: str, says: str) -> None:
    with pytest.raises(InvalidExpression, match=r"(?s)" + says.replace("?", r"\?")):
        Cron.parse(expression)
