"""What the functions ask of their arguments.

Rules that must stay true here:
- Each check gives the value in its type or raises Failure with a sentence that names the position, counted from 1.
"""

from __future__ import annotations

import math

from stepwell.language.intrinsics.call import Failure
from stepwell.language.values import Json

# Texts that are hashed, encoded or decoded have at most this many characters (AWS, "Intrinsic functions").
LONGEST_TEXT = 10_000


def array(arguments: list[Json], position: int) -> list[Json]:
    """An array."""
    value = arguments[position - 1]
    if not isinstance(value, list):
        raise Failure(f"Argument {position} must be an array")
    return value


def string(arguments: list[Json], position: int) -> str:
    """A string."""
    value = arguments[position - 1]
    if not isinstance(value, str):
        raise Failure(f"Argument {position} must be a string")
    return value


def short_string(arguments: list[Json], position: int) -> str:
    """A string of at most LONGEST_TEXT characters."""
    value = string(arguments, position)
    if len(value) > LONGEST_TEXT:
        raise Failure(f"Argument {position} must have at most {LONGEST_TEXT} characters")
    return value


def rounded(arguments: list[Json], position: int) -> int:
    """A number, rounded to the nearest whole number; halves go up, also below zero."""
    value = arguments[position - 1]
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return math.floor(value + 0.5)
    raise Failure(f"Argument {position} must be a number")
