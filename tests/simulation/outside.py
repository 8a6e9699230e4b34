"""The world around the server: services, functions and workers, which outlive its crashes.

Rules that must stay true here:
- What a task comes to follows from its state's name and its input alone, so that a run without faults says how the
  others have to end; when it comes, how often, and whether it is heard is for chance.
- Whoever has something to tell tells it until it is answered.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Protocol

from stepwell.engine.dispatch import (
    Child,
    Failed,
    JobSubmitted,
    Outcome,
    Refused,
    StillRunning,
    Submitted,
    Succeeded,
    Task,
    TimedOut,
    Told,
)
from stepwell.engine.map_run.data_set import GivenItems, Items, Result
from stepwell.language.model import Resource
from stepwell.language.values import Json
from stepwell.tasks.nested_execution import NestedExecution
from tests.simulation.agenda import Agenda
from tests.simulation.audit import Audit, Broken
from tests.simulation.refresher import REFRESHER, Refresher
from tests.simulation.values import INPUT

ON_PURPOSE: Final = "raised on purpose"

_SLOW: Final = 20.0  # seconds
_READ: Final = 5  # items that a reader has


class Telephone(Protocol):
    """How a worker reaches the server; see `World.call`."""

    def tell(self, token: str, outcome: Outcome, then: Callable[[bool], None]) -> None:
        """Tell the outcome of a task until it is answered. `then` is told whether it was accepted."""
        ...

    def beat(self, token: str) -> None: ...


@dataclass(frozen=True)
class Script:
    """What becomes of a task. Without an outcome nothing is heard of it any more."""

    outcome: Outcome | None
    slow: bool = False
    raises: bool = False


def script_of(behaviour: str, input: Json) -> Script:
    given = input if isinstance(input, dict) else {}
    value = given.get("v")
    result = {"v": value if isinstance(value, int) else 8, "by": behaviour}
    if isinstance(given.get("t"), str):
        result["echo"] = given["t"]  # it may be a secret
    done = Succeeded(json.dumps(result))
    failed = Failed("A", "why")
    match behaviour:
        case "fails":
            return Script(failed)
        case "sometimes":
            return Script(failed if len(json.dumps(value)) % 2 else done)
        case "third":
            retry = given.get("retry")
            return Script(done if isinstance(retry, int) and retry >= 2 else failed)
        case "slow":
            return Script(done, slow=True)
        case "large":
            return Script(Succeeded(json.dumps("z" * 300_000)))
        case "hangs":
            return Script(None)
        case "raises":
            return Script(Failed("States.TaskFailed", None), raises=True)
    return Script(done)


class Outside:
    """A dispatcher. `audit` is asked whether what is dispatched was committed before."""

    def __init__(
        self, agenda: Agenda, chance: Random, audit: Audit, telephone: Telephone, refresher: Refresher, *, calm: bool
    ) -> None:
        self._agenda = agenda
        self._chance = chance
        self._audit = audit
        self._telephone = telephone
        self._refresher = refresher
        self._calm = calm
        self._nested = NestedExecution()
        self._running: set[tuple[str, bool]] = set()
        self._messages: set[str] = set()
        self._jobs: dict[str, float] = {}
        self.dispatched = 0

    def crashed(self) -> None:
        """Handlers end with the server."""
        self._running.clear()
        self._refresher.crashed()

    # -- the dispatcher

    async def start(self) -> None:
        """Nothing to make ready."""

    async def stop(self, grace: float) -> None:
        """Nothing is held."""

    def answers_activity(self, machine_arn: str, test_case: str | None, state_name: str) -> bool:
        return False

    def child_outcome(self, resource: Resource, child: Child | Refused) -> Outcome:
        return self._nested.child_outcome(resource, child)

    async def withdraw(self, task: Task) -> None:
        self._jobs.pop(task.idempotency_key, None)

    async def run(self, task: Task) -> AsyncIterator[Told]:
        if task.state_name == REFRESHER:
            async for told in self._refresher.run(task, self._delay()):
                yield told
            return
        self._check(task)
        self._refresher.check(task)
        mark = (task.idempotency_key, task.submitted is None)
        if mark in self._running:
            raise Broken(f"{mark[0]} is carried out twice at the same time")
        self._running.add(mark)
        self.dispatched += 1
        try:
            if task.resource.service == "states":
                async for told in self._nested.run(task):
                    yield told
                return
            async for told in self._carry_out(task):
                yield told
        finally:
            self._running.discard(mark)

    def _check(self, task: Task) -> None:
        if ":express:" in task.execution_arn:
            return
        known = self._audit.find(task.execution_arn)
        scheduled = int(task.idempotency_key.rpartition(":")[2])
        if known is None or (known.logged and scheduled > len(known.events)):
            raise Broken(f"{task.idempotency_key} was dispatched before it was committed")

    async def _carry_out(self, task: Task) -> AsyncIterator[Told]:
        script = script_of(task.state_name.rpartition("-")[2], json.loads(task.input))
        if task.resource.pattern == "waitForTaskToken":
            await asyncio.sleep(self._delay())
            self._send_message(task, script)
            yield Submitted('{"MessageId": "m"}')
            return
        if task.resource.pattern == "sync":
            async for told in self._follow_job(task, script):
                yield told
            return
        if script.outcome is None and not task.virtual:
            await asyncio.sleep(1_000_000)
        await asyncio.sleep(self._delay() + _SLOW * script.slow)
        if script.raises:
            raise RuntimeError(ON_PURPOSE)
        yield script.outcome or TimedOut()

    async def _follow_job(self, task: Task, script: Script) -> AsyncIterator[Told]:
        await asyncio.sleep(self._delay())
        key = task.idempotency_key.rpartition(":")[0] + task.state_name
        if task.submitted is None:
            self._jobs.setdefault(key, self._agenda.now + (_SLOW if script.slow else self._delay()))
            yield JobSubmitted('{"JobId": "j"}')
        elif self._agenda.now < self._jobs.get(key, 0) or (script.outcome is None and not task.virtual):
            yield StillRunning(5)
        else:
            yield script.outcome or TimedOut()

    def _delay(self) -> float:
        return 0.0 if self._calm else self._chance.choice((0, 0, 0.01, 0.3, 3))

    # -- who holds a token

    def _send_message(self, task: Task, script: Script) -> None:
        """A message with a token has come: somebody answers it, once."""
        if task.token not in self._messages:
            self._messages.add(task.token)
            self.work_on(task.token, script)

    def work_on(self, token: str, script: Script) -> None:
        if script.outcome is None:
            return
        outcome = script.outcome
        wait = self._delay() + _SLOW * script.slow
        if script.slow:
            self._agenda.after(wait / 2, lambda: self._telephone.beat(token))
        self._agenda.after(wait, lambda: self._telephone.tell(token, outcome, lambda _: self._again(token)))

    def _again(self, token: str) -> None:
        """Some tell it twice, or something else."""
        if not self._calm and self._chance.random() < 0.25:
            other = self._chance.choice((Succeeded('{"v": 99}'), Failed("B", "twice")))
            self._telephone.tell(token, other, self._refused)

    @staticmethod
    def _refused(accepted: bool) -> None:
        if accepted:
            raise Broken("a token was settled twice")


class Objects:
    """What distributed Maps read and write. See `DataSets`."""

    def __init__(self) -> None:
        self.written: dict[str, int] = {}

    async def open(self, reader: Mapping[str, Json], cursor: Json, pin: str | None) -> Items:
        most = reader.get("max_items")
        values: Sequence[Json] = [dict(INPUT, v=n) for n in range(_READ)]
        return GivenItems(values[: most if isinstance(most, int) and most > 0 else None], cursor)

    def texts(self, writer: Mapping[str, Json] | None, result: Result) -> Sequence[str]:
        return () if result.output is None else (result.output,)

    async def write(
        self, writer: Mapping[str, Json], map_run_arn: str, results: AsyncIterator[Result]
    ) -> tuple[Json, int]:
        count = 0
        async for _ in results:
            await asyncio.sleep(0)
            count += 1
        self.written[map_run_arn] = count
        details: dict[str, Any] = {"Bucket": "b", "Key": f"out/{map_run_arn.rpartition(':')[2]}/manifest.json"}
        return details, count
