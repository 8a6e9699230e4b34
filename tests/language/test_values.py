"""JSON values and their text."""

from __future__ import annotations

import pytest

from stepwell.language.values import dumps, loads

LONG = "x" * 100_000
NUMBERS = ["9223372036854775808", "18446744073709551616", "-123456789012345678901234567890", "1e5", "1.0", "-0.0"]


@pytest.mark.parametrize("beside", ["", LONG, "é" * 1_000, "1234567890123456789" * 100])
@pytest.mark.parametrize("number", [*NUMBERS, "0"])
def test_numbers_stay_exact_in_short_and_in_long_texts(number: str, beside: str) -> None:
    text = f'{{"n":{number},"beside":"{beside}"}}'
    for form in (text, text.encode()):
        value = loads(form)
        assert isinstance(value, dict)
        found = value["n"]
        assert (found, type(found)) == ((float if set(number) & set(".e") else int)(number), type(found))
        assert loads(dumps(value)) == value


@pytest.mark.parametrize("beside", ["", LONG])
@pytest.mark.parametrize("member", ["NaN", "Infinity", "01", '"\ud800"', '"\\ud800"', "[" * 2_000, "'a'", "1e400"])
def test_what_is_no_json_is_refused_in_short_and_in_long_texts(member: str, beside: str) -> None:
    with pytest.raises(ValueError):
        loads(f'{{"beside":"{beside}","n":{member},"big":123456789012345678901234567890}}')
