"""Functions on arrays.

Rules that must stay true here:
- An array is never changed; every function gives a new one.
- Two items are the same when they are the same JSON (`equality`).
"""

from __future__ import annotations

import json

import orjson

from stepwell.language.equality import equal
from stepwell.language.intrinsics import arguments as take
from stepwell.language.intrinsics.call import Failure
from stepwell.language.scope import Randomness
from stepwell.language.values import Json

# The most items that States.ArrayRange gives (AWS, "Intrinsic functions").
LONGEST_RANGE = 1_000


def array(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.Array(a, b, …)`: the arguments as an array."""
    return arguments


def array_partition(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.ArrayPartition(array, size)`: parts of `size` items; the last may be shorter."""
    items, size = take.array(arguments, 1), take.rounded(arguments, 2)
    if size < 1:
        raise Failure("The chunk size must be a positive integer")
    return [items[start : start + size] for start in range(0, len(items), size)]


def array_contains(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.ArrayContains(array, value)`."""
    return any(equal(item, arguments[1]) for item in take.array(arguments, 1))


def array_range(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.ArrayRange(first, last, step)`: both ends included."""
    first, last, step = (take.rounded(arguments, position) for position in (1, 2, 3))
    if step == 0:
        raise Failure("The step must not be 0")
    numbers = range(first, last + (1 if step > 0 else -1), step)
    if (last - first) // step + 1 > LONGEST_RANGE:
        raise Failure(f"The range must have at most {LONGEST_RANGE} items")
    return list(numbers)


def array_get_item(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.ArrayGetItem(array, index)`: counted from 0."""
    items, index = take.array(arguments, 1), take.rounded(arguments, 2)
    if not 0 <= index < len(items):
        raise Failure(f"The index {index} is out of bounds for an array of length {len(items)}")
    return items[index]


def array_length(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.ArrayLength(array)`."""
    return len(take.array(arguments, 1))


def array_unique(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.ArrayUnique(array)`: the first of each, in order."""
    unique: dict[str | bytes, Json] = {}
    try:
        for item in take.array(arguments, 1):
            unique.setdefault(_sorted_text(item), item)
    except RecursionError:
        raise Failure("The array is nested too deeply") from None
    return list(unique.values())


def _sorted_text(item: Json) -> str | bytes:
    """Two are equal just where `equal` says so of the items: none has to be compared with each other one."""
    try:
        return orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # deep nesting, or what orjson cannot write: never equal to what it can
        return json.dumps(item, sort_keys=True)
