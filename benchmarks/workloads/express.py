"""Synchronous Express executions of 5 states."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import machines
from benchmarks.client import create, flood, starts
from benchmarks.figure import Sample, at_least, percentile
from benchmarks.workloads.workload import CONNECTIONS, Place
from tests.server import serving


async def measure(place: Place) -> Sequence[Sample]:
    with serving(place.folder) as server:
        await create(server.url, "Quick", machines.chain(5), "EXPRESS")
        await flood(server.url, "StartSyncExecution", starts("Quick", place.count(500)), CONNECTIONS)
        sent = await flood(server.url, "StartSyncExecution", starts("Quick", place.count(10_000)), CONNECTIONS)
    rate = len(sent.took) / sent.seconds
    beside = f"client busy {sent.share:.0%} of a core"
    return (
        Sample("synchronous Express executions of 5 states", rate, "/s", at_least(2_000, 5_000), beside),
        Sample("synchronous Express executions of 5 states, p99", percentile(sent.took, 99) * 1000, "ms"),
    )
