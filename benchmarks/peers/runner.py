"""Samples from the seconds that a workload takes, for peers that are no servers of AWS's API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from benchmarks.figure import Sample
from benchmarks.peers import peer
from benchmarks.peers.peer import BOX, sizes
from benchmarks.workloads.workload import Place

TASKS = 10  # of each execution

# The seconds that a workload takes for a count: of steps (chain), of executions, or one execution's (latency: the
# middle of so many).
Run: TypeAlias = Callable[[str, int], Awaitable[float]]


async def samples(run: Run, workload: str, place: Place) -> Sequence[Sample]:
    """The samples of any workload but the kill. Raises what `run` raises."""
    if workload == peer.CHAIN:
        length, many = sizes(1_000, place)
        seconds = await run(workload, length)
        if seconds * 40 < BOX:
            length, seconds = many, await run(workload, many)
        return (Sample(peer.STEPS, length / seconds, "/s", beside=f"{length:,} steps"),)
    if workload == peer.SHORT:
        count = place.count(200)
        return (Sample(peer.EXECUTIONS, count / await run(workload, count), "/s"),)
    if workload == peer.LATENCY:
        return (Sample(peer.MILLISECONDS, 1000 * await run(workload, place.count(100)), "ms"),)
    if workload == peer.POLLS:
        count = place.count(1_000)
        return (Sample(peer.LOOPS, await run(workload, count), "s", beside=f"{count:,} at once"),)
    count = place.count(100)
    rate = count * TASKS / await run(workload, count)
    return (Sample(peer.CALLS, rate, "/s", beside=f"{count} executions of {TASKS}"),)
