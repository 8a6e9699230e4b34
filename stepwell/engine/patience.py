"""What needs the store is done, however long the store needs.

Rules that must stay true here:
- Only the store's own errors are waited out; everything else is the caller's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from stepwell.store.protocol import StoreError

T = TypeVar("T")

logger = logging.getLogger("stepwell.engine")

_PAUSE: Final = 0.05  # seconds until the second try; each further one waits twice as long
_PATIENCE: Final = 60.0  # seconds between two tries, at most


async def patiently(trouble: str, work: Callable[[], Awaitable[T]]) -> T:
    """What `work` answers; it is done again until the store carries it out. `trouble` begins the line of the log that
    tells of each time that it did not."""
    pause = _PAUSE
    while True:
        try:
            return await work()
        except StoreError as error:
            logger.warning("%s, trying again in %.1f s: %s", trouble, pause, error)
        await asyncio.sleep(pause)
        pause = min(pause * 2, _PATIENCE)
