"""When two JSON values are equal.

Rules that must stay true here:
- Types count: `true` is not 1, and 1 is not 1.0, as in the Java library behind AWS. The order of members does not.
- The depth of a value is no depth of calls.
"""

from __future__ import annotations

from stepwell.language.values import Json


def equal(left: Json, right: Json) -> bool:
    """Whether two values are the same JSON."""
    pairs = [(left, right)]
    while pairs:
        a, b = pairs.pop()
        if a.__class__ is not b.__class__:
            return False
        if isinstance(a, dict) and isinstance(b, dict):
            if a.keys() != b.keys():
                return False
            pairs.extend((value, b[key]) for key, value in a.items())
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                return False
            pairs.extend(zip(a, b, strict=True))
        elif a != b:
            return False
    return True
