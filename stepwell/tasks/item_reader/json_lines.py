"""JSON Lines: an item a line.

Rules that must stay true here:
- A line that is blank is no item.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from stepwell.language.values import Json, loads
from stepwell.tasks.item_reader.rows import Malformed, line_of


def rows(path: Path, config: Mapping[str, Json], place: Json) -> Iterator[tuple[Json, Json]]:
    """See `Format`; a place is an offset in bytes."""
    with path.open("rb") as file:
        if isinstance(place, int):
            file.seek(place)
        while line := line_of(file):
            if not line.strip():
                continue
            try:
                value = loads(line)
            except ValueError:
                raise Malformed(f"The line that ends at byte {file.tell()} is not JSON.") from None
            yield value, file.tell()
