"""AWS's quota of executions that are open at once, to rehearse production: beyond it, nothing more is started.

Rules that must stay true here:
- What is open is the store's to tell. It is counted again when as many were let in as there was room for, or after a
  while: ends make room, and what starts without being asked for over the API takes it.
- However many ask, the store counts once at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from stepwell.api.faults import execution_limit_exceeded

MOST: Final = 1_000_000
"""Standard executions that an account may have open in a region ("Step Functions service quotas")."""

_GOOD_FOR: Final = 10.0  # seconds
_PAUSE: Final = 0.2  # seconds between two counts where there is no room


class OpenExecutions:
    """`count` tells how many are open, counted up to a bound. `refused` is called for each start that is refused.
    Belongs to one event loop."""

    def __init__(
        self,
        count: Callable[[int], Awaitable[int]],
        refused: Callable[[], None],
        most: int = MOST,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._count = count
        self._refused = refused
        self._most = most
        self._now = now
        self._room = 0
        self._counted_at: float | None = None
        self._counting = asyncio.Lock()

    async def take(self) -> None:
        """Make room for one more. Raises ApiFault: ExecutionLimitExceeded."""
        if self._is_stale():
            async with self._counting:
                if self._is_stale():
                    self._room = self._most - await self._count(self._most)
                    self._counted_at = self._now()
        if self._room <= 0:
            self._refused()
            raise execution_limit_exceeded()
        self._room -= 1

    def _is_stale(self) -> bool:
        if self._counted_at is None:
            return True
        return self._now() - self._counted_at > (_GOOD_FOR if self._room > 0 else _PAUSE)
