"""The traces of executions: queries and writes, inside of a transaction that others have begun.

Rules that must stay true here:
- An execution without a trace has no row, and costs one look by its key when it is read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence


def write(connection: sqlite3.Connection, rows: Sequence[tuple[int, str]]) -> None:
    """Write the traces of new executions, and of jobs that are to become executions: pairs of a key and a trace."""
    connection.executemany("INSERT OR REPLACE INTO traces (execution, trace) VALUES (?, ?)", rows)


def of(connection: sqlite3.Connection, execution: int) -> str | None:
    row = connection.execute("SELECT trace FROM traces WHERE execution = ?", (execution,)).fetchone()
    return None if row is None else str(row[0])


def delete(connection: sqlite3.Connection, execution: int) -> None:
    connection.execute("DELETE FROM traces WHERE execution = ?", (execution,))
