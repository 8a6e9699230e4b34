"""The rules of a Choice state."""

from __future__ import annotations

import pytest

from stepwell.language.choice_rule import COMPARATORS, compile_rule
from stepwell.language.errors import QueryError, SyntaxFault
from stepwell.language.values import Json
from tests.language.scopes import scope

EVERYTHING: list[Json] = [None, 0, 0.0, 1.1, "", " ", "Hello", "2012-10-09T19:00:55", "2012-10-09T19:00:55Z"]
EVERYTHING += [[], [""], {}, {"A": 0}, True, False]


def matches(comparator: str, variable: Json, operand: Json) -> bool:
    rule = compile_rule({"Variable": "$.v", comparator: operand, "Next": "x"})
    direct = rule.matches(scope({"v": variable}))
    if comparator + "Path" in COMPARATORS:
        by_path = compile_rule({"Variable": "$.v", comparator + "Path": "$.o"})
        assert by_path.matches(scope({"v": variable, "o": operand})) is direct
    return direct


def test_all_thirty_nine_comparators_are_there() -> None:
    assert len(COMPARATORS) == 39
    assert {comparator.operand for comparator in COMPARATORS.values()} == {
        "string", "number", "boolean", "timestamp", "path",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("relation", "less", "same", "more"),
    [
        ("Equals", False, True, False),
        ("LessThan", True, False, False),
        ("LessThanEquals", True, True, False),
        ("GreaterThan", False, False, True),
        ("GreaterThanEquals", False, True, True),
    ],
)
@pytest.mark.parametrize(
    ("kind", "small", "large"),
    [
        ("String", "A", "AB"),
        ("String", "", "A"),
        ("Numeric", -1, 0.5),
        ("Numeric", 10**20, 10**20 + 1),
        ("Timestamp", "2012-10-09T19:00:55Z", "2012-10-09T19:00:56Z"),
        ("Timestamp", "2012-10-09T19:00:55.0000001Z", "2012-10-09T19:00:55.0000002Z"),
        ("Timestamp", "2012-10-09T19:00:55+01:00", "2012-10-09T19:00:55Z"),
    ],
)
def test_comparisons_order_their_type(
    relation: str, less: bool, same: bool, more: bool, kind: str, small: Json, large: Json
) -> None:
    assert matches(kind + relation, small, large) is less
    assert matches(kind + relation, small, small) is same
    assert matches(kind + relation, large, small) is more


@pytest.mark.parametrize(
    ("comparator", "operand", "type_of_operand"),
    [
        ("BooleanEquals", False, bool),
        ("NumericEquals", 0, (int, float)),
        ("NumericLessThanEquals", 0, (int, float)),
        ("StringEquals", "", str),
        ("StringMatches", "*", str),
    ],
)
def test_a_value_of_another_type_never_matches(comparator: str, operand: Json, type_of_operand: type) -> None:
    for value in EVERYTHING:
        fits = isinstance(value, type_of_operand) and isinstance(value, bool) == (type_of_operand is bool)
        if not fits:
            assert matches(comparator, value, operand) is False
    assert matches(comparator, operand, operand) is True


def test_what_is_no_timestamp_never_matches_one() -> None:
    for value in EVERYTHING:
        assert matches("TimestampEquals", value, "2012-10-09T19:00:55Z") is (value == "2012-10-09T19:00:55Z")


@pytest.mark.parametrize(
    ("comparator", "holding"),
    [
        ("IsNull", [None]),
        ("IsNumeric", [0, 0.0, 1.1]),
        ("IsBoolean", [True, False]),
        ("IsString", ["", " ", "Hello", "2012-10-09T19:00:55", "2012-10-09T19:00:55Z"]),
        ("IsTimestamp", ["2012-10-09T19:00:55Z"]),
        ("IsPresent", EVERYTHING),
    ],
)
def test_tests_of_type_hold_or_are_asked_not_to(comparator: str, holding: list[Json]) -> None:
    for value in EVERYTHING:
        holds = any(value is other for other in holding)
        assert matches(comparator, value, True) is holds
        assert matches(comparator, value, False) is not holds


