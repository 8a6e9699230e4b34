"""How long a test waits for what has to come: longer than the slowest machine needs, and never for ever.

Rules that must stay true here:
- A wait proves that something comes, never how soon: who waits for less fails where the machine is busy.
- What need not come is not waited for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE: Final = 100.0
"""Seconds. A test in which nothing comes is told so by itself, before pytest ends it."""

_PAUSE: Final = 0.01


def until(look: Callable[[], T | None], about: Callable[[], object] | None = None, seconds: float = PATIENCE) -> T:
    """What `look` finds, asked again until it is something. `about` says what to tell where it never is; `seconds` are
    for what has much to do."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, _missed(found, about)
        time.sleep(_PAUSE)
    return found


async def come(look: Callable[[], T | Awaitable[T | None] | None], about: Callable[[], object] | None = None) -> T:
    """As `until`, for what becomes true while the event loop goes on; `look` may be a coroutine function."""
    deadline = time.monotonic() + PATIENCE
    while True:
        looked = look()
        found = await looked if isinstance(looked, Awaitable) else looked
        if found:
            return found
        assert time.monotonic() < deadline, _missed(found, about)
        await asyncio.sleep(_PAUSE / 5)


def _missed(found: object, about: Callable[[], object] | None) -> str:
    return f"it has not come; {about() if about else f'last seen: {found!r}'}"
