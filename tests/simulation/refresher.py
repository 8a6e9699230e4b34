"""A function that gives fresh values for secrets which are near their end.

Rules that must stay true here:
- A fresh value is a secret like the one before it, and tells when it was given.
- It is asked for one value once at a time; no task is sent a value whose time is over.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Final

from stepwell.engine.dispatch import Outcome, Succeeded, Task
from tests.simulation.audit import Broken
from tests.simulation.times import Times
from tests.simulation.values import GIVEN

REFRESHER: Final = "Refresh"
LIFETIME: Final = 2_000  # milliseconds

_FRESH: Final = re.compile(rf"(\d+) {GIVEN['text']}")


class Refresher:
    """`times` are those of the world; the values of executions on a virtual clock are as old as they may be."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._asked: set[str] = set()

    def crashed(self) -> None:
        """It ends with the server."""
        self._asked.clear()

    def check(self, task: Task) -> None:
        """No task gets what is stale. Raises Broken."""
        if task.clock is not None or task.state_name == REFRESHER:
            return
        for given in _FRESH.findall(task.input):
            if self._times.latest - int(given) > LIFETIME:
                raise Broken(f"{task.idempotency_key} is sent a value of {given} at {self._times.latest}")

    async def run(self, task: Task, delay: float) -> AsyncIterator[Outcome]:
        value = json.loads(task.input)["value"]
        what = f"{task.execution_arn} {value}"
        if what in self._asked:
            raise Broken(f"a value of {task.execution_arn} is refreshed twice at the same time")
        self._asked.add(what)
        try:
            await asyncio.sleep(delay)
            yield Succeeded(json.dumps({"value": f"{self._times.latest} {GIVEN['text']}"}))
        finally:
            self._asked.discard(what)
