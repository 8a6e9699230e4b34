"""Whether what a step costs stays the same as what it belongs to grows: seconds a step, when large by when small."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence

from benchmarks import machines
from benchmarks.client import MACHINE_ARN, Connection, Failed, create, one
from benchmarks.figure import Sample, at_most
from benchmarks.workloads.workload import Place
from tests.server import serving


async def measure(place: Place) -> Sequence[Sample]:
    events, items, branches = place.count(6_200, 250), place.count(10_000, 1_000), place.count(1_000, 100)
    with serving(place.folder) as server:
        connection = await Connection.open(server.url)
        await create(server.url, "Count", machines.count_up())
        await create(server.url, "Items", machines.inline_map(0), "EXPRESS")  # no limit to its events
        await create(server.url, "Few", machines.parallel(100))
        await create(server.url, "Many", machines.parallel(branches))

        async def count(steps: int) -> None:
            await one(connection, "Count", machines.counting(steps), pause=0.0005)

        async def iterate(steps: int) -> None:
            text = json.dumps({"items": [0] * steps})
            ended = await connection.ask("StartSyncExecution", stateMachineArn=MACHINE_ARN + "Items", input=text)
            if ended["status"] != "SUCCEEDED":
                raise Failed(f"the execution is {ended['status']}: {ended.get('error')} {ended.get('cause')}")

        async def branch(steps: int) -> None:
            await one(connection, "Few" if steps == 100 else "Many", pause=0.0005)

        ratios = {
            f"a transition, {4 * events:,} events in its history by 1,000": await _ratio(count, 250, events),
            f"an iteration, {items:,} of an inline Map by 1,000": await _ratio(iterate, 1_000, items),
            f"a branch, {branches:,} of a Parallel by 100": await _ratio(branch, 100, branches),
        }
        connection.close()
    return [Sample(what, ratio, "", at_most(1.2)) for what, ratio in ratios.items()]


async def _ratio(go: Callable[[int], Awaitable[None]], small: int, large: int) -> float:
    """Seconds a step of something large by those of something small, which is run more often."""
    return await _seconds(go, large, 3) / await _seconds(go, small, 9)


async def _seconds(go: Callable[[int], Awaitable[None]], steps: int, times: int) -> float:
    """Seconds that a step takes: the middle of so many times, after one that does not count."""
    await go(steps)
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await go(steps)
        took.append(time.perf_counter() - began)
    return statistics.median(took) / steps