@pytest.mark.parametrize(
    ("pattern", "text", "holds"),
    [
        ("log-*.txt", "log-1.txt", True),
        ("log-*.txt", "log-.txt", True),
        ("log-*.txt", "log-1.txt2", False),
        ("*", "", True),
        ("**", "x", True),
        ("a*b*c", "a1b2c", True),
        ("a*b*c", "ac", False),
        ("ab*ba", "aba", False),
        ("a.c", "abc", False),
        (r"a\*c", "a*c", True),
        (r"a\*c", "abc", False),
        (r"a\\*", "a\\bc", True),
        ("plain", "plain", True),
        ("*x\ny", "ax\ny", True),
    ],
)
def test_an_asterisk_stands_for_any_text(pattern: str, text: str, holds: bool) -> None:
    assert matches("StringMatches", text, pattern) is holds


def test_rules_combine() -> None:
    private: Json = {"Variable": "$.type", "StringEquals": "Private"}
    twenties: Json = [
        {"Variable": "$.value", "NumericGreaterThanEquals": 20},
        {"Variable": "$.value", "NumericLessThan": 30},
    ]
    where = scope({"type": "Private", "value": 22})
    assert compile_rule({"And": twenties, "Next": "x"}).matches(where)
    assert compile_rule({"Or": [{"Not": private}, {"And": twenties}]}).matches(where)
    assert not compile_rule({"Not": private}).matches(where)


def test_and_and_or_do_not_look_further_than_they_must() -> None:
    missing: Json = {"Variable": "$.no", "IsNull": True}
    no: Json = {"Variable": "$.a", "IsPresent": False}
    yes: Json = {"Variable": "$.a", "IsPresent": True}
    assert not compile_rule({"And": [no, missing]}).matches(scope({"a": 1}))
    assert compile_rule({"Or": [yes, missing]}).matches(scope({"a": 1}))


@pytest.mark.parametrize(
    "rule",
    [
        {"Variable": "$.no", "StringEquals": "x"},
        {"Variable": "$.no", "IsNull": True},
        {"Variable": "$.a", "NumericEqualsPath": "$.no"},
    ],
)
def test_a_path_that_leads_nowhere_fails_in_the_words_of_aws(rule: dict[str, Json]) -> None:
    with pytest.raises(QueryError) as failure:
        compile_rule(rule).matches(scope({"a": 1}))
    assert failure.value.error == "States.Runtime"
    assert failure.value.cause == (
        "Invalid path '$.no': The choice state's condition path references an invalid value."
    )


def test_is_present_asks_whether_a_path_leads_somewhere() -> None:
    assert compile_rule({"Variable": "$.no", "IsPresent": False}).matches(scope({}))
    assert not compile_rule({"Variable": "$.no.further", "IsPresent": True}).matches(scope({}))
    assert compile_rule({"Variable": "$$.Execution.Id", "IsPresent": True}).matches(scope(1, {"Execution": {"Id": 1}}))


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"Variable": "$.a"},
        {"StringEquals": "x"},
        {"Variable": "$.a", "StringEquals": "x", "IsNull": True},
        {"Variable": "a", "StringEquals": "x"},
        {"Variable": "$.a", "StringEquals": 1},
        {"Variable": "$.a", "NumericEquals": True},
        {"Variable": "$.a", "BooleanEquals": 1},
        {"Variable": "$.a", "IsNull": "true"},
        {"Variable": "$.a", "TimestampEquals": "2012-10-09"},
        {"Variable": "$.a", "StringEqualsPath": "b"},
        {"Variable": "$.a", "StringMatches": "a\\"},
        {"And": []},
        {"And": {}},
        {"Not": []},
    ],
)
def test_what_is_no_rule_is_a_syntax_fault(rule: dict[str, Json]) -> None:
    with pytest.raises(SyntaxFault):
        compile_rule(rule)
