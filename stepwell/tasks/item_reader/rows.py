"""What every format is: rows of a file, each with the place behind it.

Rules that must stay true here:
- No file makes a reader hold more than one item of bounded size.
- A place is JSON and means the same in the next process: an offset in bytes, or the number of a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from stepwell.language.values import Json

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of one line, or of one element: far more than an execution takes as its input."""


class Malformed(Exception):
    """The file is not what it should be; the message is the cause that the user is told."""


def line_of(file: BinaryIO) -> bytes:
    """The next line; empty at the end. Raises Malformed where it is longer than any item may be."""
    line = file.readline(LARGEST + 1)
    if len(line) > LARGEST:
        raise Malformed(f"The line that begins at byte {file.tell() - len(line)} has more than {LARGEST:,} bytes.")
    return line


class Format(Protocol):
    def __call__(self, path: Path, config: Mapping[str, Json], place: Json) -> Iterator[tuple[Json, Json]]:
        """The items behind a place (None: all), each with the place behind it. Raises Malformed."""
        ...
