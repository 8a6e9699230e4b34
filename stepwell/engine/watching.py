"""Who waits for something to happen to an execution, by its key.

Rules that must stay true here:
- Whoever no longer waits leaves nothing behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def watching(watchers: dict[int, set[asyncio.Future[None]]], key: int) -> Iterator[asyncio.Future[None]]:
    """What `wake` completes, while the block lasts."""
    watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    found = watchers.setdefault(key, set())
    found.add(watcher)
    try:
        yield watcher
    finally:
        found.discard(watcher)
        if not found and watchers.get(key) is found:
            del watchers[key]


def wake(watchers: Iterable[asyncio.Future[None]]) -> None:
    for watcher in watchers:
        if not watcher.done():
            watcher.set_result(None)
