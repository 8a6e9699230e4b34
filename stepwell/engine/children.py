"""Executions that tasks of other executions have started: begun once, told of, aborted with their parent.

Rules that must stay true here:
- A waiting parent is rows: nobody in memory waits for a child. The child's own turns tell its parent that it begins and
  that it ends, by messages that are settled in the very commit that takes them in.
- A start that is carried out again after a crash finds its own child, known by the token of the task.
- A child whose parent no longer waits for it is aborted: by the parent's message where the parent knew it, else by the
  answer to its own first message.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid5

import orjson

from stepwell.engine.attempt import stimulus_of
from stepwell.engine.dispatch import Child, Dispatcher, Outcome, Refused, StartExecution, Task
from stepwell.engine.driver import Driver
from stepwell.engine.errors import ExecutionAlreadyExists, TooManyExecutions
from stepwell.engine.express import EXPRESS, express_arn
from stepwell.engine.map_run.progress import Redriven, decode
from stepwell.engine.map_run.runs import MapRuns
from stepwell.engine.records import ABORT, CHILD_ENDED, MAP_RUN_ENDED, REDRIVE, STARTED
from stepwell.engine.requests import Started, StartRequest
from stepwell.engine.targets import find_target
from stepwell.engine.tokens import open_token
from stepwell.language.resource import parse_resource
from stepwell.machine.stimulus import MapRunFailed, MapRunSucceeded, Stimulus, Stop
from stepwell.store.protocol import EffectRow, ExecutionRow, Store

_NAMES = UUID("9c1b6b1e-5d0c-4d6a-9d0f-2f4f7c0e8a51")  # the space of the names that are derived from tokens

Start = Callable[[StartRequest], Awaitable[Started]]


class Children:
    def __init__(self, store: Store, driver: Driver, dispatcher: Dispatcher, map_runs: MapRuns, start: Start) -> None:
        self._store = store
        self._driver = driver
        self._dispatcher = dispatcher
        self._map_runs = map_runs
        self._start = start

    # -- the start

    async def start(self, key: int, task: Task, asked: StartExecution) -> Outcome | None:
        """Start the execution that a task of the execution `key` asks for.

        None where the child itself will tell the task. Raises KeyError (the parent is gone), StoreError, Stopping.
        """
        child = await self._child(key, task, asked)
        if asked.awaited and isinstance(child, Child):
            return None
        return self._dispatcher.child_outcome(task.resource, child)

    async def start_alone(self, task: Task, asked: StartExecution) -> Outcome:
        """Start the execution that a task of an Express execution asks for: nothing waits for it, or ends it.

        Raises StoreError, Stopping.
        """
        return self._dispatcher.child_outcome(task.resource, await self._child(None, task, asked))

    async def _child(self, key: int | None, task: Task, asked: StartExecution) -> Child | Refused:
        name = asked.name or str(uuid5(_NAMES, task.token))
        target = await find_target(self._store, asked.machine_arn)
        if target is None:
            return Refused("missing", asked.machine_arn, "")
        machine = target.machine
        arn = f"{machine.arn.replace(':stateMachine:', ':execution:', 1)}:{name}"
        if machine.status != "ACTIVE":
            return Refused("deleting", asked.machine_arn, arn)
        if machine.type == EXPRESS:
            if asked.awaited:
                return Refused("unsupported", asked.machine_arn, arn)
            arn = express_arn(machine.arn, name)
        parent = None if key is None else await self._driver.look(key)
        holding = parent is not None and parent.identity is not None and parent.identity.tokens_hold_clock
        request = StartRequest(
            machine=machine,
            arn=arn,
            name=name,
            input=asked.input,
            trace_header=asked.trace_header,
            version_arn=target.version_arn,
            alias_arn=target.alias_arn,
            clock=None if parent is None else parent.clock,
            tokens_hold_clock=holding,
            parent_key=key,
            parent_token=task.token,
            awaited_by=task.resource.arn if asked.awaited else None,
            brand=task.brand,
            trace=task.trace,
        )
        try:
            started = await self._start(request)
        except ExecutionAlreadyExists as taken:
            if taken.existing.new.parent_token != task.token:
                return Refused("exists", asked.machine_arn, arn)
            started = Started(arn, taken.existing.new.start_date)
        except TooManyExecutions:
            return Refused("throttled", asked.machine_arn, arn)
        return Child(
            arn=arn,
            machine_arn=machine.arn,
            name=name,
            status="RUNNING",
            start_date=started.start_date,
            input=asked.input,
            trace_header=asked.trace_header,
        )

    # -- messages

    async def deliver(self, key: int, row: EffectRow) -> None:
        """Take in a message of the execution `key`, and settle it. Raises StoreError."""
        message = (key, row.id)
        if row.target == ABORT:
            await self._abort(row.data.decode(), message)
            return
        if row.target == REDRIVE:
            arn, token, at = orjson.loads(row.data)
            await self._redrive(arn, message, Redriven(-row.id, token, at))
            return
        if row.target == CHILD_ENDED:
            map_run, status, items, at = orjson.loads(row.data)
            await self._map_runs.child_ended(map_run, message, status, items, at)
            return
        sender = await self._store.execution_row(key)
        if sender is None:
            await self._store.settle([message])
        elif row.target == MAP_RUN_ENDED:
            await self._map_run_ended(sender, message)
        else:
            await self._tell_parent(sender, message, begins=row.target == STARTED)

    async def _abort(self, arn: str, message: tuple[int, int]) -> None:
        key = await self._store.execution_key(arn)
        if key is not None and ":mapRun:" in arn:
            await self._map_runs.abort(key, message)
        elif key is None or await self._driver.submit(key, Stop(None, None), settles=message) is None:
            await self._store.settle([message])

    async def _redrive(self, arn: str, message: tuple[int, int], asked: Redriven) -> None:
        key = await self._store.execution_key(arn)
        if key is None:
            await self._store.settle([message])
        else:
            await self._map_runs.redrive(key, message, asked)

    async def _map_run_ended(self, row: ExecutionRow, message: tuple[int, int]) -> None:
        new, change = row.new, row.change
        assert new.parent_key is not None
        assert new.parent_token is not None
        progress = decode(change.data)
        token = new.parent_token if progress.redriven is None else progress.redriven.token
        _, path = open_token(token)
        stimulus: Stimulus
        if change.status == "SUCCEEDED":
            stimulus = MapRunSucceeded(path, token, change.output or "")
        else:
            stimulus = MapRunFailed(path, token, change.error or "", change.cause or "")
        try:
            if change.status != "RUNNING":  # else it was redriven since, and another end comes
                told = await self._driver.submit(new.parent_key, stimulus, settles=message, at=progress.clock)
                if told is not None:
                    return
        except KeyError:
            pass  # the parent is gone
        await self._store.settle([message])

    async def _tell_parent(self, row: ExecutionRow, message: tuple[int, int], *, begins: bool) -> None:
        new = row.new
        assert new.parent_key is not None
        assert new.parent_token is not None
        assert new.awaited_by is not None
        _, path = open_token(new.parent_token)
        outcome = self._dispatcher.child_outcome(parse_resource(new.awaited_by), _as_child(row, begins=begins))
        stimulus = stimulus_of(path, new.parent_token, outcome, new.arn)
        try:
            if await self._driver.submit(new.parent_key, stimulus, settles=message, at=row.change.clock) is not None:
                return
        except KeyError:
            pass  # the parent is gone
        if begins and not await self._is_open(new.parent_key, path, new.parent_token):
            await self._driver.submit(new.key, Stop(None, None))
        await self._store.settle([message])

    async def _is_open(self, key: int, path: str, token: str) -> bool:
        """Whether the task with this token waits."""
        try:
            execution = (await self._driver.look(key)).execution
        except KeyError:
            return False
        frame = None if execution is None else execution.frames.get(path)
        return frame is not None and frame.token == token and execution is not None and execution.status == "RUNNING"


def _as_child(row: ExecutionRow, *, begins: bool) -> Child:
    new, change = row.new, row.change
    if begins:
        return Child(
            arn=new.arn,
            machine_arn=new.machine_arn,
            name=new.name,
            status="RUNNING",
            start_date=new.start_date,
            input=new.input,
            trace_header=new.trace_header,
        )
    return Child(
        arn=new.arn,
        machine_arn=new.machine_arn,
        name=new.name,
        status=change.status,
        start_date=new.start_date,
        input=new.input,
        stop_date=change.stop_date,
        output=change.output,
        error=change.error,
        cause=change.cause,
        trace_header=new.trace_header,
        redrive_count=change.redrive_count,
    )
