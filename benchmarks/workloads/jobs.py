"""1,000 jobs of 5 seconds at once, with the server killed half-way."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.figure import Sample
from benchmarks.jobs import crowd
from benchmarks.workloads.workload import CONNECTIONS, Place


async def measure(place: Place) -> Sequence[Sample]:
    return await crowd(place.folder, place.count(1_000), CONNECTIONS, 5.0 if place.scale == 1 else 1.0, kill=True)
