"""Simulated time, and what is to happen when.

Rules that must stay true here:
- Time passes only when nothing is left to be done at its present.
- What falls due at one time happens in an order that chance decides.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Final

_TIMELESS: Final = "the outside"


class Entry:
    """Something to be done. `owner` is the process that it dies with."""

    __slots__ = ("act", "cancelled", "owner")

    def __init__(self, act: Callable[[], None], owner: object) -> None:
        self.act = act
        self.owner = owner
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Agenda:
    """`now` is in seconds, since the beginning of the simulated world."""

    def __init__(self, chance: Random) -> None:
        self.now = 0.0
        self._chance = chance
        self._later: list[tuple[float, int, Entry]] = []
        self._due: list[Entry] = []
        self._count = itertools.count()

    def at(self, when: float, act: Callable[[], None], owner: object = _TIMELESS) -> Entry:
        """Do it at this time, or as soon as may be where that has passed."""
        entry = Entry(act, owner)
        heappush(self._later, (when, next(self._count), entry))
        return entry

    def after(self, seconds: float, act: Callable[[], None], owner: object = _TIMELESS) -> Entry:
        return self.at(self.now + seconds, act, owner)

    def take(self) -> Callable[[], None] | None:
        """One of what is due; None for nothing."""
        while self._later and self._later[0][0] <= self.now:
            self._due.append(heappop(self._later)[2])
        while self._due:
            entry = self._due.pop(self._chance.randrange(len(self._due)))
            if not entry.cancelled:
                return entry.act
        return None

    def pass_time(self) -> bool:
        """Go on to the next entry. False where there is none."""
        while self._later and self._later[0][2].cancelled:
            heappop(self._later)
        if not self._later:
            return False
        self.now = max(self.now, self._later[0][0])
        return True

    def bury(self, owner: object) -> None:
        """A process has died: nothing of it happens any more."""
        for entry in [entry for _, _, entry in self._later] + self._due:
            if entry.owner is owner:
                entry.cancel()
