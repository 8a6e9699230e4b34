"""The real clock. An execution may carry a virtual one instead: then its time is a field of its own."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def now(self) -> int:
        """Milliseconds since 1970 (UTC)."""
        ...


class SystemClock:
    def now(self) -> int:
        return time.time_ns() // 1_000_000
