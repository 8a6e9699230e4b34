"""HTTP tasks at AWS's pace: a token bucket that all of them draw from, and wait for, in order.

The numbers are those of "Step Functions service quotas" in AWS's developer guide, "Quotas related to HTTP Task".

Rules that must stay true here:
- The bucket goes by the real clock, whatever clock executions are on.
- Nobody is refused: a task that waits is a task that takes longer, and its time-out counts.
"""

from __future__ import annotations

import asyncio
from typing import Final

OF_AWS: Final = (300, 300)
"""What the bucket holds, and what flows in each second."""


class Pace:
    """The bucket holds `size` calls and gets `refill` each second. Belongs to one event loop."""

    def __init__(self, size: int, refill: int) -> None:
        self._size = size
        self._refill = refill
        self._tokens = float(size)
        self._at: float | None = None
        self._line = asyncio.Lock()  # those that wait get it in the order in which they came

    async def turn(self) -> None:
        """Wait until one more call may be made."""
        async with self._line:
            missing = 1 - self._level()
            if missing > 0:
                await asyncio.sleep(missing / self._refill)
            self._tokens -= 1

    def _level(self) -> float:
        now = asyncio.get_running_loop().time()
        if self._at is not None:
            self._tokens = min(self._size, self._tokens + (now - self._at) * self._refill)
        self._at = now
        return self._tokens
