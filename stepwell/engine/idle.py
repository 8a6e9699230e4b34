"""Executions that merely wait, kept in memory for a while: what happens to them next need not be read first.

Rules that must stay true here:
- Only the most recent ones are kept, within a fixed bound.
- What waits for a moment, as a poll loop does, is worth more than what sleeps for hours: many times as many are kept of
  it, as long as they are small. Memory does not grow with what sleeps.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from stepwell.engine.live import Live

_MOMENT: Final = 10_000  # milliseconds
_TIMES: Final = 64  # as many are kept of what waits for a moment
_SMALL: Final = 2_048  # characters of what they hold


class Idle:
    """Keys of executions. `bound` is how many are kept of those that wait for long."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._asleep: OrderedDict[int, None] = OrderedDict()
        self._paused: OrderedDict[int, None] = OrderedDict()

    def keep(self, live: Live, now: int) -> int | None:
        """Keep an execution as the most recent one; the key of another, or its own, that is to be let go for it."""
        self.take(live.key)
        paused = _is_paused(live, now)
        kept, bound = (self._paused, self._bound * _TIMES) if paused else (self._asleep, self._bound)
        kept[live.key] = None
        return kept.popitem(last=False)[0] if len(kept) > bound else None

    def take(self, key: int) -> None:
        """Something happens to an execution: it waits no longer."""
        if self._paused.pop(key, self) is self:
            self._asleep.pop(key, None)


def _is_paused(live: Live, now: int) -> bool:
    """Whether a small execution goes on soon: by a timer, or by a task that is being carried out."""
    execution = live.execution
    if execution is None or live.compiled is None or live.clock is not None or len(execution.frames) != 1:
        return False
    (frame,) = execution.frames.values()
    if len(frame.input.text) + len(execution.input.text) + frame.variables.size > _SMALL:
        return False
    if frame.doing == "task":
        return not frame.submitted and not live.compiled.activities
    return bool(live.timers) and min(live.timers.values()) <= now + _MOMENT
