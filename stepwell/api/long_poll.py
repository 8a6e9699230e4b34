"""Answers that may take long: given up once the server closes or the client has gone.

Rules that must stay true here:
- What is waited for is cancelled before the answer goes out: nothing is left behind, and nothing is taken in vain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal, TypeVar

from stepwell.api.request import Request

T = TypeVar("T")


async def while_wanted(request: Request, work: Coroutine[Any, Any, T]) -> T | None:
    """What comes of it; None where nobody waits for it any more."""
    poll = asyncio.ensure_future(work)
    ends = [asyncio.ensure_future(request.context.closing.wait())]
    if request.disconnected is not None:
        ends.append(asyncio.ensure_future(_gone(request.disconnected)))
    either: set[asyncio.Future[T] | asyncio.Future[Literal[True]]] = {poll, *ends}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not poll.done():
            poll.cancel()
            await asyncio.wait([poll])
        return None if poll.cancelled() else poll.result()
    finally:
        for future in either:
            future.cancel()


async def _gone(disconnected: Callable[[], Awaitable[None]]) -> Literal[True]:
    await disconnected()
    return True
