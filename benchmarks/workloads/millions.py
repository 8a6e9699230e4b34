"""100,000 and 1,000,000 executions asleep: what the server takes, and what a kill costs when a tenth of them falls due
meanwhile.

Rules that must stay true here:
- All but the last 10,000 are written to the store while no server has it open; these go through the API.
- What is told by an empty store's is taken by turns, of a server with a full store and of one with an empty store, so
  that what else the machine and its disk do falls on both. The median of the turns counts.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks import machines
from benchmarks.client import MACHINE_ARN, Connection, Failed, all_ended, create, flood, one, starts
from benchmarks.figure import Sample, at_most, percentile
from benchmarks.footprint import idle_share, resident, stored
from benchmarks.seed import seed
from benchmarks.workloads.workload import CONNECTIONS, Measure, Place
from tests.server import Server, serving, start

_TURNS = 5


def asleep(full: int) -> Measure:
    """The workload of so many executions."""
    return partial(_asleep, full)


async def _asleep(full: int, place: Place) -> Sequence[Sample]:
    count, last = place.count(full), place.count(10_000)
    due = count // 10
    file, few = place.folder / "stepwell.db", starts("Sleep", last // _TURNS, machines.LONG)
    (place.folder / "empty").mkdir()
    server = start(place.folder)
    try:
        for machine in ("Sleep", "Due"):
            await create(server.url, machine, machines.SLEEP)
        await create(server.url, "Chain", machines.chain(1_000))
        server.terminate()
        await seed(file, "Sleep", count - _TURNS * len(few) - len(few), machines.LONG)

        server = start(place.folder)
        with serving(place.folder / "empty") as empty:
            await create(empty.url, "Sleep", machines.SLEEP)
            await create(empty.url, "Chain", machines.chain(1_000))
            slow, quick = await _by_turns(server.url, empty.url, _chain)
            late, early = await _by_turns(server.url, empty.url, lambda url: _p99(url, few))
        held, size = resident(server.process.pid), stored(place.folder)
        await asyncio.sleep(1)
        idle = await idle_share(server.process.pid, 30 * min(1, place.scale))

        server.kill()
        server, answered, _ = await _again(place.folder)
        server.kill()
        await seed(file, "Due", due, '{"seconds": 1}')
        server, answered_due, began = await _again(place.folder)
        fired = await all_ended(server.url, "Due", 240, 0.05) - began
        ended = await _succeeded(server.url, "Due")
        after = resident(server.process.pid)
    finally:
        server.kill()
    if ended != due:
        raise Failed(f"{ended} of {due} timers that fell due while the server was down have fired")
    name = f"{count:,} asleep"
    times = f"{late * 1000:.1f} ms by {early * 1000:.1f} ms"
    return (
        Sample(f"{name}: memory of the server", held / 1e6, "MB", at_most(200)),
        Sample(f"{name}: processor while idle, over 30 s", idle, "%", at_most(0.5)),
        Sample(f"{name}: p99 of StartExecution, by an empty store's", late / early, "", at_most(1.2), times),
        Sample(f"{name}: a transition, by an empty store's", slow / quick, "", at_most(1.2)),
        Sample(f"{name}: disk a sleeper", size / count, "bytes"),
        Sample(f"{name}: from kill -9 to the first answer", answered, "s", at_most(2)),
        Sample(f"{name}: the same, {due:,} due meanwhile", answered_due, "s", at_most(2)),
        Sample(f"{name}: {due:,} due meanwhile have all fired", fired, "s", at_most(30), "none missed"),
        Sample(f"{name}: memory of the server then", after / 1e6, "MB", at_most(200)),
    )


async def _by_turns(one: str, other: str, take: Callable[[str], Awaitable[float]]) -> tuple[float, float]:
    """The medians of what is taken of two servers, one after the other, after a first turn that warms them up."""
    pairs = [(await take(one), await take(other)) for _ in range(_TURNS + 1)][1:]
    ones, others = zip(*pairs, strict=True)
    return statistics.median(ones), statistics.median(others)


async def _p99(url: str, requests: Sequence[bytes]) -> float:
    """Seconds in which 99 of 100 StartExecutions are answered."""
    return percentile((await flood(url, "StartExecution", requests, CONNECTIONS)).took, 99)


async def _chain(url: str) -> float:
    """Seconds that an execution of 1,000 Pass states takes, the middle of some."""
    connection = await Connection.open(url)
    took = []
    for _ in range(9):
        began = time.perf_counter()
        await one(connection, "Chain")
        took.append(time.perf_counter() - began)
    connection.close()
    return statistics.median(took)


async def _again(folder: Path) -> tuple[Server, float, float]:
    """A server started after a kill, the seconds until it has answered a StartExecution, and when it was started."""
    began = time.perf_counter()
    server = start(folder)
    await flood(server.url, "StartExecution", starts("Sleep", 1, machines.LONG), 1)
    return server, time.perf_counter() - began, began


async def _succeeded(url: str, machine: str) -> int:
    """How many executions of a machine have succeeded."""
    connection = await Connection.open(url)
    asked: dict[str, object] = {
        "stateMachineArn": MACHINE_ARN + machine,
        "statusFilter": "SUCCEEDED",
        "maxResults": 1000,
    }
    total = 0
    while True:
        page = await connection.ask("ListExecutions", **asked)
        total += len(page["executions"])
        if "nextToken" not in page:
            connection.close()
            return total
        asked["nextToken"] = page["nextToken"]
