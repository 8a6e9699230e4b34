"""CSV: an object a row, with the headers of the first row or of the definition.

Rules that must stay true here:
- All values are strings. Fields beyond the headers are left out, missing ones are empty (recorded).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from stepwell.language.values import Json
from stepwell.tasks.item_reader.rows import LARGEST, Malformed, line_of

_DELIMITERS: Final = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
csv.field_size_limit(LARGEST)  # characters


def rows(path: Path, config: Mapping[str, Json], place: Json) -> Iterator[tuple[Json, Json]]:
    """See `Format`; a place is an offset in bytes."""
    delimiter = _DELIMITERS[str(config.get("CSVDelimiter") or "COMMA")]
    with path.open("rb") as file:
        given = config.get("CSVHeaders")
        if config.get("CSVHeaderLocation") == "GIVEN" and isinstance(given, list):
            headers = [str(header) for header in given]
        else:
            headers, _ = next(_records(file, delimiter), ([], 0))
        if len(set(headers)) < len(headers):
            raise Malformed("CSV headers cannot contain duplicates.")  # recorded
        if isinstance(place, int):
            file.seek(place)
        for record, offset in _records(file, delimiter):
            fields = record[: len(headers)] + [""] * (len(headers) - len(record))
            yield dict(zip(headers, fields, strict=True)), offset


def _records(file: BinaryIO, delimiter: str) -> Iterator[tuple[list[str], int]]:
    """The records from where the file stands, each with the offset behind it; the file stands there, too."""
    reader = csv.reader(_lines(file), delimiter=delimiter)
    try:
        for record in reader:
            if record:
                yield record, file.tell()
    except (csv.Error, UnicodeDecodeError) as error:
        raise Malformed(f"The CSV file cannot be read: {error}") from None


def _lines(file: BinaryIO) -> Iterator[str]:
    """One line after the other, never ahead of what was asked for."""
    while line := line_of(file):
        begins = file.tell() == len(line)
        yield line.decode("utf-8-sig" if begins else "utf-8")
