"""The clocks of a simulated world: the time that passes, the machine's clock, and when there was a server.

Rules that must stay true here:
- The machine's clock may be set, forward and back; the time that passes only goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stepwell.engine.clock import SystemClock
from tests.simulation.agenda import Agenda

BEGIN: Final = 1_704_067_200_000_000_000  # nanoseconds since 1970: some seconds before the time in `INPUT`
DAY: Final = 86_400.0  # seconds


@dataclass
class Life:
    """When a server began to serve and was gone, by the machine's clock: milliseconds since 1970."""

    began: int
    ended: int | None = None


class Times:
    """`latest` is the latest that the machine's clock, or that of a server, has shown: milliseconds since 1970."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._forward = 0
        self.latest = BEGIN // 1_000_000
        self.was_set = False
        self.lives: list[Life] = []

    def set_by(self, seconds: int) -> None:
        """Somebody sets the machine's clock."""
        self.wall()
        self._forward += seconds
        self.was_set = True

    def monotonic(self) -> float:
        return self._agenda.now

    def monotonic_ns(self) -> int:
        return int(self._agenda.now * 1e9)

    def wall_ns(self) -> int:
        now = BEGIN + self.monotonic_ns() + self._forward * 1_000_000_000
        self.shown(now // 1_000_000)
        return now

    def wall(self) -> int:
        """Milliseconds since 1970, as the machine's clock shows them."""
        return self.wall_ns() // 1_000_000

    def shown(self, now: int) -> None:
        """A clock shows this time."""
        self.latest = max(self.latest, now)

    def life_begins(self) -> None:
        self.lives.append(Life(self.wall()))

    def life_ends(self) -> None:
        if self.lives and self.lives[-1].ended is None:
            self.lives[-1].ended = self.wall()


class ServerClock(SystemClock):
    """A server's clock; it goes on where the machine's was set back."""

    def __init__(self, times: Times) -> None:
        super().__init__(times.wall_ns, times.monotonic_ns)
        self._times = times

    def now(self) -> int:
        now = super().now()
        self._times.shown(now)
        return now
