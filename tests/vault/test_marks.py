"""Marks say which parts of an input are secret, and nothing else is."""

from __future__ import annotations

import pytest

from stepwell.language.values import Json
from stepwell.vault.marks import Mark, MarkError, parse_marks, take_out


def taken(value: Json, text: str) -> Json:
    return take_out(value, parse_marks(text), lambda value, mark: f"<{value}>")


@pytest.mark.parametrize("text", ["token", "$.token", "$['token']"])
def test_a_member_is_taken_out_and_the_rest_stays(text: str) -> None:
    given: Json = {"token": "t", "other": "t"}
    assert taken(given, text) == {"token": "<t>", "other": "t"}
    assert given == {"token": "t", "other": "t"}


def test_several_paths_are_separated_by_blanks() -> None:
    assert taken({"a": {"b": "x"}, "c": 1}, " a.b  c ") == {"a": {"b": "<x>"}, "c": "<1>"}


def test_a_name_in_brackets_may_hold_blanks() -> None:
    assert taken({"a b": "x", "c": "y"}, "$['a b'] c") == {"a b": "<x>", "c": "<y>"}


def test_a_name_reaches_into_each_object_of_an_array() -> None:
    given: Json = {"users": [{"password": "x"}, {"password": "y", "name": "n"}]}
    expected = {"users": [{"password": "<x>"}, {"password": "<y>", "name": "n"}]}
    assert taken(given, "users.password") == expected
    assert taken(given, "$.users[*].password") == expected


def test_an_index_means_one_item() -> None:
    assert taken({"a": ["x", "y", "z"]}, "a[-1] a[0]") == {"a": ["<x>", "y", "<z>"]}


def test_an_object_is_secret_in_all_of_its_values() -> None:
    given: Json = {"login": {"user": "u", "pins": [1234, None, ""], "more": {"ok": True}}}
    assert taken(given, "login") == {"login": {"user": "<u>", "pins": ["<1234>", None, ""], "more": {"ok": "<True>"}}}


def test_two_dots_mean_any_depth() -> None:
    assert taken({"a": {"pin": "x"}, "pin": ["y"]}, "$..pin") == {"a": {"pin": "<x>"}, "pin": ["<y>"]}


def test_a_pattern_means_members_with_a_name_like_it() -> None:
    given: Json = {"apiToken": "x", "a": [{"token_of_b": "y", "page": "z"}]}
    assert taken(given, "*token*") == {"apiToken": "<x>", "a": [{"token_of_b": "<y>", "page": "z"}]}


@pytest.mark.parametrize("value", [{}, [], "text", None, 1, {"token": None}, {"token": ""}, {"other": {"token": 1}}])
def test_where_nothing_is_there_nothing_is_taken(value: Json) -> None:
    assert taken(value, "token") == value


def test_an_entry_names_who_keeps_the_value_fresh_and_how_long_it_lives() -> None:
    first, second, third = parse_marks("a=RefreshA b=RefreshB@15m c")
    assert (first.refresher, first.lifetime) == ("RefreshA", None)
    assert (second.refresher, second.lifetime, second.path) == ("RefreshB", 900_000, "$.b")
    assert (third.refresher, third.lifetime) == (None, None)
    assert isinstance(first, Mark)


@pytest.mark.parametrize("text", ["", "  ", "a[?(@.b)]", "$$.a", "$x.a", "a[1:2]", "a.length()", "a..", "a[", "a=b@1y"])
def test_what_cannot_be_understood_is_an_error(text: str) -> None:
    with pytest.raises(MarkError):
        parse_marks(text)
