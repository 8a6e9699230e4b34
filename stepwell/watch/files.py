"""Which files have changed, found by looking at them again and again.

Rules that must stay true here:
- Looking costs little: at most a twentieth of one core, however many files there are.
- A change is told when it has settled: what an editor or a checkout writes in one go is one change.

It looks instead of being told by the kernel: that needs no package, and it sees what changes on network file systems
and in folders mounted into containers, where the kernel tells nothing.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

_PAUSE = 0.3  # seconds between two looks
_SHARE = 20  # a look may take this part of the time
_SOURCES = (".py", ".js", ".mjs", ".cjs", ".json")
_PASSED_OVER = frozenset({"__pycache__", "node_modules", "site-packages", "venv"})

Snapshot: TypeAlias = Mapping[Path, tuple[int, int]]
"""Time of the last change (nanoseconds) and size (bytes), by path."""


async def changes(paths: Callable[[], Iterable[Path]], first: Snapshot) -> AsyncIterator[frozenset[Path]]:
    """The files that have changed, come or gone since the last time, whenever there are any.

    `paths` gives files, and folders whose source files are looked at, anew for each look; `first` is what they were at
    the beginning.
    """
    told = seen = first
    while True:
        began = time.monotonic()
        now = await asyncio.to_thread(look, paths())
        if now == seen and now != told:
            yield frozenset(path for path in {*now, *told} if now.get(path) != told.get(path))
            # What `paths` gives may be other files now: those that it did not give before have not changed.
            told = now = await asyncio.to_thread(_merged, now, paths())
        seen = now
        await asyncio.sleep(max(_PAUSE, _SHARE * (time.monotonic() - began)))


def look(paths: Iterable[Path]) -> Snapshot:
    """The state of all files that are there now. Blocks."""
    found: dict[Path, tuple[int, int]] = {}
    for path in paths:
        if path.is_dir():
            _look_into(path, found)
        else:
            _note(path, found)
    return found


def _merged(told: Snapshot, paths: Iterable[Path]) -> Snapshot:
    now = look(paths)
    return {path: told.get(path, state) for path, state in now.items()}


def _look_into(folder: str | Path, found: dict[Path, tuple[int, int]]) -> None:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name in _PASSED_OVER:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    _look_into(entry.path, found)
                elif entry.name.endswith(_SOURCES):
                    _note(Path(entry.path), found)
    except OSError:
        return  # it has gone meanwhile


def _note(path: Path, found: dict[Path, tuple[int, int]]) -> None:
    try:
        state = path.stat()
    except OSError:
        return
    found[path] = (state.st_mtime_ns, state.st_size)
