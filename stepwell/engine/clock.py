"""The real clock. An execution may carry a virtual one instead: then its time is a field of its own.

Rules that must stay true here:
- The clock never goes backwards while the server runs. Who sets the machine's clock back holds up no timer by it: the
  time goes on as it passes, until the machine's clock has caught up or the server is started anew.
- A clock that is set forward, or a machine that has slept, is followed at once: what fell due meanwhile fires.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

ClockName: TypeAlias = Literal["real", "virtual", "virtual-held"]
"""The clock of an execution as it is asked for. A virtual one jumps to its next timer whenever nothing is being worked
on; `virtual-held` also waits for what only a task token can tell, and for workers to take activities' tasks."""

logger = logging.getLogger("stepwell.engine")

_CORRECTION = 1_000_000_000  # nanoseconds: so little back, as time servers correct it, and the clock stands still


class Clock(Protocol):
    def now(self) -> int:
        """Milliseconds since 1970 (UTC)."""
        ...


class SystemClock:
    """The machine's clock; see the rules above. `wall` and `monotonic` are in nanoseconds."""

    def __init__(
        self, wall: Callable[[], int] = time.time_ns, monotonic: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._last = wall()
        self._read_at = monotonic()
        self._left_behind = False

    def now(self) -> int:
        wall, monotonic = self._wall(), self._monotonic()
        if wall >= self._last:
            self._last, self._left_behind = wall, False
        elif self._last - wall > _CORRECTION:
            self._last += monotonic - self._read_at
            self._tell(wall)
        self._read_at = monotonic
        return self._last // 1_000_000

    def _tell(self, wall: int) -> None:
        if not self._left_behind:
            self._left_behind = True
            seconds = (self._last - wall) / 1e9
            logger.warning("the machine's clock was set back by %.0f s: time goes on here as if it were not", seconds)
