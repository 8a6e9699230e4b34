"""A database that an earlier version has made is written anew, and gives room back from then on."""

# ruff: noqa: ASYNC240  # these tests look at small files

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from stepwell.store.open import open_store
from stepwell.store.protocol import EventRecord, StoreBusy, StoreError, TurnRecord
from stepwell.store.sqlite.compact import compact
from stepwell.store.sqlite.examine import examine
from tests.store.samples import first_turn, succeeded


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def large(key: int) -> TurnRecord:
    events = EventRecord(1, 1, b"x" * 8192)
    return replace(first_turn(key), change=succeeded(2000, last_event_id=1), events=events)


async def make_old(path: Path) -> None:
    """A file that cannot give room back, most of which is free: one execution is left of two hundred."""
    store = await open_store(str(path))
    await store.commit([large(key) for key in range(1, 201)])
    await store.close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA auto_vacuum = NONE")
    connection.execute("VACUUM")
    connection.close()
    store = await open_store(str(path))
    await store.retention.delete(range(2, 201), 1_000_000)
    await store.close()


async def test_a_database_takes_what_its_rows_take_and_keeps_them(path: Path) -> None:
    await make_old(path)
    old = examine(path, 0)
    assert (old.gives_back, old.free > old.size / 2) == (False, True)
    before, after = compact(path)
    assert (before, after) == (old.size, path.stat().st_size)
    assert after < before / 2
    new = examine(path, 0)
    assert (new.gives_back, new.free, new.executions, new.findings) == (True, 0, {"SUCCEEDED": 1}, old.findings)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


async def test_what_a_crash_has_left_in_the_log_is_kept(path: Path, tmp_path: Path) -> None:
    store = await open_store(str(path))
    await store.commit([large(key) for key in range(1, 11)])
    crashed = tmp_path / "crashed" / path.name
    crashed.parent.mkdir()
    for file in (path, path.with_name(f"{path.name}-wal")):
        shutil.copy(file, crashed.parent)
    await store.close()
    compact(crashed)
    assert examine(crashed, 0).executions == {"SUCCEEDED": 10}


async def test_a_database_that_a_server_has_open_is_left_alone(path: Path) -> None:
    store = await open_store(str(path))
    await store.commit([large(1)])
    with pytest.raises(StoreBusy, match="open in another server"):
        compact(path)
    await store.commit([large(2)])
    await store.close()


def test_what_is_no_database_of_ours_is_left_alone(path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        compact(path)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (n INTEGER)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        compact(path)
    assert path.read_bytes() == before
