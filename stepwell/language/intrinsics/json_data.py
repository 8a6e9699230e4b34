"""Functions between JSON and its text, and the merge of two objects.

Rules that must stay true here:
- A merge is shallow, as it is on AWS; the second object wins.
"""

from __future__ import annotations

from stepwell.language.intrinsics import arguments as take
from stepwell.language.intrinsics.call import Failure
from stepwell.language.java_text import in_hash_map_order
from stepwell.language.scope import Randomness
from stepwell.language.values import Json, dumps, loads


def string_to_json(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.StringToJson(text)`."""
    try:
        return loads(take.string(arguments, 1))
    except ValueError:
        raise Failure("The string is not valid JSON") from None


def json_to_string(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.JsonToString(value)`: the compact text."""
    return dumps(arguments[0])


def json_merge(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.JsonMerge(object, object, false)`: the members come in the order of a Java hash table, as on AWS."""
    first, second, deep = arguments
    if not isinstance(first, dict) or not isinstance(second, dict):
        raise Failure("Arguments 1 and 2 must be objects")
    if deep is not False:
        raise Failure("Only a shallow merge is supported: argument 3 must be false")
    return in_hash_map_order({**first, **second})
