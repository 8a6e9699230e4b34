"""Engines on one store file that live, crash at a chosen commit, and are followed by the next.

Rules that must stay true here:
- A crash is an end without a goodbye: the commit is on the disk, its answer reaches nobody, and nothing runs any more.
  It may come at any time, also while the engine is being stopped.
- No life lasts for ever: one that does not end fails, with what it waits for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepwell.engine.dispatch import Dispatcher
from stepwell.engine.engine import Engine
from stepwell.engine.programs import definition_hash
from stepwell.engine.requests import StartRequest
from stepwell.machine.history import Event
from stepwell.store.open import open_store
from stepwell.store.protocol import Answer, ExecutionRow, MachineRow, Store, TurnRecord
from stepwell.tasks.dispatcher import TaskDispatcher
from stepwell.tasks.function import FunctionRegistry
from stepwell.tasks.lambda_service import LambdaService

ACCOUNT = "arn:aws:states:us-east-1:123456789012:"
ROLE = "arn:aws:iam::123456789012:role/x"


def machine_arn(name: str) -> str:
    return f"{ACCOUNT}stateMachine:{name}"


def execution_arn(machine: str, name: str) -> str:
    return f"{ACCOUNT}execution:{machine}:{name}"


def dispatcher() -> Dispatcher:
    return TaskDispatcher(LambdaService(FunctionRegistry([]), region="us-east-1", account="123456789012"))


class MortalStore:
    """A store whose process dies once `commits` of them are on the disk."""

    def __init__(self, store: Store, commits: int | None) -> None:
        self._store = store
        self._left = commits
        self.dead = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if self._left is None or name == "close" or not callable(found):
            return found

        async def mortal(*arguments: Any, **options: Any) -> Any:
            await self._alive()
            return await found(*arguments, **options)

        return mortal

    async def commit(self, turns: Sequence[TurnRecord]) -> Sequence[Answer]:
        await self._alive()
        answers = await self._store.commit(turns)
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self.dead.set()
            await self._alive()
        return answers

    async def _alive(self) -> None:
        if self.dead.is_set():
            await asyncio.get_running_loop().create_future()


@dataclass
class Life:
    """What happens while an engine lives."""

    engine: Engine

    async def create(self, name: str, definition: Mapping[str, Any], configuration: str = "{}") -> None:
        text = json.dumps(definition)
        row = MachineRow(
            arn=machine_arn(name),
            name=name,
            type="STANDARD",
            status="ACTIVE",
            definition_hash=definition_hash(text),
            role_arn=ROLE,
            creation_date=1,
            update_date=1,
            revision_id="INITIAL",
            configuration=configuration,
        )
        await self.engine.store.create_machine(row, text, {})

    async def start(self, machine: str, name: str, input: Any = None, **options: Any) -> str:
        found = await self.engine.store.find_machine(machine_arn(machine))
        assert found is not None
        arn = execution_arn(machine, name)
        text = json.dumps({} if input is None else input)
        await self.engine.start_execution(StartRequest(machine=found, arn=arn, name=name, input=text, **options))
        return arn

    async def row(self, arn: str) -> ExecutionRow:
        found = await self.engine.store.find_execution(arn)
        assert found is not None, arn
        return found

    async def ended(self, arn: str, seconds: float = 10) -> ExecutionRow:
        """The execution, once it has ended."""
        async with asyncio.timeout(seconds):
            while True:
                row = await self.row(arn)
                if row.change.status != "RUNNING":
                    return row
                await self.engine.wait_for_turn(row.new.key, row.change.last_event_id, 1)

    async def until_event(self, arn: str, type: str) -> None:
        """Wait until the execution's history has such an event."""
        async with asyncio.timeout(10):
            while not any(event.type == type for event in await self.events(arn)):  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def events(self, arn: str) -> list[Event]:
        row = await self.row(arn)
        return await self.engine.history(row.new.key, 1, 10_000, False)

    async def executions(self, machine: str) -> list[ExecutionRow]:
        found = await self.engine.store.find_machine(machine_arn(machine))
        assert found is not None
        return [row for _, row in await self.engine.store.list_executions(found.id, None, None, 1000)]

    async def map_runs(self, arn: str) -> list[ExecutionRow]:
        """The map runs of an execution, oldest first."""
        return list(await self.engine.store.children((await self.row(arn)).new.key, 0, 100))

    async def children(self, map_run: ExecutionRow) -> list[ExecutionRow]:
        """The children of a map run, in the order of their items."""
        return list(await self.engine.store.children(map_run.new.key, 0, 100_000))

    async def begun(self, map_run: ExecutionRow, number: int) -> list[ExecutionRow]:
        """The children of a map run, once there are so many."""
        async with asyncio.timeout(10):
            while len(children := await self.children(map_run)) < number:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return children

    async def run_ended(self, map_run: ExecutionRow) -> ExecutionRow:
        """A map run, once it has ended; it may be told of its parent's end after the parent has ended."""
        async with asyncio.timeout(10):
            while (row := await self.row(map_run.new.arn)).change.status == "RUNNING":  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return row

    async def settled(self, seconds: float = 10) -> None:
        """Wait until no message is under way."""
        async with asyncio.timeout(seconds):
            while await self.engine.store.outbox("message", (0, 0), 1):  # noqa: ASYNC110
                await asyncio.sleep(0.005)


def live(
    path: Path,
    life: Callable[[Life], Awaitable[None]],
    *,
    commits: int | None = None,
    make: Callable[[], Dispatcher] = dispatcher,
    seconds: float = 60,
    **options: Any,
) -> bool:
    """Run an engine on the store until its `life` is over; False where it has died before, after so many commits.

    Raises AssertionError where neither has come after so many `seconds`."""

    async def run() -> bool:
        store = await open_store(str(path))
        mortal = MortalStore(store, commits)
        engine = Engine(mortal, make(), **options)

        async def whole() -> None:
            await engine.start()
            await life(Life(engine))
            await engine.stop(1)

        living = asyncio.ensure_future(whole())
        dying = asyncio.ensure_future(mortal.dead.wait())
        await asyncio.wait([living, dying], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        try:
            if living.done():
                await living
                return True
            assert mortal.dead.is_set(), "\n".join([f"after {seconds} s it still waits:", *map(repr, others)])
            return False
        finally:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await store.close()

    return asyncio.run(run())


def crashes(
    path: Path, begin: Callable[[Life], Awaitable[None]], recover: Callable[[Life], Awaitable[None]], **options: Any
) -> int:
    """Let `begin` crash after its first commit, its second, and so on, each on a store of its own, with a life after
    it; how many crashes there were."""
    count = 0
    while not live(path.with_name(f"{count}.db"), begin, commits=count + 1, **options):
        assert live(path.with_name(f"{count}.db"), recover, **options)
        count += 1
        assert count < 200
    return count
