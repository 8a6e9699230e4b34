"""The comparators of a Choice rule: how a value at a path is tested.

Rules that must stay true here:
- A value of another type than the comparator's never matches; it is no error.
- Comparators know values only; where the values come from is `choice_rule`'s business.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from msgspec import Struct

from stepwell.language.timestamp import parse_nanoseconds
from stepwell.language.values import Json

Operand: TypeAlias = Literal["string", "number", "boolean", "timestamp", "path"]
Key: TypeAlias = "str | int | float | bool"
Order: TypeAlias = Callable[[Key, Key], bool]


def string_key(value: Json) -> Key | None:
    """A string as it is compared, by code points; None for all else."""
    return value if isinstance(value, str) else None


def number_key(value: Json) -> Key | None:
    """A number as it is compared; None for all else."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def boolean_key(value: Json) -> Key | None:
    """A boolean as it is compared; None for all else."""
    return value if isinstance(value, bool) else None


def timestamp_key(value: Json) -> Key | None:
    """A timestamp as it is compared: nanoseconds since 1970; None for all else."""
    if not isinstance(value, str):
        return None
    try:
        return parse_nanoseconds(value)
    except ValueError:
        return None


class Comparison(Struct, frozen=True):
    """`NumericLessThan` and its like: both sides go through `key`, then `order` decides."""

    operand: Operand
    key: Callable[[Json], Key | None]
    order: Order

    def holds(self, value: Json, other: Json) -> bool:
        """Whether the comparison is true of a value and the other side."""
        left, right = self.key(value), self.key(other)
        return left is not None and right is not None and self.order(left, right)


class Check(Struct, frozen=True):
    """`IsNull`, `IsString` and the other tests of a type: the operand says whether the test is to hold."""

    is_kind: Callable[[Json], bool]
    operand: Operand = "boolean"

    def holds(self, value: Json, other: Json) -> bool:
        """Whether the value is of the kind, or is not, as `other` asks."""
        return self.is_kind(value) is other


class Presence(Struct, frozen=True):
    """`IsPresent`: the only test of a path that may lead nowhere."""

    operand: Operand = "boolean"


class Matching(Struct, frozen=True):
    """`StringMatches`: `*` stands for any text, `\\*` for an asterisk, `\\\\` for a backslash."""

    operand: Operand = "string"


Comparator: TypeAlias = Comparison | Check | Presence | Matching

_KEYS: Mapping[str, tuple[Operand, Callable[[Json], Key | None]]] = {
    "String": ("string", string_key),
    "Numeric": ("number", number_key),
    "Timestamp": ("timestamp", timestamp_key),
}
_ORDERS: Mapping[str, Order] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}


def _all_comparators() -> dict[str, Comparator]:
    comparators: dict[str, Comparator] = {
        "BooleanEquals": Comparison("boolean", boolean_key, operator.eq),
        "BooleanEqualsPath": Comparison("path", boolean_key, operator.eq),
        "StringMatches": Matching(),
        "IsPresent": Presence(),
        "IsNull": Check(lambda value: value is None),
        "IsString": Check(lambda value: string_key(value) is not None),
        "IsNumeric": Check(lambda value: number_key(value) is not None),
        "IsBoolean": Check(lambda value: boolean_key(value) is not None),
        "IsTimestamp": Check(lambda value: timestamp_key(value) is not None),
    }
    for kind, (operand, key) in _KEYS.items():
        for relation, order in _ORDERS.items():
            comparators[kind + relation] = Comparison(operand, key, order)
            comparators[f"{kind}{relation}Path"] = Comparison("path", key, order)
    return comparators


# Name -> comparator; `operand` says what the definition must give it.
COMPARATORS: Mapping[str, Comparator] = MappingProxyType(_all_comparators())
