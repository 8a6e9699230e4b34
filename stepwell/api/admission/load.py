"""How long work waits for the server, and how much new work it therefore takes.

Two things are measured, ten times a second while there are requests: how late the event loop is, which is what the
processor cannot keep up with, and how long a turn waits for its commit, which is what the disk, or the processor that
feeds it, cannot keep up with. Once either was longer than is allowed twice in a row, new work is let in at a rate:
seven tenths of what was let in, again and again until work waits no longer than allowed; then a tenth more each time.
When nothing has been refused for two seconds, everything is let in again.

Rules that must stay true here:
- A request costs a comparison and a subtraction; everything else happens between requests.
- While nobody asks for anything, nothing runs.
- Some new work always gets through: a tenth of what was let in when the overload began.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from math import inf
from typing import Final

logger = logging.getLogger("stepwell.api")

PERIOD: Final = 0.1  # seconds between two measurements
_TWICE: Final = 2  # measurements in a row that have to be too long
_LESS: Final = 0.7
_MORE: Final = 1.1
_FLOOR: Final = 0.1
_CALM: Final = 20  # measurements without a refusal after which everything is let in again


class Load:
    """Belongs to one event loop. `allowed` is how many seconds work may wait; `uncommitted` tells how many turns wait
    for a commit, `committed` how many have been committed so far."""

    def __init__(self, allowed: float, uncommitted: Callable[[], int], committed: Callable[[], int]) -> None:
        self.loop_delay = 0.0
        """Seconds that the event loop was late, at the last measurement."""
        self.commit_delay = 0.0
        """Seconds that a turn waits for its commit."""
        self.rate = inf
        """New requests that are let in each second."""
        self._allowed = allowed
        self._uncommitted = uncommitted
        self._committed = committed
        self._budget = inf  # new requests that may still come in until the next measurement
        self._taken = 0
        self._refused = 0
        self._refused_in_all = 0
        self._floor = 1.0
        self._late = 0
        self._calm = 0
        self._measured_at = 0.0
        self._committed_before = 0
        self._stalled = 0.0
        self._measuring = False

    @property
    def is_too_high(self) -> bool:
        """Whether new work is being held back."""
        return self.rate != inf

    def watch(self) -> None:
        """Measure from now on, as long as requests come."""
        if not self._measuring:
            self._measuring = True
            loop = asyncio.get_running_loop()
            self._measured_at = loop.time()
            self._committed_before = self._committed()
            loop.call_later(PERIOD, self._measure)

    def takes(self) -> bool:
        """Whether a new request is let in now; that is counted."""
        if self._budget < 1:
            self._refused += 1
            return False
        self._budget -= 1
        self._taken += 1
        return True

    # -- between requests

    def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        elapsed = now - self._measured_at
        self._measured_at = now
        self.loop_delay = max(0.0, elapsed - PERIOD)
        self.commit_delay = self._measured_commit(elapsed)
        quiet = not self._taken and not self._refused and not self._uncommitted()
        self._adapt(elapsed)
        if quiet and not self.is_too_high:
            self._measuring = False
            self.loop_delay = 0.0
        else:
            loop.call_later(PERIOD, self._measure)

    def _measured_commit(self, elapsed: float) -> float:
        """By Little's law: what waits, over how fast it goes."""
        committed, waiting = self._committed(), self._uncommitted()
        done, self._committed_before = committed - self._committed_before, committed
        if done or not waiting:
            self._stalled = 0.0
            return waiting * elapsed / done if done else 0.0
        self._stalled += elapsed
        return self._stalled

    def _adapt(self, elapsed: float) -> None:
        delay = max(self.loop_delay, self.commit_delay)
        self._late = self._late + 1 if delay > self._allowed else 0
        if self._late >= _TWICE:
            self._hold_back(self._taken / elapsed, delay)
        elif self.is_too_high:
            self._let_go()
        self._refused_in_all += self._refused
        self._taken = self._refused = 0
        burst = self.rate * PERIOD
        self._budget = burst if self.rate == inf else min(self._budget + burst, max(2 * burst, 1.0))

    def _hold_back(self, taken: float, delay: float) -> None:
        if not self.is_too_high:
            self._floor = max(1.0, taken * _FLOOR)
            self._budget = 0.0
            self._refused_in_all = 0
            logger.warning(
                "overload: work waits %.2f s for %s, so new requests are refused with ThrottlingException. If it lasts,"
                " start less at once, or give the server a faster processor or disk (docs/overload.md)",
                delay,
                "its turn" if self.loop_delay >= self.commit_delay else "its commit",
            )
        self.rate = max(self._floor, min(self.rate, taken or self.rate) * _LESS)
        self._calm = 0

    def _let_go(self) -> None:
        self.rate = self.rate * _MORE + 1
        self._calm = 0 if self._refused else self._calm + 1
        if self._calm >= _CALM:
            self.rate = inf
            logger.warning("overload is over: %d requests were refused meanwhile", self._refused_in_all)
