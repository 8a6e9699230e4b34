"""The functions that Step Functions adds to JSONata."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.language.jsonata.query import Query, QueryFault
from stepwell.language.scope import Patience, Scope
from tests.language.scopes import FixedRandomness

BOTH = pytest.mark.parametrize("hurried", [True, False], ids=["on the loop", "on a thread"])


def value(source: str, hurried: bool, input: Any = None) -> Any:
    patience = Patience(hurried=hurried, left=lambda: 0.05)
    return Query(source).evaluate(Scope(input, dict, FixedRandomness(), {}, patience=patience))


@BOTH
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$partition([1, 2, 3], 2)", [[1, 2], [3]]),
        ("$partition([0], 1)", [[0]]),
        ("$partition([], 3)", []),
        ("$range(0, 9, 3)", [0, 3, 6, 9]),
        ("$range(3, 1, -1)", [3, 2, 1]),
        ("$range(1, 9, 9)", 1),
        ("$exists($range(1, 0, 1))", False),
        ("$hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
        ("$hash([1], 'MD5')", "35dba5d75538a9bbe0b4da4422759a0e"),
        ("$random(42)", 0.7275636800328681),
        ("$random()", 0.5),
        ("$uuid()", "4c6f1a04-9f57-4d3b-8f5a-0d3c6a7f1b2c"),
        ("$parse('{\"a\": [1, null]}')", {"a": [1, None]}),
        ("$parse('null')", None),
        ("$parse('[0]')", [0]),
        ("$parse('-0')", 0),
        ("$map([1, 2], function($n) { $hash($string($n), 'MD5') })[0]", "c4ca4238a0b923820dcc509a6f75849b"),
        ("$states.input ~> $parse", 1),
    ],
)
def test_a_function_answers(source: str, expected: Any, hurried: bool) -> None:
    assert value(source, hurried, "1") == expected


@BOTH
@pytest.mark.parametrize(
    "source",
    [
        "$partition([1], 0)",
        "$partition([1], 'a')",
        "$range(1, 2, 0)",
        "$range(1, 2)",
        "$hash('a', 'SHA-2')",
        "$hash('a')",
        "$random('a')",
        "$parse(1)",
        "$parse('{')",
    ],
)
def test_a_wrong_call_is_an_error(source: str, hurried: bool) -> None:
    with pytest.raises(QueryFault, match="threw an error during evaluation"):
        value(source, hurried)


def test_a_range_has_a_limit() -> None:
    with pytest.raises(QueryFault, match="D2014"):
        value("$range(1, 100000000, 1)", False)
