"""What goes wrong in a simulated world, and how often.

Rules that must stay true here:
- Troubles come to an end: a world has only so many of them, so that what is to end ends.
"""

from __future__ import annotations

from random import Random
from typing import Final

_DELAYS: Final = (0.0, 0.0, 0.0, 0.002, 0.002, 0.05)
_FATES: Final = ("before", "torn", "torn", "after", "after")


class Weather:
    """`torn` and `refused` are the writes that were so, up to now."""

    def __init__(self, chance: Random, *, calm: bool) -> None:
        self._chance = chance
        self._crashes = 0 if calm else chance.choice((0, 1, 3, 10, 30))
        self._refusals = 0 if calm else chance.choice((0, 0, 2, 8))
        self._stalls = 0 if calm else chance.choice((0, 0, 3))
        self._jumps = 0 if calm else chance.choice((0, 0, 0, 3))
        self._restarts = 0 if calm else chance.choice((0, 0, 2))
        self._rate = chance.choice((0.002, 0.02, 0.2))
        self._calm = calm
        self.torn = self.refused = 0

    def delay(self) -> float:
        if self._calm:
            return 0.0
        if self._stalls and self._chance.random() < 0.01:
            self._stalls -= 1
            return 5.0
        return self._chance.choice(_DELAYS)

    def write(self) -> str:
        if self._refusals and self._chance.random() < 0.05:
            self._refusals -= 1
            self.refused += 1
            return "refused"
        if self._crashes and self._chance.random() < self._rate:
            self._crashes -= 1
            fate = self._chance.choice(_FATES)
            self.torn += fate == "torn"
            return fate
        return "done"

    def strikes(self) -> bool:
        """Whether the process is killed at this very moment."""
        if self._crashes and self._chance.random() < self._rate / 50:
            self._crashes -= 1
            return True
        return False

    def restarts(self) -> bool:
        """Whether somebody stops the server in order now, and starts it again."""
        if self._restarts and self._chance.random() < 0.002:
            self._restarts -= 1
            return True
        return False

    def grace(self) -> float:
        """Seconds that the server is given to stop."""
        return self._chance.choice((0.0, 1.0, 30.0))

    def downtime(self) -> float:
        return self._chance.choice((0.0, 0.1, 2.0))

    def clock_jump(self) -> int:
        """By how many seconds the clock is set now; mostly 0."""
        if self._jumps and self._chance.random() < 0.001:
            self._jumps -= 1
            return self._chance.choice((-100, -2, 3, 50))
        return 0
