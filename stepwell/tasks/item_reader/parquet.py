"""Parquet, through pyarrow, which is imported when the first such file is read.

Rules that must stay true here:
- A value that JSON does not have is its text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson

from stepwell.language.values import Json
from stepwell.tasks.item_reader.rows import Malformed

_ROWS = 500  # that are in memory at a time


def rows(path: Path, config: Mapping[str, Json], place: Json) -> Iterator[tuple[Json, Json]]:
    """See `Format`; a place is the number of a row."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise Malformed(
            "The package pyarrow is not installed, which reads Parquet: install stepwell[parquet]."
        ) from None
    begin = place if isinstance(place, int) else 0
    try:
        with ParquetFile(path) as file:
            number = 0
            for group in range(file.num_row_groups):
                size = file.metadata.row_group(group).num_rows
                if number + size <= begin:
                    number += size
                    continue
                for batch in file.iter_batches(_ROWS, row_groups=[group]):
                    for row in batch.to_pylist():
                        number += 1
                        if number > begin:
                            yield _json(row), number
    except (ArrowException, OSError) as error:
        raise Malformed(f"The Parquet file cannot be read: {error}") from None


def _json(row: object) -> Json:
    value: Json = orjson.loads(orjson.dumps(row, default=str))
    return value
