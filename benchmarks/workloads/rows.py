"""A distributed Map over the rows of a CSV file, Express children, its results written to files again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from benchmarks import machines
from benchmarks.client import Connection, create, one
from benchmarks.figure import Bar, Sample, at_least, at_most
from benchmarks.footprint import resident, stored
from benchmarks.workloads.workload import Place
from tests.server import serving


async def batched(place: Place) -> Sequence[Sample]:
    """1,000,000 rows, 100 of them to a child."""
    count = place.count(1_000_000)
    return await _rows(place, count, 100, f"{count:,} rows of a CSV, 100 to an Express child", at_least(20_000))


async def single(place: Place) -> Sequence[Sample]:
    """100,000 rows, a child each."""
    count = place.count(100_000)
    return await _rows(place, count, 1, f"{count:,} rows of a CSV, an Express child each", None)


async def _rows(place: Place, count: int, batch: int, name: str, bar: Bar | None) -> Sequence[Sample]:
    bucket = place.folder / "objects" / "bucket"
    bucket.mkdir(parents=True)
    for key, rows in (("few.csv", min(count, 10 * batch)), ("many.csv", count)):
        with (bucket / key).open("w", encoding="utf-8") as file:
            file.write("id,order,amount,currency\n")
            file.writelines(f"{row},order-{row},{row % 97}.50,EUR\n" for row in range(rows))
    with serving(place.folder, environment={"STEPWELL_OBJECTS_FOLDER": str(place.folder / "objects")}) as server:
        await create(server.url, "Rows", machines.rows("bucket", batch))
        connection = await Connection.open(server.url)
        await one(connection, "Rows", '{"key": "few.csv"}', pause=0.05)
        size = stored(place.folder)
        held = [(0.0, float(resident(server.process.pid)))]
        began = time.perf_counter()
        run = asyncio.create_task(one(connection, "Rows", '{"key": "many.csv"}', pause=0.05))
        while not run.done():
            await asyncio.wait([run], timeout=0.5)
            held.append((time.perf_counter() - began, float(resident(server.process.pid))))
        await run
        seconds = time.perf_counter() - began
        connection.close()
        size = stored(place.folder) - size
    memory = [value for _, value in held]
    peak, middle = max(memory), max(1, len(memory) // 2)
    growth = (peak - max(memory[:middle])) / 1e6
    return (
        Sample(f"{name}: items", count / seconds, "/s", bar),
        Sample(
            f"{name}: memory of the server at its peak", peak / 1e6, "MB", None, f"{memory[0] / 1e6:.0f} before", held
        ),
        Sample(
            f"{name}: growth of the peak in the second half",
            growth,
            "MB",
            at_most(5),
            "flat, but for what is freed late",
        ),
        Sample(f"{name}: disk a child", size / (count / batch), "bytes"),
    )
