"""A database whose files are removed, replaced or cut while it is open acknowledges nothing more."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stepwell.store.open import open_store
from stepwell.store.protocol import Answer, Store, StoreCorrupt, StoreLost
from stepwell.store.sqlite.backup import back_up, restore
from stepwell.store.sqlite.files import open_files
from tests.store.samples import first_turn


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def another_in_its_place(path: Path) -> None:
    """As `mv backup.db store.db` does it."""
    copy = path.with_name("copy.db")
    back_up(path, copy)
    copy.replace(path)


def cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def overwritten(path: Path) -> None:
    """As `cp something store.db` does it: the file stays, what is in it does not."""
    path.write_bytes(b"Dear diary\n" * 10_000)


async def filled(path: Path) -> Store:
    """With one part in the database and one in the log."""
    store = await open_store(str(path))
    await store.commit([first_turn(key) for key in range(1, 50)])
    await store.close()
    store = await open_store(str(path))
    await store.commit([first_turn(key) for key in range(50, 100)])
    return store


@pytest.mark.parametrize(
    ("take_away", "told"),
    [
        (lambda path: path.unlink(), "store.db was removed"),
        (lambda path: beside(path, "-wal").unlink(), "store.db-wal was removed"),
        (lambda path: beside(path, "-shm").unlink(), "store.db-shm was removed"),
        (another_in_its_place, "store.db was replaced"),
        (overwritten, "store.db was cut or overwritten"),
        (lambda path: cut(path, 0), "store.db was cut"),
        (lambda path: cut(path, 8192), "store.db was cut"),
        (lambda path: cut(beside(path, "-wal"), 0), "store.db-wal was cut"),
    ],
)
async def test_what_is_taken_away_takes_no_commit(path: Path, take_away: Callable[[Path], None], told: str) -> None:
    store = await filled(path)
    await store.check()
    take_away(path)
    for _ in range(2):
        with pytest.raises(StoreLost, match=f"{told}.*while this server has it open"):
            await store.commit([first_turn(100)])
    with pytest.raises(StoreLost):
        await store.check()
    await store.close()


async def test_what_was_moved_away_goes_on_where_it_is_put_back(path: Path) -> None:
    store = await filled(path)
    away = path.with_name("away.db")
    os.rename(path, away)
    with pytest.raises(StoreLost, match=r"put all files named store\.db\* back"):
        await store.commit([first_turn(100)])
    os.rename(away, path)
    await store.check()
    assert list(await store.commit([first_turn(101)])) == [Answer.ACCEPTED]
    await store.close()
    store = await open_store(str(path))
    assert await store.load_execution(99) is not None
    assert await store.load_execution(101) is not None
    await store.close()


async def test_the_change_is_logged_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = await filled(path)
    away = path.with_name("away.db")
    os.rename(path, away)
    for key in range(100, 105):
        with pytest.raises(StoreLost):
            await store.commit([first_turn(key)])
    os.rename(away, path)
    await store.commit([first_turn(105)])
    await store.commit([first_turn(106)])
    await store.close()
    lost, found = [record.getMessage() for record in caplog.records if record.name == "stepwell.store"]
    assert lost.startswith("nothing can be stored: ")
    assert "store.db was removed" in lost
    assert "takes commits again" in found


async def test_the_rest_of_a_group_is_not_committed_one_by_one(path: Path) -> None:
    """Only what lies in the data of one caller is tried apart from the others."""
    store = await filled(path)
    os.unlink(path)
    with pytest.raises(StoreLost):
        await store.settle([(1, 1)])
    await store.close()


async def test_the_log_is_shortened_by_the_store_itself_without_alarm(path: Path) -> None:
    store = await filled(path)
    opened = store._files.writer  # type: ignore[attr-defined]
    opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for key in range(100, 110):
        assert list(await store.commit([first_turn(key)])) == [Answer.ACCEPTED]
    await store.close()


def killed(path: Path, folder: Path) -> Path:
    """What a killed server leaves, in a folder of its own."""
    folder.mkdir()
    opened = open_files(path)
    opened.writer.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('x', 'y')")
    for suffix in ("", "-wal", ".lock"):
        shutil.copy(beside(path, suffix), beside(folder / path.name, suffix))
    opened.close()
    return folder / path.name


class TestAfterACrash:
    async def test_it_opens_with_its_log(self, path: Path, tmp_path: Path) -> None:
        left = killed(path, tmp_path / "left")
        opened = open_files(left)
        assert opened.writer.execute("SELECT value FROM meta WHERE name = 'x'").fetchone() == ("y",)
        opened.close()
        assert os.listdir(left.parent) == [left.name]

    async def test_no_empty_one_takes_the_place_of_one_that_was_removed(self, path: Path, tmp_path: Path) -> None:
        left = killed(path, tmp_path / "left")
        left.unlink()
        for _ in range(2):
            with pytest.raises(StoreCorrupt, match=r"it is missing, but its log store\.db-wal is here"):
                open_files(left)
        left.touch()
        with pytest.raises(StoreCorrupt, match=r"it is empty, but its log store\.db-wal is here"):
            open_files(left)
        beside(left, "-wal").unlink()
        left.unlink()
        with pytest.raises(StoreCorrupt, match=r"not stopped in order, and it is missing"):
            open_files(left)
        assert not left.exists()

    async def test_a_log_that_is_missing_is_told(
        self, path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        left = killed(path, tmp_path / "left")
        beside(left, "-wal").unlink()
        open_files(left).close()
        assert f"its log {left}-wal is not here" in caplog.text
        caplog.clear()
        open_files(left).close()
        assert caplog.text == ""

    async def test_a_restored_one_misses_nothing(self, path: Path, tmp_path: Path) -> None:
        left = killed(path, tmp_path / "left")
        copy = tmp_path / "copy.db"
        back_up(left, copy)
        beside(left, "-wal").unlink(missing_ok=True)
        restore(copy, left)
        open_files(left).close()
