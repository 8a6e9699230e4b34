"""The four forms of a wait."""

from __future__ import annotations

import pytest

from stepwell.language.duration import Seconds, SecondsPath, Timestamp, TimestampPath
from stepwell.language.errors import QueryError
from stepwell.language.jsonpath import compile_path
from stepwell.language.values import Json
from tests.language.scopes import scope

NOW = 1_000_500


def test_seconds_count_from_now() -> None:
    assert Seconds(3).until(scope({}), NOW) == NOW + 3_000
    assert SecondsPath(compile_path("$.wait")).until(scope({"wait": 2}), NOW) == NOW + 2_000
    assert SecondsPath(compile_path("$.wait")).until(scope({"wait": 0}), NOW) == NOW


def test_timestamps_count_to_the_second() -> None:
    assert Timestamp(5_999).until(scope({}), NOW) == 5_000
    assert TimestampPath(compile_path("$")).until(scope("1970-01-01T00:00:07.900Z"), NOW) == 7_000


@pytest.mark.parametrize(
    ("input", "cause"),
    [
        ({"x": -1}, "The SecondsPath parameter references a negative value: $.x == -1"),
        ({"x": 1.5}, "The SecondsPath parameter cannot be parsed as a long value: $.x == 1.5"),
        ({"x": -1.5}, "The SecondsPath parameter cannot be parsed as a long value: $.x == -1.5"),
        ({"x": "soon"}, "The SecondsPath parameter cannot be parsed as a long value: $.x == soon"),
        ({"x": True}, "The SecondsPath parameter cannot be parsed as a long value: $.x == true"),
        ({}, "The SecondsPath parameter does not reference an input value: $.x"),
        ({"x": 10**30}, f"The SecondsPath parameter references a value greater than 99999999: $.x == {10**30}"),
    ],
)
def test_seconds_that_are_none_fail_in_the_words_of_aws(input: Json, cause: str) -> None:
    with pytest.raises(QueryError) as failure:
        SecondsPath(compile_path("$.x")).until(scope(input), NOW)
    assert (failure.value.error, failure.value.cause) == ("States.Runtime", cause)


@pytest.mark.parametrize("value", ["2016-12-05T21:29:29", "05-12-2016T21:29:29Z", "2016-13-05T21:29:29Z", "12"])
def test_a_text_that_is_no_timestamp_fails_in_the_words_of_aws(value: str) -> None:
    with pytest.raises(QueryError) as failure:
        TimestampPath(compile_path("$.t")).until(scope({"t": value}), NOW)
    assert failure.value.cause == (
        "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: "
        f"$.t == {value}"
    )
