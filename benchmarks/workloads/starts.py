"""StartExecution, acknowledged after its commit, over 64 connections."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import machines
from benchmarks.client import create, flood, starts
from benchmarks.figure import Sample, at_least, at_most, percentile
from benchmarks.workloads.workload import CONNECTIONS, Place
from tests.server import serving


async def measure(place: Place) -> Sequence[Sample]:
    with serving(place.folder) as server:
        await create(server.url, "Pass", machines.chain(1))
        await flood(server.url, "StartExecution", starts("Pass", place.count(500)), CONNECTIONS)
        sent = await flood(server.url, "StartExecution", starts("Pass", place.count(10_000)), CONNECTIONS)
    name = f"StartExecution, {CONNECTIONS} connections"
    return (
        Sample(
            name, len(sent.took) / sent.seconds, "/s", at_least(3_000, 6_000), f"client busy {sent.share:.0%} of a core"
        ),
        Sample(f"{name}, p50", percentile(sent.took, 50) * 1000, "ms"),
        Sample(f"{name}, p99", percentile(sent.took, 99) * 1000, "ms", at_most(40)),
    )
