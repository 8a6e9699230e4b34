"""A history of 25,000 events whose states hold 10 KB: how soon a page of 1,000 is there, and what it takes on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchmarks import machines
from benchmarks.client import Connection, Failed, create, one
from benchmarks.figure import Sample, at_most, percentile
from benchmarks.footprint import busy, stored
from benchmarks.workloads.workload import Place
from tests.server import serving

PAGE = 1_000


async def measure(place: Place) -> Sequence[Sample]:
    rounds = place.count(6_240)  # four events each: 24,960, and those of the start and the end
    with serving(place.folder) as server:
        await create(server.url, "Long", machines.count_up())
        connection = await Connection.open(server.url)
        await one(connection, "Long", machines.counting(2))
        size = stored(place.folder)
        arn = await one(connection, "Long", machines.counting(rounds, "x" * 10_000), pause=0.01)
        running = stored(place.folder) - size
        worked = busy(server.process.pid)
        took, distinct, events = await _pages(connection, arn)
        worked = busy(server.process.pid) - worked
        connection.close()
    kept = stored(place.folder)
    payload = sum(distinct.values())
    if events < rounds * 4:
        raise Failed(f"the history has {events} events, not {rounds * 4} and more")
    name = f"history of {events:,} events with 10 KB states"
    return (
        Sample(f"{name}: page of {PAGE:,}, to its first byte", percentile(took, 50) * 1000, "ms", at_most(30)),
        Sample(f"{name}: processor of the server a page", 1000 * worked / len(took), "ms"),
        Sample(f"{name}: disk by distinct payload", kept / payload, "", at_most(1.5), f"{payload / 1e6:.0f} MB"),
        Sample(f"{name}: the same while it is served", running / payload, "", beside="the log before a checkpoint"),
    )


async def _pages(connection: Connection, arn: str) -> tuple[list[float], dict[str, int], int]:
    """Seconds to the head of each whole page, the distinct texts by their lengths, and how many events there are."""
    took: list[float] = []
    distinct: dict[str, int] = {}
    events, token = 0, None
    while True:
        asked: dict[str, Any] = {"executionArn": arn, "maxResults": PAGE}
        if token is not None:
            asked["nextToken"] = token
        answer, seconds = await connection.timed("GetExecutionHistory", json.dumps(asked).encode())
        page = json.loads(answer)
        took.append(seconds)
        events += len(page["events"])
        for event in page["events"]:
            for details in event.values():
                if isinstance(details, dict):
                    for text in (details.get("input"), details.get("output")):
                        if text is not None:
                            distinct[text] = len(text.encode())
        token = page.get("nextToken")
        if token is None:
            return took, distinct, events
