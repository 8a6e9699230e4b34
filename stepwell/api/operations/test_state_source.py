"""What an ItemReader makes of the data that a test gives it, as found in its original source.

Rules that must stay true here:
- The form of the data is said by the ReaderConfig (AWS developer guide, "ItemReader"); without one it is JSON.
- A row of a CSV file is an object of texts.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Final

from stepwell.language.values import Json, loads

_DELIMITERS: Final[Mapping[Json, str]] = {"PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}


def read_source(text: str, options: Mapping[str, Json]) -> Json:
    """The value in the data. Raises ValueError where the data is not of the form that the ReaderConfig says."""
    match options.get("InputType"):
        case "CSV":
            return _read_csv(text, options)
        case "JSONL":
            return [loads(line) for line in text.splitlines() if line.strip()]
    return loads(text)


def _read_csv(text: str, options: Mapping[str, Json]) -> Json:
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=_delimiter(options)) if row]
    given = options.get("CSVHeaders")
    if options.get("CSVHeaderLocation") == "GIVEN" and isinstance(given, list):
        names = [str(name) for name in given]
    else:
        names, rows = (rows[0], rows[1:]) if rows else ([], [])
    return [dict(zip(names, row, strict=False)) for row in rows]


def _delimiter(options: Mapping[str, Json]) -> str:
    return _DELIMITERS.get(options.get("CSVDelimiter"), ",")
