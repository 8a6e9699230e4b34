"""The real clock. An execution may carry a virtual one instead: then its time is a field of its own.

Rules that must stay true here:
- The clock never goes backwards while the server runs. Who sets the machine's clock back holds up no timer by it: the
  time goes on as it passes, until the machine's clock has caught up or the server is started anew.
- A clock that is set forward, or a machine that has slept, is followed at once: what fell due meanwhile fires.
- Nor does it go backwards from one start to the next: what the store has seen is past.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

from stepwell.store.protocol import Store

ClockName: TypeAlias = Literal["real", "virtual", "virtual-held"]
"""The clock of an execution as it is asked for. A virtual one jumps to its next timer whenever nothing is being worked
on; `virtual-held` also waits for what only a task token can tell, and for workers to take activities' tasks."""

logger = logging.getLogger("stepwell.engine")

_CORRECTION = 1_000_000_000  # nanoseconds: so little back, as time servers correct it, and the clock stands still


TIME_KEPT = 1_000
"""Milliseconds that may lie between two times that are stored while turns are committed."""


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

    def not_before(self, earliest: int) -> None:
        """Show no time before this one (milliseconds since 1970)."""
        if earliest * 1_000_000 > self._last:
            self._last, self._read_at = earliest * 1_000_000, self._monotonic()

    def _tell(self, wall: int) -> None:
        if not self._left_behind:
            self._left_behind = True
            seconds = (self._last - wall) / 1e9
            logger.warning(
                "the machine's clock is %.0f s behind what the store has seen: time goes on from there", seconds
            )


async def clock_after(store: Store, machine: SystemClock | None = None) -> SystemClock:
    """The machine's clock, which goes on from the newest time that the store has seen. Raises StoreError."""
    clock, kept = machine or SystemClock(), await store.kept_time()
    if clock.now() < kept:
        clock.not_before(kept + TIME_KEPT)  # the last turns may have seen that much more
        clock.now()
    return clock
