"""Which files have changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import pytest

from stepwell.watch.files import changes, look
from tests.patience import PATIENCE, come


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.watch.files._PAUSE", 0.01)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("app.py", "lib/words.js", "node_modules/p/index.js", ".git/a.py", "__pycache__/a.py", "data.db"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    return tmp_path


async def after(found: AsyncIterator[frozenset[Path]]) -> frozenset[Path]:
    return await asyncio.wait_for(anext(found), PATIENCE)


class Looks:
    """What is looked at. It is asked for each look, when the one before is over."""

    def __init__(self, paths: Callable[[], Iterable[Path]]) -> None:
        self._paths = paths
        self._asked = 0

    def __call__(self) -> Iterable[Path]:
        self._asked += 1
        return self._paths()

    async def are_made(self) -> None:
        """Wait until all that is there now has been looked at."""
        before = self._asked
        await come(lambda: self._asked >= before + 3)


def test_the_sources_in_a_folder_are_looked_at_without_packages_and_hidden_folders(folder: Path) -> None:
    assert set(look([folder])) == {folder / "app.py", folder / "lib" / "words.js"}


def test_a_file_that_is_named_is_looked_at_whatever_it_is(folder: Path) -> None:
    assert set(look([folder / "data.db", folder / "gone"])) == {folder / "data.db"}


async def test_what_changes_comes_and_goes_is_told_together(folder: Path) -> None:
    found = changes(lambda: [folder], look([folder]))
    (folder / "app.py").write_text("12")
    (folder / "new.py").write_text("1")
    (folder / "lib" / "words.js").unlink()
    assert await after(found) == {folder / "app.py", folder / "new.py", folder / "lib" / "words.js"}


async def test_a_file_that_is_looked_at_from_now_on_has_not_changed(folder: Path) -> None:
    paths = [folder / "app.py"]
    looks = Looks(lambda: paths)
    found = changes(looks, look(paths))
    (folder / "app.py").write_text("12")
    assert await after(found) == {folder / "app.py"}
    paths.append(folder / "lib")
    second = asyncio.ensure_future(after(found))
    await looks.are_made()
    (folder / "app.py").write_text("123")
    assert await second == {folder / "app.py"}
