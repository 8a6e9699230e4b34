"""Lambda-style tasks whose handlers do nothing, out of process: many at once, and one after the other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from benchmarks import machines
from benchmarks.client import Connection, create, one, run
from benchmarks.figure import Sample, at_least, at_most
from benchmarks.workloads.workload import CONNECTIONS, Place
from tests.server import serving

APP = "benchmarks.app:app"
KINDS = {"noop": "a process each", "noop_async": "async"}


async def measure(place: Place) -> Sequence[Sample]:
    samples, executions, tasks = [], place.count(200), 25
    for function, kind in KINDS.items():
        with serving(place.own(function), [APP]) as server:
            await create(server.url, "Tasks", machines.chain(tasks, machines.call(function)))
            await run(server.url, "Tasks", min(executions, 10), 10)
            connection = await Connection.open(server.url)
            took = []
            for _ in range(place.count(20)):
                began = time.perf_counter()
                await one(connection, "Tasks", pause=0.001)
                took.append((time.perf_counter() - began) / tasks)
            connection.close()
            seconds, _ = await run(server.url, "Tasks", executions, CONNECTIONS)
        rate = executions * tasks / seconds
        what = f"no-op Tasks ({kind})"
        samples.append(Sample(what, rate, "/s", at_least(2_000, 4_000), f"{executions} executions of {tasks} at once"))
        samples.append(Sample(f"{what}, one after the other, p50", statistics.median(took) * 1000, "ms", at_most(3)))
    return samples
