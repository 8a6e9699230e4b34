"""The catalogue of intrinsic functions.

Rules that must stay true here:
- Every function of the States Language is here once, under the name that follows `States.`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from stepwell.language.intrinsics.array import (
    array,
    array_contains,
    array_get_item,
    array_length,
    array_partition,
    array_range,
    array_unique,
)
from stepwell.language.intrinsics.call import Body
from stepwell.language.intrinsics.encoding import base64_decode, base64_encode
from stepwell.language.intrinsics.generic import format_text
from stepwell.language.intrinsics.hash import hash_of
from stepwell.language.intrinsics.json_data import json_merge, json_to_string, string_to_json
from stepwell.language.intrinsics.math import math_add, math_random
from stepwell.language.intrinsics.string import string_split
from stepwell.language.intrinsics.unique_id import uuid


class Function(Struct, frozen=True):
    """A function and how many arguments it takes; `most` is None where there is no limit. `looks` says that the result
    follows from what stands in the arguments' texts, and not from the texts as a whole."""

    body: Body
    least: int
    most: int | None
    looks: bool = False


FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        "Array": Function(array, 0, None),
        "ArrayContains": Function(array_contains, 2, 2, looks=True),
        "ArrayGetItem": Function(array_get_item, 2, 2),
        "ArrayLength": Function(array_length, 1, 1),
        "ArrayPartition": Function(array_partition, 2, 2),
        "ArrayRange": Function(array_range, 3, 3),
        "ArrayUnique": Function(array_unique, 1, 1, looks=True),
        "Base64Decode": Function(base64_decode, 1, 1, looks=True),
        "Base64Encode": Function(base64_encode, 1, 1, looks=True),
        "Format": Function(format_text, 1, None),
        "Hash": Function(hash_of, 2, 2, looks=True),
        "JsonMerge": Function(json_merge, 3, 3),
        "JsonToString": Function(json_to_string, 1, 1),
        "MathAdd": Function(math_add, 2, 2),
        "MathRandom": Function(math_random, 2, 3),
        "StringSplit": Function(string_split, 2, 2, looks=True),
        "StringToJson": Function(string_to_json, 1, 1, looks=True),
        "UUID": Function(uuid, 0, 0),
    }
)
