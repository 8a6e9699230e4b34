"""Letting go of the past: in pieces, without looking at anything twice, and with the room given back to the disk."""

# ruff: noqa: ASYNC240  # these tests look at small files

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from stepwell.store.open import open_store
from stepwell.store.protocol import Answer, EventRecord, ExecutionChange, Store, TurnRecord
from stepwell.store.retention import SweepPosition
from tests.store.samples import first_turn, succeeded

KiB = 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    store = await open_store(str(path))
    yield store
    await store.close()


def failed(key: int, stop_date: int, machine_id: int = 1) -> TurnRecord:
    """The only turn of an execution that could be redriven."""
    change = ExecutionChange(status="FAILED", last_event_id=1, stop_date=stop_date)
    return replace(first_turn(key, machine_id=machine_id), change=change, frames={"": b"frame"})


def large(key: int) -> TurnRecord:
    """The only turn of an execution that takes about 8 KiB."""
    events = EventRecord(1, 1, b"x" * 8 * KiB)
    return replace(first_turn(key), change=succeeded(2000, last_event_id=1), events=events)


async def test_small_executions_go_many_at_a_time(store: Store) -> None:
    await store.commit([replace(first_turn(key), change=succeeded(2000)) for key in range(1, 101)])
    roots = await store.retention.ended(3000, 1000)
    assert await store.retention.delete(roots, 100) == 50, "an execution of one event is two rows of a piece"
    assert await store.retention.delete(roots[50:], 1000) == 50
    assert await store.retention.ended(3000, 1000) == []


async def test_what_was_redriven_after_it_was_found_to_be_due_stays(store: Store) -> None:
    await store.commit([failed(1, stop_date=2000), failed(2, stop_date=2000)])
    roots = await store.retention.ended(3000, 1000)
    running = ExecutionChange(status="RUNNING", last_event_id=2, redrive_count=1, redrive_date=3000)
    await store.commit([TurnRecord(key=1, version=2, change=running)])
    assert await store.retention.delete(roots, 1000) == 2
    assert await store.load_execution(1) is not None
    assert await store.load_execution(2) is None


async def test_what_is_gone_in_part_is_gone_for_all_but_the_sweep(store: Store) -> None:
    born = failed(1, stop_date=2000)
    await store.commit([replace(born, payloads={bytes([n]): "text" for n in range(10)})])
    assert await store.retention.delete([1], 3) == 0
    assert born.new is not None
    assert await store.find_execution(born.new.arn) is None
    assert await store.load_execution(1) is None
    redriven = ExecutionChange(status="RUNNING", last_event_id=2, redrive_count=1, redrive_date=3000)
    assert await store.commit([TurnRecord(key=1, version=2, change=redriven)]) == [Answer.STALE]
    assert await store.retention.ended(3000, 1000) == [1]
    assert await store.retention.delete([1], 1000) == 1
    assert await store.retention.ended(3000, 1000) == []


async def test_a_sweep_for_frames_goes_on_where_it_has_stopped(store: Store) -> None:
    turns = [failed(key, stop_date=key, machine_id=1 + key % 3) for key in range(1, 31)]
    await store.commit([*turns, replace(failed(31, 5), frames={}), first_turn(32), failed(33, stop_date=99)])
    found: list[int] = []
    position: SweepPosition | None = None
    looks = 0
    while looks == 0 or position is not None:
        keys, position = await store.retention.resumable(3, 50, position, 4)
        found += keys
        looks += 1
    assert sorted(found) == list(range(3, 31)), "each once; none that is too old or too new, or has no frames"
    assert looks < 15


async def test_what_is_removed_gives_its_room_back_while_the_store_is_open(path: Path, store: Store) -> None:
    for start in range(1, 4001, 500):
        await store.commit([large(key) for key in range(start, start + 500)])
    full = _pages(path)
    roots = await store.retention.ended(3000, 5000)
    await store.retention.delete(roots, 1_000_000)
    assert _pages(path) == full
    steps = 1
    while await store.retention.give_back(256):
        steps += 1
        await store.commit([first_turn(10_000 + steps)])
    assert _pages(path) < full / 10
    assert steps > 20, "in small steps: other commits come between them"
    await store.close()
    assert path.stat().st_size < full / 10 * 4 * KiB
    again = await open_store(str(path))
    assert len(await again.running_executions(0, 1000)) == steps - 1
    await again.close()


async def test_room_for_what_comes_next_stays(path: Path, store: Store) -> None:
    await store.commit([large(key) for key in range(1, 201)])
    await store.retention.delete(range(1, 11), 1_000_000)
    before = _pages(path)
    assert not await store.retention.give_back(256)
    assert _pages(path) == before


async def test_a_file_of_an_earlier_version_keeps_its_room(path: Path, store: Store) -> None:
    await store.commit([large(key) for key in range(1, 201)])
    await store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA auto_vacuum = NONE")
        connection.execute("VACUUM")
    connection.close()
    old = await open_store(str(path))
    await old.retention.delete(range(1, 201), 1_000_000)
    assert not await old.retention.give_back(256)
    await old.close()


def _pages(path: Path) -> int:
    """How many pages the database has, in the log or in the file."""
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("PRAGMA page_count").fetchone()[0])
    finally:
        connection.close()
