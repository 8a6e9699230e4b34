"""The local `catalog` table.

Rules that must stay true here:
- A row is created once per name; creating it again gives the row that is there.
- A connection lives for one call, so any process may use the file at any time.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

_SCHEMA = """
CREATE TABLE IF NOT EXISTS catalog (
    catalog_id        TEXT PRIMARY KEY,
    catalog_name      TEXT NOT NULL UNIQUE,
    knowledge_base_id TEXT,
    data_source_id    TEXT,
    created_at        TEXT NOT NULL,
    updated_at        TEXT NOT NULL
)
"""


class CatalogRow(TypedDict):
    """A row; the ids are None until the vendor has built the catalog. Times are ISO 8601 in UTC."""

    catalog_id: str
    catalog_name: str
    knowledge_base_id: str | None
    data_source_id: str | None
    created_at: str
    updated_at: str


class CatalogNotFound(Exception):
    """There is no row with this id."""


def create_catalog(path: Path, name: str) -> CatalogRow:
    """The row named `name`, created when there is none."""
    with _connection(path) as database:
        database.execute(
            "INSERT INTO catalog VALUES (?, ?, NULL, NULL, ?, ?) ON CONFLICT (catalog_name) DO NOTHING",
            (str(uuid.uuid4()), name, _now(), _now()),
        )
        row = database.execute("SELECT * FROM catalog WHERE catalog_name = ?", (name,)).fetchone()
        return _row(row)


def find_catalog(path: Path, name: str) -> CatalogRow | None:
    """The row named `name`."""
    with _connection(path) as database:
        row = database.execute("SELECT * FROM catalog WHERE catalog_name = ?", (name,)).fetchone()
        return None if row is None else _row(row)


def record_ids(path: Path, catalog_id: str, knowledge_base_id: str, data_source_id: str) -> CatalogRow:
    """Write what the vendor has built into the row. May run twice. Raises CatalogNotFound, sqlite3.Error."""
    with _connection(path) as database:
        row = database.execute(
            "UPDATE catalog SET knowledge_base_id = ?, data_source_id = ?, updated_at = ? WHERE catalog_id = ?"
            " RETURNING *",
            (knowledge_base_id, data_source_id, _now(), catalog_id),
        ).fetchone()
        if row is None:
            raise CatalogNotFound(f"there is no catalog {catalog_id}")
        return _row(row)


@contextmanager
def _connection(path: Path) -> Iterator[sqlite3.Connection]:
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path)
    try:
        database.row_factory = sqlite3.Row
        database.execute(_SCHEMA)
        with database:  # commits, or rolls back when something is raised
            yield database
    finally:
        database.close()


def _row(row: sqlite3.Row) -> CatalogRow:
    return CatalogRow(
        catalog_id=row["catalog_id"],
        catalog_name=row["catalog_name"],
        knowledge_base_id=row["knowledge_base_id"],
        data_source_id=row["data_source_id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
