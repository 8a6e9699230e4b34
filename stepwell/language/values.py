"""JSON values and their text.

Rules that must stay true here:
- A value is never changed in place; who needs another one builds a new spine and shares the rest.
- Whole numbers of any size stay exact; `loads` and `dumps` are inverse for every value that JSON can carry.
- `dumps` writes the compact form that AWS writes in events: no blanks, keys in the order of the document.
"""

from __future__ import annotations

import json
import re
from typing import TypeAlias

import orjson

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

# Only a run of 19 or more digits can be a whole number that leaves 64 bits, which orjson would turn into a float.
_LONG_NUMBER = re.compile(r"\d{19}")
_LONG_NUMBER_BYTES = re.compile(rb"\d{19}")


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def loads(text: str | bytes) -> Json:
    """The value of a JSON text.

    Raises ValueError where the text is not JSON, is nested too deeply, or holds a lone surrogate.
    """
    long_number = _LONG_NUMBER.search(text) if isinstance(text, str) else _LONG_NUMBER_BYTES.search(text)
    if long_number is None:
        value: Json = orjson.loads(text)
        return value
    orjson.loads(text)  # the same strictness for every text
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def dumps(value: Json) -> str:
    """The compact text of a value."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a whole number beyond 64 bits, or text that UTF-8 cannot carry
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
