"""A disk that is full refuses a commit as a whole, harms nothing, and is written to again once there is space."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from stepwell.store.open import open_store
from stepwell.store.protocol import Answer, Store, StoreFull, TurnRecord
from stepwell.store.sqlite.files import open_files
from stepwell.store.sqlite.store import SqliteStore
from tests.store.samples import first_turn, machine, running


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file of this process can grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def large(key: int) -> TurnRecord:
    return replace(first_turn(key), payloads={b"hash": "x" * 1_000_000}, frames={"": b"frame"})


async def check_untouched(store: Store, key: int) -> None:
    assert await store.load_execution(key) is None
    assert list(await store.history(key, 1, 10, False)) == []
    assert await store.payloads(key, [b"hash"]) == {}


async def test_a_commit_that_does_not_fit_has_not_happened(tmp_path: Path) -> None:
    store = await open_store(str(tmp_path / "store.db"))
    await store.commit([first_turn(1)])
    with files_of_at_most(600_000):
        with pytest.raises(StoreFull, match=r"store\.db"):
            await store.commit([TurnRecord(key=1, version=2, change=running(7)), large(2)])
        kept = await store.load_execution(1)
    assert kept is not None
    assert (kept.row.version, kept.row.change.last_event_id) == (1, 1)
    await check_untouched(store, 2)
    await store.close()


async def test_every_call_of_the_group_is_told(tmp_path: Path) -> None:
    store = await open_store(str(tmp_path / "store.db"))
    with files_of_at_most(600_000):
        outcomes = await asyncio.gather(
            *[store.commit([large(key)]) for key in range(1, 5)],
            store.create_machine(replace(machine("Orders"), configuration="x" * 1_000_000), "d", {}),
            return_exceptions=True,
        )
    assert [type(outcome) for outcome in outcomes] == [StoreFull] * 5
    for key in range(1, 5):
        await check_untouched(store, key)
    assert await store.find_machine(machine("Orders").arn) is None
    await store.close()


async def test_commits_work_again_once_there_is_space(tmp_path: Path) -> None:
    store = await open_store(str(tmp_path / "store.db"))
    with files_of_at_most(600_000), pytest.raises(StoreFull):
        await store.commit([large(1)])
    assert list(await store.commit([large(1)])) == [Answer.ACCEPTED]
    await store.close()
    store = await open_store(str(tmp_path / "store.db"))
    assert await store.payloads(1, [b"hash"]) == {b"hash": "x" * 1_000_000}
    await store.close()


async def test_a_database_that_may_not_grow_is_full(tmp_path: Path) -> None:
    opened = open_files(tmp_path / "store.db")
    opened.writer.execute("PRAGMA max_page_count = 100")
    store = SqliteStore(opened, lambda: None)
    await store.commit([first_turn(1)])
    with pytest.raises(StoreFull, match=r"store\.db: the disk is full.*free some space"):
        await store.commit([large(2)])
    await check_untouched(store, 2)
    assert list(await store.commit([first_turn(3)])) == [Answer.ACCEPTED]
    await store.close()


async def test_a_store_that_does_not_fit_is_not_left_half_made(tmp_path: Path) -> None:
    with files_of_at_most(16_000), pytest.raises(StoreFull):
        await open_store(str(tmp_path / "store.db"))
    assert os.listdir(tmp_path) == []
    await (await open_store(str(tmp_path / "store.db"))).close()
