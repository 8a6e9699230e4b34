"""How many requests the AWS endpoint has answered, with what, and how long they took.

Rules that must stay true here:
- To count is two additions and a search among a dozen bounds; no lock, and no name is built.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Final

from msgspec import Struct, field

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
"""Seconds: a request that took so long, or less, falls below a bound. One that took longer has a place behind them."""


class Latency(Struct):
    """Requests of one operation: how many took up to each of the bounds and no less than the one before it."""

    seconds: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))


class RequestCounts(Struct):
    """`answers` is by operation and HTTP status."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    latencies: dict[str, Latency] = field(default_factory=dict)

    def count(self, operation: str, status: int, seconds: float) -> None:
        self.answers[operation, status] += 1
        latency = self.latencies.get(operation)
        if latency is None:
            latency = self.latencies[operation] = Latency()
        latency.seconds += seconds
        latency.counts[bisect_left(BOUNDS, seconds)] += 1
