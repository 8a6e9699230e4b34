"""AWS's cron expressions: six fields, `minutes hours day-of-month month day-of-week year`.

Rules that must stay true here:
- Days of the week count from 1, which is Sunday; exactly one of the two day fields is `?`.
- A cron expression knows local times only: daylight saving is the matter of whoever asks (`expression.py`).

See the EventBridge Scheduler User Guide, "Schedule types", "Cron-based schedules".
"""

from __future__ import annotations

import calendar
import re
from bisect import bisect_left
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import TypeAlias

from msgspec import Struct

FIRST_YEAR = 1970
LAST_YEAR = 2199

_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


class InvalidExpression(ValueError):
    """A schedule expression that cannot be understood; the message names the part and says what is taken."""


class _Field(Struct, frozen=True):
    name: str
    low: int
    high: int
    names: tuple[str, ...]  # from `low` on
    takes: str


_MINUTES = _Field("minutes", 0, 59, (), "0-59 and , - * /")
_HOURS = _Field("hours", 0, 23, (), "0-23 and , - * /")
_DAYS = _Field("day-of-month", 1, 31, (), "1-31 and , - * ? / L W")
_MONTH = _Field("month", 1, 12, _MONTH_NAMES, "1-12 or JAN-DEC and , - * /")
_WEEK = _Field("day-of-week", 1, 7, _DAY_NAMES, "1-7 or SUN-SAT (1 is Sunday) and , - * ? L #")
_YEAR = _Field("year", FIRST_YEAR, LAST_YEAR, (), f"{FIRST_YEAR}-{LAST_YEAR} and , - * /")


class _MonthDay(Struct, frozen=True):
    """A number of days before the end of the month (`L`, `L-3`), or a day by its number; with `nearest` (`W`) the
    weekday from Monday to Friday in the same month that is nearest."""

    day: int = 0
    from_end: int | None = None
    nearest: bool = False

    def of(self, year: int, month: int) -> int | None:
        """The day in a month; None where the month has no such day."""
        last = calendar.monthrange(year, month)[1]
        day = self.day if self.from_end is None else last - self.from_end
        if not 1 <= day <= last:
            return None
        if not self.nearest:
            return day
        weekday = calendar.weekday(year, month, day)
        if weekday == calendar.SATURDAY:
            return day - 1 if day > 1 else day + 2
        if weekday == calendar.SUNDAY:
            return day + 1 if day < last else day - 2
        return day


class _Weekday(Struct, frozen=True):
    """A day of the week, counted as `calendar` does: each, the nth of a month (`#n`), the last (`L`: nth is 0)."""

    weekday: int
    nth: int | None = None

    def of(self, year: int, month: int) -> list[int]:
        """The days in a month."""
        first = 1 + (self.weekday - calendar.weekday(year, month, 1)) % 7
        days = list(range(first, calendar.monthrange(year, month)[1] + 1, 7))
        if self.nth is None:
            return days
        return [days[-1]] if self.nth == 0 else days[self.nth - 1 : self.nth]


_Day: TypeAlias = _MonthDay | _Weekday


class Cron(Struct, frozen=True):
    """An expression that was read. Each field holds its values in order."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[_Day, ...]
    months: tuple[int, ...]
    years: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Raises InvalidExpression."""
        fields = text.split()
        if len(fields) != 6:
            raise InvalidExpression(
                f"cron({text}) has {len(fields)} fields: it takes six, minutes hours day-of-month month day-of-week"
                " year, as in cron(0 8 ? * MON-FRI *)"
            )
        minutes, hours, days, months, weekdays, years = (field.upper() for field in fields)
        if (days == "?") == (weekdays == "?"):
            raise InvalidExpression(
                f"cron({text}) must have ? in one of day-of-month and day-of-week, and a value in the other"
            )
        return cls(
            minutes=_values(minutes, _MINUTES),
            hours=_values(hours, _HOURS),
            days=_month_days(days) if weekdays == "?" else _weekdays(weekdays),
            months=_values(months, _MONTH),
            years=_values(years, _YEAR),
        )

    def times(self, start: datetime) -> Iterator[datetime]:
        """The local times from `start` on, in order, up to the last year there is."""
        for day in self._dates(start.date()):
            for hour in self.hours:
                for minute in self.minutes:
                    found = datetime.combine(day, time(hour, minute))
                    if found >= start:
                        yield found

    def _dates(self, start: date) -> Iterator[date]:
        for year in self.years[bisect_left(self.years, start.year) :]:
            for month in self.months:
                if (year, month) < (start.year, start.month):
                    continue
                for day in self._days_in(year, month):
                    found = date(year, month, day)
                    if found >= start:
                        yield found

    def _days_in(self, year: int, month: int) -> list[int]:
        found: set[int] = set()
        for day in self.days:
            if isinstance(day, _Weekday):
                found.update(day.of(year, month))
            elif (number := day.of(year, month)) is not None:
                found.add(number)
        return sorted(found)


