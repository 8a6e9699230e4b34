"""Many executions of 10 Pass states: the cost of an execution, from its request to its end."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import machines
from benchmarks.client import create, run
from benchmarks.figure import Sample, at_least
from benchmarks.workloads.workload import CONNECTIONS, Place
from tests.server import serving


async def measure(place: Place) -> Sequence[Sample]:
    samples = []
    with serving(place.folder) as server:
        await create(server.url, "Short", machines.chain(10))
        await run(server.url, "Short", place.count(200), CONNECTIONS)  # warms up
        for full in (200, 2_000):
            count = place.count(full)
            seconds, sent = await run(server.url, "Short", count, CONNECTIONS)
            what = f"{count:,} executions of 10 Pass states, to the last one's end"
            beside = f"{10 * count / seconds:,.0f} transitions/s; client busy {sent.share:.0%}"
            samples.append(Sample(what, count / seconds, "/s", at_least(1_000, 2_000), beside))
    return samples
