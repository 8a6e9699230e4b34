"""The log is moved into the database beside the commits, and stays bounded: under reads that never end, and beside
somebody who reads for long."""

# ruff: noqa: ASYNC240  # these tests look at small files

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from stepwell.store.open import open_store
from stepwell.store.protocol import Answer, StoreLost
from stepwell.store.sqlite import checkpoints
from stepwell.store.sqlite.files import open_files
from stepwell.store.sqlite.lane import AnyJob, Lane, Serve
from stepwell.store.sqlite.store import SqliteStore
from tests.store.samples import first_turn
from tests.store.test_compact import large

MIB = 1 << 20
WORTH = 100  # pages


class Held:
    """Checkpoints that begin only when they are let; everything else is as ever."""

    def __init__(self) -> None:
        self.asked, self.may_begin = Event(), Event()
        self.served = 0

    def queue(self, name: str, serve: Serve, most: int | None) -> Lane:
        return Lane(name, partial(self._wait, serve) if name.endswith("checkpoints") else serve, most)

    def _wait(self, serve: Serve, batch: Sequence[AnyJob]) -> None:
        self.asked.set()
        assert self.may_begin.wait(60)
        serve(batch)
        self.served += len(batch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def small(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything in small: checkpoints of 100 pages, a log of one MiB at most."""
    monkeypatch.setattr(checkpoints, "MOST", MIB)
    monkeypatch.setattr(SqliteStore.__init__, "__defaults__", (Lane, WORTH))
    return path


def log_of(path: Path) -> int:
    return path.with_name(f"{path.name}-wal").stat().st_size


async def fill(store: SqliteStore, first: int, last: int) -> None:
    for start in range(first, last, 20):
        await store.commit([large(key) for key in range(start, start + 20)])


async def test_no_commit_moves_anything_into_the_database(path: Path) -> None:
    held, opened = Held(), open_files(path)
    store = SqliteStore(opened, lambda: None, held.queue, WORTH)
    before = path.stat()
    await fill(store, 1, 601)
    assert held.asked.is_set()
    pages, moved = opened.anchor.log_pages
    assert pages > 10 * WORTH
    assert moved == 0, "a commit has moved pages"
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    held.may_begin.set()
    await store.close()
    assert held.served == 1
    assert path.stat().st_size > before.st_size


async def test_commits_are_answered_while_a_checkpoint_is_under_way(path: Path) -> None:
    held, opened = Held(), open_files(path)
    store = SqliteStore(opened, lambda: None, held.queue, WORTH)
    await fill(store, 1, 201)
    assert await asyncio.to_thread(held.asked.wait, 60)
    for key in range(1000, 1020):
        async with asyncio.timeout(60):
            assert list(await store.commit([first_turn(key)])) == [Answer.ACCEPTED]
    assert held.served == 0
    held.may_begin.set()
    await store.close()


async def test_what_a_checkpoint_has_moved_makes_room_in_the_log(small: Path) -> None:
    store = await open_store(str(small))
    assert isinstance(store, SqliteStore)
    most = 0
    for start in range(1, 1001, 20):
        await store.commit([large(key) for key in range(start, start + 20)])
        most = max(most, log_of(small))
        await idle(store)
    await store.close()
    assert small.stat().st_size > 8 * MIB
    assert most < MIB, "nobody reads and no commit waits: there is no need to come near the bound"


async def idle(store: SqliteStore) -> None:
    """Until no checkpoint is under way."""
    under_way = store._checkpoints._under_way
    if under_way is not None:
        async with asyncio.timeout(60):
            await asyncio.shield(under_way)


async def test_commits_and_reads_that_follow_each_other_without_end_do_not_let_the_log_grow(small: Path) -> None:
    store = await open_store(str(small))
    assert isinstance(store, SqliteStore)
    over = asyncio.Event()

    async def read() -> None:
        while not over.is_set():
            await store.list_executions(1, None, None, 200)

    readers = [asyncio.create_task(read()) for _ in range(4)]
    most = 0
    try:
        async with asyncio.timeout(60):
            for start in range(1, 1001, 20):
                await store.commit([large(key) for key in range(start, start + 20)])
                most = max(most, log_of(small))
    finally:
        over.set()
        await asyncio.gather(*readers)
        await store.close()
    assert small.stat().st_size > 8 * MIB
    assert most < 4 * MIB


async def test_commits_go_on_beside_somebody_who_reads_for_long(small: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = await open_store(str(small))
    assert isinstance(store, SqliteStore)
    await store.commit([large(1)])
    with closing(sqlite3.connect(small, isolation_level=None)) as other:
        other.execute("BEGIN")
        assert other.execute("SELECT count(*) FROM executions").fetchone() == (1,)
        async with asyncio.timeout(60):
            await fill(store, 2, 1002)
        await idle(store)
        assert log_of(small) > 5 * MIB, "what the other sees is kept for it"
        assert told(caplog) == ["has grown"]
        assert other.execute("SELECT count(*) FROM executions").fetchone() == (1,)
        other.execute("ROLLBACK")
    await fill(store, 2000, 2040)
    await idle(store)
    grown = log_of(small)
    async with asyncio.timeout(60):
        await fill(store, 3000, 4000)
    await idle(store)
    assert log_of(small) < grown + 2 * MIB, "it begins anew, in the room that it has"
    assert told(caplog) == ["has grown", "grows no more"]
    await store.close()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said of the log, in short."""
    lines = [record.getMessage() for record in caplog.records if record.name == "stepwell.store"]
    return [words for line in lines for words in ("has grown", "grows no more") if words in line]


async def test_nothing_is_moved_into_a_database_that_is_not_in_its_place(path: Path) -> None:
    held, opened = Held(), open_files(path)
    held.may_begin.set()
    store = SqliteStore(opened, lambda: None, held.queue, WORTH)
    await store.commit([first_turn(1)])
    path.rename(path.with_name("away.db"))
    for start in range(1, 401, 20):
        with pytest.raises(StoreLost):
            await store.commit([large(key) for key in range(start, start + 20)])
    assert not held.asked.is_set()
    await store.close()


async def test_who_hears_of_a_commit_only_when_the_store_is_closed_has_its_answer(tmp_path: Path) -> None:
    """The files are closed by then: nothing looks at the log any more."""
    files = open_files(tmp_path / "store.db")
    log = checkpoints.Checkpoints(files.checkpointer, files.path, files.anchor)
    log.look()
    await log.close()
    files.close()
    log.look()
