"""What a filter of a JSONPath means: `[?(@.price < 10 && @.tags contains 'new')]`.

Rules that must stay true here:
- The rules of comparison are Jayway's: a number equals a string of the same number, other types never meet, and what is
  missing equals nothing.
- A user's pattern runs in RE2, in linear time, and matches the whole text.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import TypeAlias

import re2

from stepwell.language.equality import equal
from stepwell.language.errors import SyntaxFault
from stepwell.language.java_text import java_text
from stepwell.language.jsonpath_steps import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Constant,
    Exists,
    Not,
    Operand,
    Pattern,
    is_definite,
)
from stepwell.language.jsonpath_walk import MISSING, Answer, CompileQuery, Found, Walk
from stepwell.language.values import Json

Predicate: TypeAlias = Callable[[Json, Walk], bool]
_Relation: TypeAlias = Callable[[Found, Found, Walk], bool]

# So many characters cost as much as one value.
_CHARACTERS = 50
# The flags of Java's Pattern that RE2 knows too.
_FLAGS = frozenset("ims")


def compile_condition(condition: Condition, compile_query: CompileQuery) -> Predicate:
    """The test of one value. Raises SyntaxFault where a pattern is not usable."""
    match condition:
        case AllOf(conditions):
            parts = tuple(compile_condition(part, compile_query) for part in conditions)
            return lambda current, walk: all(part(current, walk) for part in parts)
        case AnyOf(conditions):
            parts = tuple(compile_condition(part, compile_query) for part in conditions)
            return lambda current, walk: any(part(current, walk) for part in parts)
        case Not(inner):
            negated = compile_condition(inner, compile_query)
            return lambda current, walk: not negated(current, walk)
        case Exists(query):
            find = compile_query(query)
            nothing: Found = MISSING if is_definite(query.steps) else []
            return lambda current, walk: find(current, walk) != nothing
        case Comparison():
            return _comparison(condition, compile_query)


def compile_operand(operand: Operand, compile_query: CompileQuery) -> Answer:
    """The value of one side of a comparison, or of an argument."""
    if isinstance(operand, Constant):
        value = operand.value
        return lambda current, walk: value
    if isinstance(operand, Pattern):
        raise SyntaxFault("a pattern stands on the right of '=~' only")
    return compile_query(operand)


def _comparison(comparison: Comparison, compile_query: CompileQuery) -> Predicate:
    left = compile_operand(comparison.left, compile_query)
    if isinstance(comparison.right, Pattern):
        matches = _compile_pattern(comparison.right)
        return _guarded(lambda value, _, walk: matches(value, walk), left, lambda current, walk: None)
    right = compile_operand(comparison.right, compile_query)
    return _guarded(_RELATIONS[comparison.operator], left, right)


def _guarded(relation: _Relation, left: Answer, right: Answer) -> Predicate:
    """The relation of two values, neither of which may be an opaque text."""

    def holds(current: Json, walk: Walk) -> bool:
        first, second = left(current, walk), right(current, walk)
        if walk.opaque is not None:
            walk.compares(first, second)
        return relation(first, second, walk)

    return holds


def _compile_pattern(pattern: Pattern) -> Callable[[Found, Walk], bool]:
    if not _FLAGS.issuperset(pattern.flags):
        raise SyntaxFault(f"the flags '{pattern.flags}' of a pattern are not known")
    options = re2.Options()
    options.log_errors = False
    prefix = f"(?{pattern.flags})" if pattern.flags else ""
    try:
        compiled = re2.compile(prefix + pattern.pattern, options)
    except (re2.error, UnicodeEncodeError):
        raise SyntaxFault(f"'{pattern.pattern}' is not a usable regular expression") from None

    def matches(value: Found, walk: Walk) -> bool:
        if isinstance(value, list):
            return any(matches(item, walk) for item in value if not isinstance(item, list))
        if value is MISSING or value is None or isinstance(value, dict):
            return False
        text = java_text(value)
        walk.pay(1 + len(text) // _CHARACTERS)
        return compiled.fullmatch(text) is not None

    return matches


def _equals(left: Found, right: Found, walk: Walk) -> bool:
    if left is MISSING or right is MISSING:
        return False
    if _is_number(left) and (_is_number(right) or isinstance(right, str)):
        number = _decimal(left)
        return number is not None and number == _decimal(right)
    if isinstance(left, str) and _is_number(right):
        return left == java_text(right)
    return equal(left, right, walk.pay)


def _equals_in_type(left: Found, right: Found, walk: Walk) -> bool:
    return _is_number(left) == _is_number(right) and _equals(left, right, walk)


def _decimal(value: Json) -> Decimal | None:
    try:
        return Decimal(value if isinstance(value, int) else str(value))
    except InvalidOperation:
        return None


def _is_number(value: Found) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _ordered(compare: Callable[[Decimal | str, Decimal | str], bool]) -> _Relation:
    """Numbers with numbers and strings with strings; nothing else has an order."""

    def relation(left: Found, right: Found, walk: Walk) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            return compare(left, right)
        if left is MISSING or right is MISSING or not (_is_number(left) and _is_number(right)):
            return False
        a, b = _decimal(left), _decimal(right)
        return a is not None and b is not None and compare(a, b)

    return relation


def _in(left: Found, right: Found, walk: Walk) -> bool:
    if not isinstance(right, list):
        return False
    walk.pay(len(right))
    return any(_equals(left, item, walk) for item in right)


def _contains(left: Found, right: Found, walk: Walk) -> bool:
    if isinstance(left, str):
        walk.pay(len(left) // _CHARACTERS)
        return isinstance(right, str) and right in left
    return _in(right, left, walk)


def _all(left: Found, right: Found, walk: Walk) -> bool:
    return isinstance(left, list) and isinstance(right, list) and all(_in(item, left, walk) for item in right)


def _any(left: Found, right: Found, walk: Walk) -> bool:
    return isinstance(left, list) and isinstance(right, list) and any(_in(item, left, walk) for item in right)


def _none(left: Found, right: Found, walk: Walk) -> bool:
    return isinstance(left, list) and isinstance(right, list) and not _any(left, right, walk)


def _size(left: Found, right: Found, walk: Walk) -> bool:
    return isinstance(left, str | list) and _equals(len(left), right, walk)


def _empty(left: Found, right: Found, walk: Walk) -> bool:
    return isinstance(left, str | list | dict) and (not left) is right


_RELATIONS: Mapping[str, _Relation] = MappingProxyType(
    {
        "==": _equals,
        "!=": lambda left, right, walk: not _equals(left, right, walk),
        "===": _equals_in_type,
        "!==": lambda left, right, walk: not _equals_in_type(left, right, walk),
        "<": _ordered(operator.lt),
        "<=": _ordered(operator.le),
        ">": _ordered(operator.gt),
        ">=": _ordered(operator.ge),
        "in": _in,
        "nin": lambda left, right, walk: not _in(left, right, walk),
        "contains": _contains,
        "all": _all,
        "size": _size,
        "empty": _empty,
        "subsetof": lambda left, right, walk: _all(right, left, walk),
        "anyof": _any,
        "noneof": _none,
    }
)
