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
import re2

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

# Only a run of 19 or more digits can be a whole number that leaves 64 bits, which orjson would turn into a float. `re`
# is quicker with a short text, re2 ten times as quick with a long one: 256 KiB would hold the event loop for 10 ms.
_LONG_NUMBER = "[0-9]{19}"
_IN_SHORT = re.compile(_LONG_NUMBER)
_IN_SHORT_BYTES = re.compile(_LONG_NUMBER.encode())
_IN_LONG = re2.compile(_LONG_NUMBER)
_IN_LONG_BYTES = re2.compile(_LONG_NUMBER.encode())
_SHORT = 200  # characters


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def loads(text: str | bytes) -> Json:
    """The value of a JSON text.

    Raises ValueError where the text is not JSON, is nested too deeply, or holds a lone surrogate.
    """
    if not _has_long_number(text):
        value: Json = orjson.loads(text)
        return value
    orjson.loads(text)  # the same strictness for every text
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _has_long_number(text: str | bytes) -> bool:
    if isinstance(text, str):
        return (_IN_SHORT if len(text) < _SHORT else _IN_LONG).search(text) is not None
    return (_IN_SHORT_BYTES if len(text) < _SHORT else _IN_LONG_BYTES).search(text) is not None


def dumps(value: Json) -> str:
    """The compact text of a value."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a whole number beyond 64 bits, or text that UTF-8 cannot carry
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
