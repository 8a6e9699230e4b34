"""A real engine on a real store, with tasks that a test answers, on a clock that a test may set.

Rules that must stay true here:
- Nothing sleeps for the sake of time: a test waits for what it wants to see.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stepwell.engine.clock import SystemClock
from stepwell.engine.dispatch import Succeeded, Task, Told
from stepwell.engine.engine import Engine, EngineSettings
from stepwell.engine.programs import definition_hash
from stepwell.engine.requests import Started, StartRequest
from stepwell.machine.history import Event
from stepwell.store.open import open_store
from stepwell.store.protocol import ActivityRow, Answer, ExecutionRow, MachineRow, Store, TurnRecord
from tests.patience import PATIENCE

ARN = "arn:aws:states:us-east-1:123456789012:"
ACTIVITY = ARN + "activity:dig"

Handler = Callable[[Task], AsyncIterator[Told]]


async def at_once(task: Task) -> AsyncIterator[Told]:
    """Succeeds with the task's own input."""
    yield Succeeded(task.input)


class Handlers:
    """A dispatcher: each task is carried out by the handler of its state, `at_once` where there is none.

    `tasks` are all that were dispatched, `running` those whose iterator is open now, `withdrawn`
    those whose job nobody wants any more.
    """

    def __init__(self, mocked: Sequence[str] = (), **handlers: Handler) -> None:
        self.handlers: dict[str, Handler] = handlers
        self.mocked = set(mocked)
        self.tasks: list[Task] = []
        self.running: list[Task] = []
        self.withdrawn: list[Task] = []

    async def start(self) -> None:
        pass

    async def stop(self, grace: float) -> None:
        pass

    def answers_activity(self, machine_arn: str, test_case: str | None, state_name: str) -> bool:
        return state_name in self.mocked

    async def withdraw(self, task: Task) -> None:
        self.withdrawn.append(task)

    async def run(self, task: Task) -> AsyncIterator[Told]:
        self.tasks.append(task)
        self.running.append(task)
        try:
            async for outcome in self.handlers.get(task.state_name, at_once)(task):
                yield outcome
        finally:
            self.running.remove(task)


class Gate:
    """A handler that answers when the test opens it."""

    def __init__(self, outcome: Told | None = None) -> None:
        self.opened = asyncio.Event()
        self.outcome = outcome

    async def __call__(self, task: Task) -> AsyncIterator[Told]:
        await self.opened.wait()
        yield self.outcome or Succeeded(task.input)


class FakeClock:
    """Stands still until it is set. Starts now, so that it fits what a real clock has written."""

    def __init__(self) -> None:
        self.time = SystemClock().now()

    def now(self) -> int:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += round(seconds * 1000)


class Watched:
    """A store that counts commits, and fails or refuses them where it is told to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.groups: list[Sequence[TurnRecord]] = []
        self.faults: list[Exception] = []
        self.stale = 0
        self.hold: asyncio.Event | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, turns: Sequence[TurnRecord]) -> Sequence[Answer]:
        self.groups.append(turns)
        if self.hold is not None:
            await self.hold.wait()
        if self.faults:
            raise self.faults.pop(0)
        if self.stale:
            self.stale -= 1
            return [Answer.STALE] * len(turns)
        return await self._store.commit(turns)


class House:
    """One store, and the engine that is at work on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dispatcher = Handlers()
        self.clock: Any = SystemClock()
        self.settings = EngineSettings(timer_window=40)
        self._names = 0

    async def open(self) -> House:
        self.store = Watched(await open_store(str(self.path)))
        self.engine = Engine(self.store, self.dispatcher, self.settings, self.clock)  # type: ignore[arg-type]
        await self.engine.start()
        return self

    async def close(self, grace: float = 0) -> None:
        await self.engine.stop(grace)
        await self.store.close()

    async def restart(self, dispatcher: Handlers | None = None) -> None:
        """Stop at once, and start a new engine on what the store holds."""
        await self.close()
        self.dispatcher = dispatcher or self.dispatcher
        await self.open()

    async def machine(self, definition: Mapping[str, Any], name: str = "Orders") -> MachineRow:
        text = json.dumps(definition)
        arn = f"{ARN}stateMachine:{name}"
        row = MachineRow(
            arn=arn,
            name=name,
            type="STANDARD",
            status="ACTIVE",
            definition_hash=definition_hash(text),
            role_arn="arn:aws:iam::123456789012:role/Orders",
            creation_date=1000,
            update_date=1000,
            revision_id="r1",
            configuration="{}",
        )
        made: MachineRow | None = await self.store.create_machine(row, text, {})
        return made or await self.store.find_machine(arn)

    async def activity(self, arn: str = ACTIVITY) -> None:
        await self.store.create_activity(ActivityRow(arn, arn.rsplit(":", 1)[1], 1000), {})

    async def start(self, machine: MachineRow, input: Any = None, name: str | None = None, **fields: Any) -> Started:
        self._names += 1
        name = name or f"run-{self._names}"
        return await self.engine.start_execution(
            StartRequest(
                machine=machine,
                arn=f"{ARN}execution:{machine.name}:{name}",
                name=name,
                input=json.dumps({} if input is None else input),
                **fields,
            )
        )

    async def run(self, definition: Mapping[str, Any], input: Any = None, **fields: Any) -> ExecutionRow:
        """Start an execution of a new machine and wait for its end."""
        return await self.end(await self.start(await self.machine(definition), input, **fields))

    async def row(self, started: Started) -> ExecutionRow:
        row: ExecutionRow | None = await self.store.find_execution(started.arn)
        assert row is not None
        return row

    async def end(self, started: Started) -> ExecutionRow:
        """The execution once it has ended."""
        row = await self.row(started)
        async with asyncio.timeout(PATIENCE):
            while row.change.status == "RUNNING":
                await self.engine.wait_for_turn(row.new.key, row.change.last_event_id, 1)
                row = await self.row(started)
        return row

    async def events(self, started: Started) -> list[Event]:
        return await self.engine.history((await self.row(started)).new.key, 1, 30_000, False)

    async def types(self, started: Started) -> list[str]:
        return [event.type for event in await self.events(started)]


async def until(true: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = true()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.002)
