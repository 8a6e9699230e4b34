"""10,000 executions in a Wait of an hour: what they cost, and how soon a killed server serves them again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from benchmarks import machines
from benchmarks.client import create, flood, starts
from benchmarks.figure import Sample, at_most, percentile
from benchmarks.footprint import idle_share, resident, stored
from benchmarks.workloads.workload import CONNECTIONS, Place
from tests.server import start


async def measure(place: Place) -> Sequence[Sample]:
    count = place.count(10_000)
    server = start(place.folder)
    try:
        await create(server.url, "Sleep", machines.SLEEP)
        few = starts("Sleep", place.count(1_000), machines.LONG)
        await flood(server.url, "StartExecution", few, CONNECTIONS)  # warms up
        empty = await flood(server.url, "StartExecution", few, CONNECTIONS)
        held, size = resident(server.process.pid), stored(place.folder)
        sent = await flood(server.url, "StartExecution", starts("Sleep", count, machines.LONG), CONNECTIONS)
        holds, grown = resident(server.process.pid), stored(place.folder)
        full = await flood(server.url, "StartExecution", few, CONNECTIONS)
        await asyncio.sleep(0.5)
        idle = await idle_share(server.process.pid, 3 * min(1, place.scale))
        server.kill()
        killed = time.perf_counter()
        server = start(place.folder, port=server.port)
        await flood(server.url, "StartExecution", starts("Sleep", 1, machines.LONG), 1)
        again = time.perf_counter() - killed
        fresh = resident(server.process.pid)
    finally:
        server.kill()
    before, after = percentile(empty.took, 99) * 1000, percentile(full.took, 99) * 1000
    name = f"{count:,} asleep"
    return (
        Sample(f"{name}: starts", count / sent.seconds, "/s"),
        Sample(f"{name}: memory of the server", holds / 1e6, "MB", at_most(200)),
        Sample(f"{name}: memory a sleeper", (holds - held) / count, "bytes"),
        Sample(f"{name}: disk a sleeper", (grown - size) / count, "bytes"),
        Sample(f"{name}: processor while idle", idle, "%", at_most(0.5)),
        Sample(f"{name}: p99 of StartExecution", after, "ms", beside=f"{before:.1f} ms with 2,000 stored"),
        Sample(f"{name}: from kill -9 to the next start's answer", again, "s", at_most(2)),
        Sample(f"{name}: memory of the server started again", fresh / 1e6, "MB"),
    )
