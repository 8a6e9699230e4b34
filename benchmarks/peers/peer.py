"""What a peer is, and the workloads that all are measured by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.figure import Sample
from benchmarks.workloads.workload import Place

# The workloads, in the order of the table: what each one's first sample is.
CHAIN, SHORT, LATENCY, POLLS, TASKS, KILL = "chain", "short", "latency", "polls", "tasks", "kill"
WORKLOADS = (CHAIN, SHORT, LATENCY, POLLS, TASKS, KILL)

STEPS = "steps/s, one after the other in one execution"
EXECUTIONS = "executions of 10 steps/s, 200 at once"
MILLISECONDS = "start to end seen, one step, p50"
LOOPS = "poll loops of 5 checks, 1 s apart"
CALLS = "tasks/s, handlers that do nothing"
KNOWN = "an execution that had ended is known after kill -9"
ENDED = "of 20 asleep for 5 s, ended after kill -9 and a new start"

SLEEPERS, SLEEP = 20, 5  # executions, and seconds of each
BOX = 60.0  # seconds that a measurement may take; slow peers are given less to do


class Unavailable(Exception):
    """A peer cannot be installed, started or asked for this here; the message says why."""


class Peer(Protocol):
    """`what` says in a few words how it runs."""

    @property
    def name(self) -> str: ...

    @property
    def what(self) -> str: ...

    def install(self, cache: Path) -> str:
        """Have it ready below the cache; its version. Raises Unavailable."""
        ...

    async def measure(self, workload: str, place: Place, cache: Path) -> Sequence[Sample]:
        """One run of a workload, by servers of its own. Raises Unavailable."""
        ...


def sizes(full: int, place: Place) -> tuple[int, int]:
    """How much a peer is given to do at first, and then, if it is quick enough."""
    return place.count(full // 10), place.count(full)
