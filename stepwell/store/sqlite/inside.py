"""What is in the rows of a database, and whether its tables are those that Stepwell makes: for `stepwell doctor`.

Rules that must stay true here:
- Every row is read, none is kept: memory does not grow with the database.
- A finding names the first execution that it concerns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing

from stepwell.store.contents import Content
from stepwell.store.sqlite.schema import migrations

_MADE = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' AND sql IS NOT NULL"


def schema_findings(connection: sqlite3.Connection, version: int) -> list[str]:
    """What differs between the tables and indexes of a database and those that its version of the schema has."""
    with closing(sqlite3.connect(":memory:")) as model:
        model.executescript("\n".join(migrations()[:version]))
        wanted = _made(model)
    there = _made(connection)
    found = []
    for made, sql in wanted.items():
        if made not in there:
            found.append(f"the {' '.join(made)} is missing")
        elif there[made] != sql:
            found.append(f"the {' '.join(made)} is not as Stepwell makes it")
    return found


def content_findings(connection: sqlite3.Connection, contents: Sequence[Content]) -> Iterator[str]:
    """What is wrong with the contents of rows."""
    for content in contents:
        damaged, without = 0, 0
        first_damaged = first_without = None
        for owner, *values in connection.execute(_query(content)):
            try:
                wanted = content.check(*values)
            except Exception:  # whatever the damage makes of it
                damaged += 1
                first_damaged = owner if first_damaged is None else first_damaged
                continue
            if any(not _has(connection, owner, name) for name in wanted):
                without += 1
                first_without = owner if first_without is None else first_without
        if damaged:
            yield f"{damaged} {content.name} are damaged{_of(connection, first_damaged)}"
        if without:
            yield f"{without} {content.name} refer to texts that are missing{_of(connection, first_without)}"


def _made(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    return {(kind, name): " ".join(sql.split()) for kind, name, sql in connection.execute(_MADE)}


def _query(content: Content) -> str:
    """Texts as their bytes: they may be no texts any more."""
    columns = (f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END" for name in content.columns)
    return f"SELECT {', '.join((content.owner or 'NULL', *columns))} FROM {content.table}"  # noqa: S608 - constants


def _has(connection: sqlite3.Connection, execution: int, name: bytes) -> bool:
    query = "SELECT 1 FROM payloads WHERE execution = ? AND hash = ?"
    return connection.execute(query, (execution, name)).fetchone() is not None


def _of(connection: sqlite3.Connection, execution: int | None) -> str:
    if execution is None:
        return ""
    row = connection.execute("SELECT CAST(arn AS BLOB) FROM executions WHERE key = ?", (execution,)).fetchone()
    return "" if row is None else f", the first of {row[0].decode('utf-8', 'replace')}"
