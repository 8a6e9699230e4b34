"""Points in time as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.language.timestamp import format_timestamp, parse_nanoseconds, parse_timestamp


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2016-03-14T01:59:00Z", 1_457_920_740_000),
        ("2016-03-14T01:59:00.5Z", 1_457_920_740_500),
        ("2016-03-05T21:29:29.243167252Z", 1_457_213_369_243),
        ("2016-03-14T01:59:00.000000Z", 1_457_920_740_000),
        ("2016-03-14T03:59:00+02:00", 1_457_920_740_000),
        ("2016-03-13T20:29:00-05:30", 1_457_920_740_000),
        ("1969-12-31T23:59:59.999Z", -1),
    ],
)
def test_a_timestamp_is_milliseconds_since_1970(text: str, milliseconds: int) -> None:
    assert parse_timestamp(text) == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2016-12-05T21:29:29",
        "2016-12-05 21:29:29Z",
        "2016-13-05T21:29:29Z",
        "2016-12-05T25:29:29Z",
        "05-12-2016T21:29:29Z",
        "2016-02-30T00:00:00Z",
        "2016-12-05t21:29:29Z",
        "2016-12-05T21:29:29z",
        "2016-12-05",
        "2016-12-05T21:29:29.Z",
        "2016-12-05T21:29:29+99:00",
        "2016-12-05T21:29:29.000000",
        "2016-12-05T21:29:29Z\n",
        "２016-12-05T21:29:29Z",
        "0000-01-01T00:00:00Z",
    ],
)
def test_what_aws_does_not_accept_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_timestamp(text)


def test_comparisons_see_nanoseconds() -> None:
    assert parse_nanoseconds("1970-01-01T00:00:00.000000001Z") == 1


def test_a_time_is_written_in_utc_with_three_digits() -> None:
    assert format_timestamp(1_795_300_846_123) == "2026-11-21T22:40:46.123Z"
    assert format_timestamp(0) == "1970-01-01T00:00:00.000Z"


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_formatting_and_parsing_are_inverse(milliseconds: int) -> None:
    assert parse_timestamp(format_timestamp(milliseconds)) == milliseconds
