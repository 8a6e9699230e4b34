"""The workloads: what each is called, how long a run of it may take, and how often it is run.

Rules that must stay true here:
- Each run has servers of its own, started as a user starts them, on a fresh store, with the defaults: every answer is
  durable.
- What is timed begins with a client's request and ends with what a client is told; nothing is read off the server's own
  clock.
"""

from __future__ import annotations

from benchmarks.workloads import (
    asleep,
    chain,
    commands,
    express,
    floors,
    growth,
    history,
    inline_map,
    jobs,
    latency,
    millions,
    polls,
    rows,
    short,
    starts,
    tasks,
)
from benchmarks.workloads.workload import Workload

USUAL: dict[str, Workload] = {
    "floors": Workload(floors.measure),
    "chain": Workload(chain.measure),
    "short": Workload(short.measure),
    "starts": Workload(starts.measure),
    "latency": Workload(latency.measure),
    "polls": Workload(polls.measure, seconds=180),
    "poll-tasks": Workload(polls.with_tasks),
    "tasks": Workload(tasks.measure),
    "map": Workload(inline_map.measure),
    "express": Workload(express.measure),
    "asleep": Workload(asleep.measure),
    "history": Workload(history.measure),
    "commands": Workload(commands.measure),
    "growth": Workload(growth.measure, rounds=3),
    "jobs": Workload(jobs.measure, rounds=1),
}

# Each takes a minute and more, and is run once.
LARGE: dict[str, Workload] = {
    "rows": Workload(rows.batched, seconds=600, rounds=1),
    "children": Workload(rows.single, seconds=300, rounds=1),
    "asleep-100k": Workload(millions.asleep(100_000), seconds=600, rounds=1),
    "asleep-1m": Workload(millions.asleep(1_000_000), seconds=1_500, rounds=1),
}

WORKLOADS: dict[str, Workload] = USUAL | LARGE
