"""What becomes of executions whose time to be kept is over.

Rules that must stay true here:
- The time is over so many days after the end of the execution at the root of the tree, and not before.
- What has gone has left nothing: no table of the database has its key in any column.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.simulation.audit import Broken, Known
from tests.simulation.parties.party import Scene

_DAY: Final = 86_400_000  # milliseconds


class Retention:
    """`connection` gives one to the database as it is."""

    def __init__(self, scene: Scene, days: int, connection: Callable[[], sqlite3.Connection]) -> None:
        self._scene = scene
        self._days = days
        self._connection = connection
        self._gone: set[int] = set()
        scene.audit.may_go.append(self._is_over)

    def begin(self) -> None:
        """The server does it by itself."""

    @property
    def busy(self) -> bool:
        """Until all is gone."""
        return any(not known.gone for known in self._scene.audit.known.values())

    def _is_over(self, known: Known) -> bool:
        change = self._scene.audit.root(known).row.change
        if change.status == "RUNNING" or change.stop_date is None:
            return False
        return change.stop_date + self._days * _DAY <= self._scene.times.latest

    def look(self) -> None:
        there = {row[0] for row in self._connection().execute("SELECT key FROM progress")}
        new = [key for key, known in self._scene.audit.known.items() if key not in there and key not in self._gone]
        self._scene.audit.look(new)
        for key in new:
            self._gone.add(key)
            for table, column in self._columns():
                query = f'SELECT 1 FROM "{table}" WHERE "{column}" = ?'  # both from the schema
                if self._connection().execute(query, (key,)).fetchone() is not None:
                    raise Broken(f"{self._scene.audit.known[key].row.new.arn} is gone, and still in {table}.{column}")

    def _columns(self) -> list[tuple[str, str]]:
        """All columns that may hold a key of an execution."""
        query = """
        SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
        WHERE t.type = 'table' AND t.name <> 'jobs' AND c.type = 'INTEGER'
        """  # a job goes behind its execution
        return list(self._connection().execute(query).fetchall())

    def finish(self) -> Mapping[str, Any]:
        return {}
