"""The real clock. An execution may carry a virtual one instead: then its time is a field of its own."""

from __future__ import annotations

import time
from typing import Literal, Protocol, TypeAlias

ClockName: TypeAlias = Literal["real", "virtual", "virtual-held"]
"""The clock of an execution as it is asked for. A virtual one jumps to its next timer whenever nothing is being worked
on; `virtual-held` also waits for what only a task token can tell, and for workers to take activities' tasks."""


class Clock(Protocol):
    def now(self) -> int:
        """Milliseconds since 1970 (UTC)."""
        ...


class SystemClock:
    def now(self) -> int:
        return time.time_ns() // 1_000_000
