"""Page tokens are opaque, bound to their listing, and good for a day."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.api.faults import ApiFault
from stepwell.api.page_tokens import LIFETIME, PageTokens

KEY = bytes(range(32))
NOW = 1_700_000_000_000
LISTING = ("ListExecutions", (7, "RUNNING"))


def refused(token: str, operation: str, arguments: tuple[object, ...], now: int = NOW, key: bytes = KEY) -> bool:
    with pytest.raises(ApiFault) as caught:
        PageTokens(key).open(token, operation, arguments, now)
    return (caught.value.shape, caught.value.message) == ("InvalidToken", "Invalid Token: 'Invalid token'")


def test_a_token_gives_back_its_position_after_a_restart() -> None:
    token = PageTokens(KEY).issue(*LISTING, (12, "b"), NOW)
    assert PageTokens(KEY).open(token, *LISTING, NOW + 5) == [12, "b"]


def test_a_token_is_bound_to_its_operation_and_arguments() -> None:
    token = PageTokens(KEY).issue(*LISTING, (12,), NOW)
    assert refused(token, "ListActivities", (7, "RUNNING"))
    assert refused(token, "ListExecutions", (7, None))
    assert refused(token, "ListExecutions", (8, "RUNNING"))


def test_a_token_of_another_store_is_refused() -> None:
    token = PageTokens(bytes(32)).issue(*LISTING, (12,), NOW)
    assert refused(token, *LISTING)


def test_a_token_is_good_for_a_day() -> None:
    token = PageTokens(KEY).issue(*LISTING, (12,), NOW)
    assert PageTokens(KEY).open(token, *LISTING, NOW + LIFETIME) == [12]
    assert refused(token, *LISTING, NOW + LIFETIME + 1)


def test_a_token_fits_where_the_model_takes_it() -> None:
    longest = PageTokens(KEY).issue("ListActivities", ("arn",), (2**50, "\u00e9" * 80), NOW)
    assert len(longest) <= 1024


@given(st.data())
def test_no_altered_token_is_taken(data: st.DataObject) -> None:
    token = PageTokens(KEY).issue(*LISTING, (12,), NOW)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters().filter(lambda c: c != token[place]))
    assert refused(token[:place] + letter + token[place + 1 :], *LISTING)


@given(st.text())
def test_no_text_whatever_breaks_the_reading_of_a_token(text: str) -> None:
    assert refused(text, *LISTING)