def _values(text: str, field: _Field) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        found.update(_range(part, field))
    return tuple(sorted(found))


_MOST_DIGITS = 9


def _range(part: str, field: _Field) -> Iterator[int]:
    """The values of one part of a list: `*`, `5`, `1-5`, `5/10`, `1-30/10`, `*/10`. A range may pass the end of its
    field (`FRI-MON`, `22-2`), except that years have no beginning again."""
    span, slash, step_text = part.partition("/")
    step = 1
    if slash:
        if not step_text.isdecimal() or len(step_text) > _MOST_DIGITS or int(step_text) < 1:
            raise _invalid(part, field)
        step = int(step_text)
    if span == "*" or (span == "" and slash):
        low, high = field.low, field.high
    elif "-" in span:
        first, _, last = span.partition("-")
        low, high = _number(first, field, part), _number(last, field, part)
    else:
        low = _number(span, field, part)
        high = field.high if slash else low
    if low > high:
        if field is _YEAR:
            raise _invalid(part, field)
        size = field.high - field.low + 1
        return (field.low + (value - field.low) % size for value in range(low, high + size + 1, step))
    return iter(range(low, high + 1, step))


def _number(text: str, field: _Field, part: str) -> int:
    if text in field.names:
        return field.low + field.names.index(text)
    value = int(text) if text.isdecimal() and text.isascii() and len(text) < 5 else -1
    if not field.low <= value <= field.high:
        raise _invalid(part, field)
    return value


def _month_days(text: str) -> tuple[_Day, ...]:
    found: list[_Day] = []
    for part in text.split(","):
        if match := re.fullmatch(r"L(?:-(\d{1,2}))?(W?)", part):
            before = int(match[1] or 0)
            if before > 30:
                raise _invalid(part, _DAYS)
            found.append(_MonthDay(from_end=before, nearest=bool(match[2])))
        elif part.endswith("W"):
            found.append(_MonthDay(_number(part[:-1], _DAYS, part), nearest=True))
        else:
            found += (_MonthDay(day) for day in _range(part, _DAYS))
    return tuple(found)


def _weekdays(text: str) -> tuple[_Day, ...]:
    found: list[_Day] = []
    for part in text.split(","):
        name, hash_, nth = part.partition("#")
        if hash_:
            if nth not in ("1", "2", "3", "4", "5"):
                raise _invalid(part, _WEEK)
            found.append(_Weekday(_of_calendar(_number(name, _WEEK, part)), int(nth)))
        elif part == "L":  # the last day of a week
            found.append(_Weekday(calendar.SATURDAY))
        elif part.endswith("L"):
            found.append(_Weekday(_of_calendar(_number(part[:-1], _WEEK, part)), 0))
        else:
            found += (_Weekday(_of_calendar(day)) for day in _range(part, _WEEK))
    return tuple(found)


def _of_calendar(day: int) -> int:
    """Sunday is 1 in an expression, 6 in `calendar`."""
    return (day + 5) % 7


def _invalid(part: str, field: _Field) -> InvalidExpression:
    return InvalidExpression(f"{part!r} cannot stand in the field {field.name}, which takes {field.takes}")
