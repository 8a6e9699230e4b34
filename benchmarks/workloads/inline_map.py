"""An inline Map over 1,000 items, all at once and one after the other."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from benchmarks import machines
from benchmarks.client import Connection, create, one
from benchmarks.figure import Sample, at_most
from benchmarks.workloads.workload import Place
from tests.server import serving


async def measure(place: Place) -> Sequence[Sample]:
    items = place.count(1_000)
    text = json.dumps({"items": list(range(items))})
    samples = []
    with serving(place.folder) as server:
        connection = await Connection.open(server.url)
        for limit, bar in ((0, at_most(0.15)), (1, at_most(0.3))):
            machine = f"Map{limit}"
            await create(server.url, machine, machines.inline_map(limit))
            await one(connection, machine, '{"items": [1]}')
            began = time.perf_counter()
            await one(connection, machine, text, pause=0.002)
            samples.append(
                Sample(
                    f"inline Map over {items:,} items, MaxConcurrency {limit}", time.perf_counter() - began, "s", bar
                )
            )
        connection.close()
    return samples
