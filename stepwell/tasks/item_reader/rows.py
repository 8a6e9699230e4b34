"""What every format is: rows of a file, each with the place behind it.

Rules that must stay true here:
- A place is JSON and means the same in the next process: an offset in bytes, or the number of a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from stepwell.language.values import Json


class Malformed(Exception):
    """The file is not what it should be; the message is the cause that the user is told."""


class Format(Protocol):
    def __call__(self, path: Path, config: Mapping[str, Json], place: Json) -> Iterator[tuple[Json, Json]]:
        """The items behind a place (None: all), each with the place behind it. Raises Malformed."""
        ...
