"""A JSON value as `application/x-www-form-urlencoded` text.

Rules that must stay true here:
- Nested objects are named by brackets; how arrays are named is the task's choice (AWS Step Functions developer guide,
  "Apply URL-encoding on request body").
- A null is an empty text, and true and false are those words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias
from urllib.parse import quote_plus

from stepwell.language.values import Json, dumps

ArrayFormat: TypeAlias = Literal["INDICES", "REPEAT", "COMMAS", "BRACKETS", "NONE"]

ARRAY_FORMATS: Final = ("INDICES", "REPEAT", "COMMAS", "BRACKETS", "NONE")


def form_encoded(value: Json, arrays: ArrayFormat) -> str:
    """The text of an object. Raises ValueError for what is none, and for an array where `arrays` is NONE."""
    if not isinstance(value, dict):
        raise ValueError("only an object can be URL-encoded")
    pairs = [pair for name, member in value.items() for pair in _pairs(name, member, arrays)]
    return "&".join(f"{quote_plus(name, safe='[]')}={quote_plus(text, safe='')}" for name, text in pairs)


def _pairs(name: str, value: Json, arrays: ArrayFormat) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for inner, member in value.items():
            yield from _pairs(f"{name}[{inner}]", member, arrays)
    elif isinstance(value, list):
        yield from _items(name, value, arrays)
    else:
        yield name, text_of(value)


def _items(name: str, items: list[Json], arrays: ArrayFormat) -> Iterator[tuple[str, str]]:
    match arrays:
        case "COMMAS":
            yield name, ",".join(text_of(item) for item in items)
        case "NONE":
            raise ValueError(f"the array '{name}' cannot be URL-encoded where ArrayFormat is NONE")
        case "INDICES" | "BRACKETS" | "REPEAT":
            for index, item in enumerate(items):
                suffix = {"INDICES": f"[{index}]", "BRACKETS": "[]", "REPEAT": ""}[arrays]
                yield from _pairs(f"{name}{suffix}", item, arrays)


def text_of(value: Json) -> str:
    """A value as it stands in a header, a query or a form."""
    return value if isinstance(value, str) else "" if value is None else dumps(value)
