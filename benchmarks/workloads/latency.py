"""From start to SUCCEEDED, as one client sees it on a server that does nothing else: one Pass state."""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchmarks import machines
from benchmarks.client import Connection, create, one
from benchmarks.figure import Sample, at_most, percentile
from benchmarks.workloads.workload import Place
from tests.server import serving


async def measure(place: Place) -> Sequence[Sample]:
    with serving(place.folder) as server:
        await create(server.url, "Pass", machines.chain(1))
        connection = await Connection.open(server.url)
        for _ in range(place.count(50)):
            await one(connection, "Pass")
        took = []
        for _ in range(place.count(500)):
            began = time.perf_counter()
            await one(connection, "Pass")
            took.append(time.perf_counter() - began)
        connection.close()
    return (
        Sample("start to SUCCEEDED seen, one Pass, p50", percentile(took, 50) * 1000, "ms", at_most(4, 2)),
        Sample("start to SUCCEEDED seen, one Pass, p99", percentile(took, 99) * 1000, "ms", at_most(15)),
    )
