"""Work that blocks, each on a thread of its own, up to a number at once.

Rules that must stay true here:
- Who is no longer waited for is left behind: it keeps its place until it ends, and its result is dropped.
- A thread never keeps the process alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


class Threads:
    def __init__(self, most: int) -> None:
        self._free = asyncio.Semaphore(most)

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises; waits for a place first."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[T] = loop.create_future()

        def tell(settle: Callable[[], None]) -> None:
            self._free.release()
            if not ended.done():
                settle()

        def carry_out() -> None:
            try:
                settle = partial(ended.set_result, work())
            except BaseException as error:  # whatever it is, it is told to who waits
                settle = partial(ended.set_exception, error)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(tell, settle)

        Thread(target=carry_out, name="stepwell-blocking", daemon=True).start()
        return await ended
