"""Poll loops, all at once: five checks and four waits of a second each, so 4 seconds at the least."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import machines
from benchmarks.client import create, run
from benchmarks.figure import Bar, Sample, at_most
from benchmarks.workloads.workload import CONNECTIONS, Place
from tests.server import serving

APP = "benchmarks.app:app"


async def measure(place: Place) -> Sequence[Sample]:
    """Each check a Pass state."""
    rows = ((1_000, at_most(4.5)), (5_000, at_most(8, 5)), (10_000, at_most(14)))
    return [await _loops(place, "Pass", full, bar) for full, bar in rows]


async def with_tasks(place: Place) -> Sequence[Sample]:
    """Each check a Task whose handler is out of process."""
    return (await _loops(place, "Task out of process", 1_000, at_most(6, 5)),)


async def _loops(place: Place, kind: str, full: int, bar: Bar) -> Sample:
    count, checks = place.count(full), place.count(5, least=2)
    check, arguments = (machines.COUNT, []) if kind == "Pass" else (machines.CALL, [APP])
    with serving(place.own(f"{kind[:4]}-{full}"), arguments) as server:
        await create(server.url, "Poll", machines.poll(check, checks))
        await run(server.url, "Poll", 1, 1, f'{{"checks": {checks - 1}}}')
        seconds, sent = await run(server.url, "Poll", count, CONNECTIONS, '{"checks": 0}')
    what = f"{count:,} poll loops of {checks} checks (each a {kind})"
    return Sample(what, seconds, "s", bar, f"{checks - 1} s of it are waits; started in {sent.seconds:.2f} s")
