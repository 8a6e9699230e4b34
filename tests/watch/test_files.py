"""Which files have changed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stepwell.watch.files import changes, look


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
    return await asyncio.wait_for(anext(found), 10)


def test_the_sources_in_a_folder_are_looked_at_without_packages_and_hidden_folders(folder: Path) -> None:
    assert set(look([folder])) == {folder / "app.py", folder / "lib" / "words.js"}


def test_a_file_that_is_named_is_looked_at_whatever_it_is(folder: Path) -> None:
    assert set(look([folder / "data.db", folder / "gone"])) == {folder / "data.db"}


async def test_what_changes_comes_and_goes_is_told_together(folder: Path) -> None:
    found = changes(lambda: [folder])
    first = asyncio.ensure_future(after(found))
    await _looked(folder)
    (folder / "app.py").write_text("12")
    (folder / "new.py").write_text("1")
    (folder / "lib" / "words.js").unlink()
    seen = set(await first)
    if len(seen) < 3:  # a look came between two of the three
        seen |= await after(found)
    assert seen == {folder / "app.py", folder / "new.py", folder / "lib" / "words.js"}


async def test_a_file_that_is_looked_at_from_now_on_has_not_changed(folder: Path) -> None:
    paths = [folder / "app.py"]
    found = changes(lambda: paths)
    first = asyncio.ensure_future(after(found))
    await _looked(folder)
    (folder / "app.py").write_text("12")
    assert await first == {folder / "app.py"}
    paths.append(folder / "lib")
    second = asyncio.ensure_future(after(found))
    await _looked(folder)
    (folder / "app.py").write_text("123")
    assert await second == {folder / "app.py"}


async def _looked(folder: Path) -> None:
    """Let the first look be over: it is on its way in a thread."""
    await asyncio.to_thread(os.listdir, folder)
    await asyncio.sleep(0.1)
