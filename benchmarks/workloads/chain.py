"""One execution of 1,000 Pass states, as fast as one execution can go: the cost of a transition."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from benchmarks import machines
from benchmarks.client import Connection, create, one
from benchmarks.figure import Sample, at_least
from benchmarks.workloads.workload import Place
from tests.server import serving


async def measure(place: Place) -> Sequence[Sample]:
    length = place.count(1_000)
    with serving(place.folder) as server:
        await create(server.url, "Chain", machines.chain(length))
        connection = await Connection.open(server.url)
        await one(connection, "Chain")  # compiles the definition
        took = []
        for _ in range(5):
            began = time.perf_counter()
            await one(connection, "Chain")
            took.append(time.perf_counter() - began)
        connection.close()
    rate = length / statistics.median(took)
    return (Sample(f"{length:,} Pass states in one execution: transitions", rate, "/s", at_least(30_000, 60_000)),)
