"""State transitions at AWS's pace: a token bucket that all Standard executions draw from, and wait for.

Rules that must stay true here:
- A turn takes what it takes, into debt where need be; until that is paid, no other turn begins.
- Nobody is refused: what has to wait goes on in order. A start is acknowledged at once, and enters its state later.
- What ends an execution, or only says that a task is alive, does not wait.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from stepwell.engine.live import Live
from stepwell.engine.metrics import Metrics
from stepwell.machine.stimulus import Heartbeat, Start, Stimulus, Stop
from stepwell.machine.turn import Turn

_AT_ONCE = (Start, Stop, Heartbeat)


def pace_of(transitions: tuple[int, int] | None, metrics: Metrics) -> Pace | None:
    """What executions are held to; see `EngineSettings.transitions`."""
    return None if transitions is None else Pace(*transitions, metrics)


class Pace:
    """The bucket holds `size` transitions and gets `refill` each second of the event loop's clock."""

    def __init__(self, size: int, refill: int, metrics: Metrics) -> None:
        self._size = size
        self._refill = refill
        self._metrics = metrics
        self._tokens = float(size)
        self._at: float | None = None
        self._delayed: OrderedDict[int, Callable[[int], None]] = OrderedDict()
        self._stopped = False

    def stop(self) -> None:
        """Hold nobody up any more."""
        self._stopped = True
        while self._delayed:
            self._release()

    def puts_off(self, stimulus: Stimulus) -> bool:
        """Whether an execution that starts now is to enter its first state later."""
        return isinstance(stimulus, Start) and not self._stopped and self._level() <= 0

    def spend(self, turn: Turn) -> None:
        """A turn was computed."""
        entered = sum(event.type.endswith("StateEntered") for event in turn.events)
        if entered:
            self._tokens = self._level() - entered

    def lets(self, live: Live, go_on: Callable[[int], None]) -> bool:
        """Whether the execution may take what is in its inbox now; else `go_on` is called with its key when it may:
        what is in memory of it may be another object by then."""
        if self._stopped or self._level() > 0 or any(isinstance(post.stimulus, _AT_ONCE) for post in live.inbox):
            return True
        if live.key not in self._delayed:
            self._metrics.throttled += 1
            self._delayed[live.key] = go_on
            if len(self._delayed) == 1:
                self._wait()
        return False

    def _level(self) -> float:
        now = asyncio.get_running_loop().time()
        if self._at is not None:
            self._tokens = min(self._size, self._tokens + (now - self._at) * self._refill)
        self._at = now
        return self._tokens

    def _wait(self) -> None:
        due = max(0.001, (1 - self._level()) / self._refill)
        asyncio.get_running_loop().call_later(due, self._go_on)

    def _go_on(self) -> None:
        while self._delayed and self._level() > 0:
            self._release()
        if self._delayed:
            self._wait()

    def _release(self) -> None:
        key, go_on = self._delayed.popitem(last=False)
        go_on(key)
