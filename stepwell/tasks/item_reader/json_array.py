"""JSON: the elements of an array, or of the one that ItemsPointer leads to.

Rules that must stay true here:
- The file is looked at through memory that the operating system pages in and out; one element at a time is parsed.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from stepwell.language.values import Json, loads
from stepwell.tasks.item_reader.rows import LARGEST, Malformed

_NO_ARRAY: Final = "Attempting to map over non-iterable node."  # recorded
_NO_JSON: Final = "The file is not well-formed JSON."
_BLANKS: Final = re.compile(rb"[ \t\r\n]*")
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_SCALAR: Final = re.compile(rb"[^ \t\r\n,\]}]+")
_MARK: Final = b"\xef\xbb\xbf"

_Text: TypeAlias = "mmap.mmap | bytes"


def rows(path: Path, config: Mapping[str, Json], place: Json) -> Iterator[tuple[Json, Json]]:
    """See `Format`; a place is an offset in bytes, behind the comma that follows an item."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise Malformed(_NO_JSON)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            yield from _elements(text, config, place)


def _elements(text: _Text, config: Mapping[str, Json], place: Json) -> Iterator[tuple[Json, Json]]:
    if isinstance(place, int):
        at = place
    else:
        at = _find(text, str(config.get("ItemsPointer") or ""))
        if text[at : at + 1] != b"[":
            raise Malformed(_NO_ARRAY)
        at = _skip(text, at + 1)
    while text[at : at + 1] != b"]":
        end = _end(text, at)
        if end - at > LARGEST:
            raise Malformed(f"The element that begins at byte {at} has more than {LARGEST:,} bytes.")
        try:
            value = loads(text[at:end])
        except ValueError:
            raise Malformed(_NO_JSON) from None
        at = _skip(text, end)
        if text[at : at + 1] == b",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != b"]":
            raise Malformed(_NO_JSON)
        yield value, at


def _find(text: _Text, pointer: str) -> int:
    """Where the value that a JSON pointer leads to begins."""
    at = _skip(text, len(_MARK) if text[: len(_MARK)] == _MARK else 0)
    for name in pointer.split("/")[1:]:
        at = _member(text, at, name.replace("~1", "/").replace("~0", "~"))
    return at


def _member(text: _Text, at: int, name: str) -> int:
    opening = text[at : at + 1]
    if opening not in (b"{", b"["):
        raise Malformed(_NO_ARRAY)
    at, index = _skip(text, at + 1), 0
    while text[at : at + 1] not in (b"}", b"]", b""):
        key = str(index)
        if opening == b"{":
            end = _end(text, at)
            key = _name(text[at:end])
            at = _skip(text, _skip(text, end) + 1)  # the colon
        if key == name:
            return at
        at = _skip(text, _end(text, at))
        if text[at : at + 1] == b",":
            at = _skip(text, at + 1)
        index += 1
    raise Malformed(_NO_ARRAY)


def _name(text: bytes) -> str:
    try:
        return str(loads(text))
    except ValueError:
        raise Malformed(_NO_JSON) from None


def _skip(text: _Text, at: int) -> int:
    found = _BLANKS.match(text, at)
    return at if found is None else found.end()


def _end(text: _Text, at: int) -> int:
    """Where the value that begins here ends."""
    first = text[at : at + 1]
    if first not in (b"[", b"{"):
        found = (_STRING if first == b'"' else _SCALAR).match(text, at)
        if found is None:
            raise Malformed(_NO_JSON)
        return found.end()
    depth = 0
    for token in _TOKEN.finditer(text, at):
        mark = token[0]
        if mark in (b"[", b"{"):
            depth += 1
        elif mark in (b"]", b"}"):
            depth -= 1
            if not depth:
                return token.end()
    raise Malformed(_NO_JSON)
