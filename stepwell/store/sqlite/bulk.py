"""Statements over many rows at a time.

Rules that must stay true here:
- One execution of a statement carries up to 256 rows. Each execution hands the interpreter's lock over, and may have to
  wait for it while the event loop is busy; `executemany` does so for every row, and the same group takes many times as
  long under load.
- Statements come in few sizes (powers of two), so that each stays prepared. What a size has too many is filled with
  rows of NULL, which the statement must let fall.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

Value = int | float | str | bytes | None
Row = tuple[Value, ...]

_MOST = 256  # rows; times the widest row, this stays below the smallest limit on parameters in use (32,766)


class Bulk:
    """A statement whose `{rows}` stands for the rows of a VALUES clause of `width` columns (column1, column2, ...)."""

    __slots__ = ("_texts", "_width")

    def __init__(self, width: int, sql: str) -> None:
        one = "(" + ",".join("?" * width) + ")"
        self._width = width
        self._texts = [sql.replace("{rows}", ",".join([one] * (1 << power))) for power in range(_MOST.bit_length())]

    def text(self, rows: int) -> str:
        """The statement that serves as many rows."""
        return self._texts[_power(rows)]

    def write(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
        """Carry the statement out for all rows, in order."""
        for _ in self._executions(connection, rows):
            pass

    def read(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> list[Any]:
        """The results for all rows."""
        return [found for cursor in self._executions(connection, rows) for found in cursor]

    def _executions(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> Iterator[sqlite3.Cursor]:
        for start in range(0, len(rows), _MOST):
            part = rows[start : start + _MOST] if len(rows) > _MOST else rows
            parameters = list(chain.from_iterable(part))
            parameters += [None] * (((1 << _power(len(part))) - len(part)) * self._width)
            yield connection.execute(self.text(len(part)), parameters)


def _power(rows: int) -> int:
    return (rows - 1).bit_length()


def below(prefix: str) -> tuple[str, str]:
    """The range [low, high) of the texts that begin with `prefix`."""
    if not prefix:
        return "", "\U0010ffff"
    return prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)
