"""The workloads. Each has a server of its own on a fresh store, with the defaults: every answer is durable.

Rules that must stay true here:
- What is timed begins with a client's request and ends with what a client is told; nothing is read off the server's own
  clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from benchmarks import machines
from benchmarks.client import MACHINE_ARN, Connection, Failed, all_ended, create, flood, starts
from benchmarks.figure import Figure, percentile
from benchmarks.footprint import resident, stored
from benchmarks.jobs import crowd
from tests.server import Server, serving, start

CONNECTIONS = 50
Workload = Callable[[Path], Awaitable[Sequence[Figure]]]


async def chain(folder: Path) -> Sequence[Figure]:
    """One execution goes through 1,000 Pass states, as fast as one execution can."""
    length, runs = 1_000, 9
    with serving(folder) as server:
        await create(server.url, "Chain", machines.chain(length))
        connection = await Connection.open(server.url)
        took = []
        for _ in range(runs):
            began = time.perf_counter()
            await _one(connection, "Chain", "{}")
            took.append(time.perf_counter() - began)
        connection.close()
    middle = percentile(took, 50)
    name = "chain: 1,000 Pass states in one execution"
    return (Figure(name, "transitions", length / middle, "/s", "10,000 /s"),)


async def short(folder: Path) -> Sequence[Figure]:
    """Executions of 10 Pass states, started over HTTP as fast as they are answered."""
    name, figures = "short: executions of 10 Pass states", []
    with serving(folder) as server:
        await create(server.url, "Short", machines.chain(10))
        await _run(server, "Short", 200)  # warm: connections, compiled definition, page cache
        for count in (200, 2_000):
            seconds, took = await _run(server, "Short", count)
            figures.append(
                Figure(name, f"{count:,} executions, to the last one's end", count / seconds, "/s", "500 /s")
            )
        figures.append(Figure(name, "StartExecution, median", percentile(took, 50) * 1000, "ms"))
        figures.append(Figure(name, "StartExecution, 99th percentile", percentile(took, 99) * 1000, "ms"))
    return figures


async def _run(server: Server, machine: str, count: int, input_text: str = "{}") -> tuple[float, list[float]]:
    """Seconds from the first start to the last end, and what each start took."""
    began = time.perf_counter()
    took = await flood(server.url, "StartExecution", starts(machine, count, input_text), CONNECTIONS)
    return await all_ended(server.url, machine) - began, took


async def polls(folder: Path) -> Sequence[Figure]:
    """1,000 poll loops at once: five checks and four waits of a second each, so 4 seconds at the least."""
    count, checks, figures = 1_000, 5, []
    for kind, check, arguments in (
        ("Pass", machines.COUNT, []),
        ("Task, out of process", machines.CALL, ["benchmarks.app:app"]),
    ):
        own = folder / kind[:4]
        own.mkdir()
        with serving(own, arguments) as server:
            await create(server.url, "Poll", machines.poll(check, checks))
            await _run(server, "Poll", 1, f'{{"checks": {checks - 1}}}')
            seconds, _ = await _run(server, "Poll", count, '{"checks": 0}')
        what = f"each check a {kind}"
        figures.append(
            Figure("polls: 1,000 loops of 5 checks, 1 s apart", what, seconds, "s", "10 s", "4 s of it are waits")
        )
    return figures


async def sleepers(folder: Path) -> Sequence[Figure]:
    """10,000 executions asleep for an hour: what they cost, and how soon a killed server serves them again."""
    count = 10_000
    name = "sleepers: 10,000 executions in a Wait of an hour"
    server = start(folder)
    try:
        await create(server.url, "Sleep", machines.SLEEP)
        await flood(server.url, "StartExecution", starts("Sleep", 500), CONNECTIONS)
        before, size_before = resident(server.process.pid), stored(folder)
        began = time.perf_counter()
        took = await flood(server.url, "StartExecution", starts("Sleep", count), CONNECTIONS)
        seconds = time.perf_counter() - began
        after, size_after = resident(server.process.pid), stored(folder)
        server.kill()
        killed = time.perf_counter()
        server = start(folder, port=server.port)
        await flood(server.url, "StartExecution", starts("Sleep", 1), 1)
        again = time.perf_counter() - killed
        figures = [
            Figure(name, "memory a sleeper", (after - before) / count, "bytes", "less than 1,000"),
            Figure(name, "disk a sleeper", (size_after - size_before) / count, "bytes"),
            Figure(name, "starts", count / seconds, "/s"),
            Figure(name, "StartExecution, median", percentile(took, 50) * 1000, "ms", floor="50 connections at once"),
            Figure(name, "StartExecution, 99th percentile", percentile(took, 99) * 1000, "ms"),
            Figure(name, "from kill -9 to the next start's answer", again, "s", "2 s"),
            Figure(name, "memory of the server started again", resident(server.process.pid) / 1e6, "MB"),
        ]
    finally:
        server.kill()
    return figures


async def map_run(folder: Path) -> Sequence[Figure]:
    """A distributed Map with a child for each row of a file, 1,000 at a time; its results go to files again."""
    name, count = "map: 100,000 rows of a CSV, an Express child each", 100_000
    bucket = folder / "objects" / "bucket"
    bucket.mkdir(parents=True)
    for key, rows in (("few.csv", 1_000), ("many.csv", count)):
        lines = (f"{row},order-{row},{row % 97}.50,EUR\n" for row in range(rows))
        (bucket / key).write_text("id,order,amount,currency\n" + "".join(lines), encoding="utf-8")
    with serving(folder, environment={"STEPWELL_OBJECTS_FOLDER": str(folder / "objects")}) as server:
        await create(server.url, "Rows", machines.rows("bucket"))
        connection = await Connection.open(server.url)
        await _one(connection, "Rows", '{"key": "few.csv"}', pause=0.05)
        size_before, held = stored(folder), []
        began = time.perf_counter()
        run = asyncio.create_task(_one(connection, "Rows", '{"key": "many.csv"}', pause=0.05))
        while not run.done():
            held.append(resident(server.process.pid))
            await asyncio.wait([run], timeout=0.5)
        await run
        connection.close()
        seconds = time.perf_counter() - began
        size = stored(folder) - size_before
    middle = len(held) // 2
    return (
        Figure(name, "items", count / seconds, "/s", "1,000 /s"),
        Figure(name, "memory of the server at its peak", max(held) / 1e6, "MB", floor=f"{held[0] / 1e6:.0f} MB before"),
        Figure(name, "growth of the peak in the second half", (max(held) - max(held[:middle])) / 1e6, "MB", "none"),
        Figure(name, "disk a child", size / count, "bytes"),
    )


async def _one(connection: Connection, machine: str, input_text: str, pause: float = 0) -> None:
    """Run one execution to its end. Raises Failed where it does not succeed, or takes more than 10 minutes."""
    arn = (await connection.ask("StartExecution", stateMachineArn=MACHINE_ARN + machine, input=input_text))[
        "executionArn"
    ]
    deadline = time.perf_counter() + 600
    while (found := await connection.ask("DescribeExecution", executionArn=arn))["status"] == "RUNNING":
        if time.perf_counter() > deadline:
            break
        await asyncio.sleep(pause)
    if found["status"] != "SUCCEEDED":
        raise Failed(f"{arn} is {found['status']}: {found.get('error')} {found.get('cause')}")


async def jobs(folder: Path) -> Sequence[Figure]:
    """1,000 jobs of 5 seconds at once, with the server killed half-way."""
    return await crowd(folder, 1_000, 64, 5.0, kill=True)


WORKLOADS: dict[str, Workload] = {
    "chain": chain,
    "short": short,
    "polls": polls,
    "sleepers": sleepers,
    "map": map_run,
    "jobs": jobs,
}
