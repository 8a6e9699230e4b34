"""When two JSON values are equal.

Rules that must stay true here:
- Types count: `true` is not 1, and 1 is not 1.0, as in the Java library behind AWS. The order of members does not.
- The depth of a value is no depth of calls.
"""

from __future__ import annotations

from collections.abc import Callable

from stepwell.language.values import Json


def _free(count: int) -> None:
    """Counts nothing."""


def equal(left: Json, right: Json, pay: Callable[[int], None] = _free) -> bool:
    """Whether two values are the same JSON. `pay` is told of every container that is looked into, with its size."""
    pairs = [(left, right)]
    while pairs:
        a, b = pairs.pop()
        if a.__class__ is not b.__class__:
            return False
        if isinstance(a, dict) and isinstance(b, dict):
            if a.keys() != b.keys():
                return False
            pay(len(a))
            pairs.extend((value, b[key]) for key, value in a.items())
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                return False
            pay(len(a))
            pairs.extend(zip(a, b, strict=True))
        elif a != b:
            return False
    return True
