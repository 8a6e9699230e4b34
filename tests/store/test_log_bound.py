"""The write-ahead log stays bounded, under reads that never end and beside somebody who reads for long."""

# ruff: noqa: ASYNC240  # these tests look at small files

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stepwell.store.open import open_store
from stepwell.store.sqlite import log_bound
from tests.store.test_compact import large

MIB = 1 << 20


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(log_bound, "MOST", MIB)
    return tmp_path / "store.db"


def log_of(path: Path) -> int:
    return path.with_name(f"{path.name}-wal").stat().st_size


async def test_reads_that_follow_each_other_without_end_do_not_let_the_log_grow(path: Path) -> None:
    store = await open_store(str(path))
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
                most = max(most, log_of(path))
    finally:
        over.set()
        await asyncio.gather(*readers)
        await store.close()
    assert path.stat().st_size > 8 * MIB
    assert most < 3 * MIB


async def test_commits_go_on_beside_somebody_who_reads_for_long(path: Path) -> None:
    store = await open_store(str(path))
    await store.commit([large(1)])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        assert other.execute("SELECT count(*) FROM executions").fetchone() == (1,)
        async with asyncio.timeout(60):
            for start in range(2, 602, 20):
                await store.commit([large(key) for key in range(start, start + 20)])
        assert log_of(path) > 3 * MIB, "what the other sees is kept for it"
        assert other.execute("SELECT count(*) FROM executions").fetchone() == (1,)
        other.execute("ROLLBACK")
    grown = log_of(path)
    for start in range(1000, 1600, 20):
        await store.commit([large(key) for key in range(start, start + 20)])
    assert log_of(path) < grown + 2 * MIB, "it begins anew, in the room that it has"
    await store.close()
