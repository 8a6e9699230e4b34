"""Express executions: run in memory, by the same machine, without a commit a turn.

Rules that must stay true here:
- A synchronous execution is run at most once. Nothing of it is written before its end, and then only where its machine
  asks for a log: it is committed with that log before the caller is answered.
- An asynchronous one is run at least once: its start is committed before it is answered, and stays in the outbox until
  the commit of its end and its log. What a crash has left there is run again, from its input.
- None is found again by its name: the same name and input give another execution.
- Memory is bounded: by the number of executions under way, and by what their logs take together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Final
from uuid import uuid4

from stepwell.engine.clock import Clock
from stepwell.engine.dispatch import Dispatcher
from stepwell.engine.errors import Stopping, TooManyExecutions
from stepwell.engine.express_log import ExpressLog, Logging, LogMemory
from stepwell.engine.express_run import ExpressRun, StartChild
from stepwell.engine.live import new_execution
from stepwell.engine.patience import patiently
from stepwell.engine.programs import Compiled, Programs
from stepwell.engine.requests import Started, StartRequest
from stepwell.engine.settings import EngineSettings
from stepwell.engine.turns import Turns
from stepwell.engine.watching import Watchers
from stepwell.machine.execution import Workflow
from stepwell.store.protocol import (
    Answer,
    EffectRow,
    ExecutionChange,
    ExecutionRow,
    NewExecution,
    OutboxRow,
    Store,
    StoreError,
    TurnRecord,
)
from stepwell.store.vault import DESTROY, VaultChange

logger = logging.getLogger("stepwell.engine")

EXPRESS: Final = "EXPRESS"  # the type of the machines whose executions these are

_OUTBOX: Final = "express"  # the kind of the row that stands for an asynchronous execution under way
_ROW: Final = 0  # its id, which no event has
_PAGE: Final = 100


def express_arn(machine_arn: str, name: str) -> str:
    """An ARN for a new execution of a machine: another one each time, also for the same name."""
    return f"{machine_arn.replace(':stateMachine:', ':express:', 1)}:{name}:{uuid4()}"


class Express:
    """All Express executions of an engine.

    `draw_key` gives a key for an execution that starts at a time.
    """

    def __init__(
        self,
        store: Store,
        programs: Programs,
        dispatcher: Dispatcher,
        start_child: StartChild,
        clock: Clock,
        draw_key: Callable[[int], int],
        watchers: Watchers,
        turns: Turns,
        settings: EngineSettings,
    ) -> None:
        self._store = store
        self._programs = programs
        self._dispatcher = dispatcher
        self._start_child = start_child
        self._clock = clock
        self._draw_key = draw_key
        self._watchers = watchers
        self._bound = settings.express_executions
        self._limit = settings.express_limit
        self._turns = turns
        self._memory = LogMemory(settings.express_log_bytes)
        self._under_way: dict[int, asyncio.Task[ExecutionRow]] = {}
        self._runs: dict[int, ExpressRun] = {}
        self._recovery: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._stopping = False

    def start(self) -> None:
        """Take up what an earlier process has left."""
        self._recovery = asyncio.get_running_loop().create_task(self._recover())

    async def stop(self, grace: float) -> None:
        """Give what is under way `grace` seconds. An asynchronous execution that has not ended stays in the store."""
        self._stopping = True
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.gather(self._recovery, return_exceptions=True)
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=grace)
        for run in list(self._runs.values()):
            await run.abandon(_stopping())
        await asyncio.sleep(0)  # those that were abandoned end by themselves
        late = list(self._under_way.values())
        for task in late:  # their ends are not taken by the store
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    # -- what is asked for

    async def start_execution(self, request: StartRequest) -> Started:
        """Start an asynchronous execution; the answer comes after the commit.

        Raises TooManyExecutions, Stopping, StoreError.
        """
        new = self._admit(request)
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._spawn(new.key, self._asynchronous(new, request, started))
        await started
        return Started(new.arn, new.start_date)

    async def run_execution(self, request: StartRequest) -> ExecutionRow:
        """Run a synchronous execution; how it has ended. Raises TooManyExecutions, Stopping."""
        new = self._admit(request)
        task = self._spawn(new.key, self._synchronous(new, request))
        return await asyncio.shield(task)  # it goes on where nobody waits for it any longer

    def _admit(self, request: StartRequest) -> NewExecution:
        if self._stopping:
            raise _stopping()
        if len(self._under_way) >= self._bound:
            raise TooManyExecutions(self._bound)
        now = self._clock.now()
        return request.row(self._draw_key(now), now if request.clock is None else request.clock)

    def _spawn(self, key: int, work: Coroutine[None, None, ExecutionRow]) -> asyncio.Task[ExecutionRow]:
        task = asyncio.get_running_loop().create_task(work)
        self._under_way[key] = task
        task.add_done_callback(lambda task: self._leave(key, task))
        return task

    def _leave(self, key: int, task: asyncio.Task[ExecutionRow]) -> None:
        del self._under_way[key]
        self._room.set()
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Stopping | StoreError):
            logger.error("a defect keeps the Express execution with the key %d from running", key, exc_info=error)

    # -- one execution

    async def _asynchronous(
        self, new: NewExecution, request: StartRequest, started: asyncio.Future[None]
    ) -> ExecutionRow:
        logging = Logging.of(request.machine.configuration)
        row = EffectRow(_ROW, _OUTBOX, new.machine_arn, "", logging.encode())
        change = ExecutionChange(status="RUNNING", last_event_id=0)
        try:
            compiled = await self._programs.get(new.definition_hash)
            record = TurnRecord(key=new.key, version=1, new=new, change=change, effects=[row], vault=request.sealed)
            await self._commit([record])
        except BaseException as error:
            if not started.done():
                started.set_exception(error if isinstance(error, Exception) else _stopping())
            raise
        if not started.done():
            started.set_result(None)
        return await self._run_stored(new, compiled, logging, 1, _virtual_now(new, request))

    async def _run_stored(
        self, new: NewExecution, compiled: Compiled, logging: Logging, version: int, virtual_now: int | None
    ) -> ExecutionRow:
        """Run an execution whose start is stored at this version, and commit its end."""
        log = ExpressLog(logging, self._memory, partial(self._watchers.happened, new), new.trace is not None)
        try:
            ended = await self._run(new, compiled, "EXPRESS", log, virtual_now)
            records = _end_records(ended, log, version)
            await patiently("the end of an execution cannot be committed", partial(self._commit, records))
            self._watchers.moved(new.key)
            return ended
        finally:
            log.release()

    async def _synchronous(self, new: NewExecution, request: StartRequest) -> ExecutionRow:
        logging = Logging.of(request.machine.configuration)
        log = ExpressLog(logging, self._memory, partial(self._watchers.happened, new), new.trace is not None)
        try:
            compiled = await self._programs.get(new.definition_hash)
            ended = await self._run(new, compiled, "SYNC_EXPRESS", log, _virtual_now(new, request))
            if log.records():
                await self._commit_log(ended, log)
            return ended
        finally:
            log.release()

    async def _commit_log(self, ended: ExecutionRow, log: ExpressLog) -> None:
        """Keep the log of a synchronous execution. Its caller gets the answer also where the store does not take it."""
        try:
            await self._commit(_end_records(ended, log, 0))
        except StoreError as error:
            logger.warning("the log of %s is lost: %s", ended.new.arn, error)

    async def _run(
        self, new: NewExecution, compiled: Compiled, workflow: Workflow, log: ExpressLog, virtual_now: int | None
    ) -> ExecutionRow:
        """Carry an execution from its start to its end. Raises Stopping where the engine does not wait for that."""
        execution = new_execution(new)
        execution.workflow = workflow
        run = ExpressRun(
            execution,
            compiled.program,
            self._dispatcher,
            self._start_child,
            self._turns,
            self._clock,
            self._limit,
            log,
            virtual_now,
        )
        self._runs[new.key] = run
        try:
            run.start()
            turn = await run.ended
        finally:
            del self._runs[new.key]
        change = ExecutionChange(
            status=turn.status,
            last_event_id=turn.last_event_id,
            stop_date=turn.stop_date,
            output=None if turn.output is None else turn.output.text,
            error=turn.error,
            cause=turn.cause,
        )
        return ExecutionRow(new=new, change=change, version=0)

    async def _commit(self, records: Sequence[TurnRecord]) -> None:
        """Commit records of one execution in one transaction. Raises StoreError."""
        for answer in await self._store.commit(records):
            if answer is not Answer.ACCEPTED:
                raise StoreError(f"the store has refused an Express execution ({answer.value})")

    # -- what an earlier process has left

    async def _recover(self) -> None:
        after = (0, -1)
        while rows := await patiently("the outbox cannot be read", partial(self._store.outbox, _OUTBOX, after, _PAGE)):
            for row in rows:
                await self._recover_one(row)
            after = (rows[-1].key, rows[-1].effect.id)

    async def _recover_one(self, row: OutboxRow) -> None:
        """Run an execution again, unless it is of this process: then it is under way, or has ended since."""
        while len(self._under_way) >= self._bound:
            self._room.clear()
            await self._room.wait()
        if row.key in self._under_way:
            return
        found = await patiently("an execution cannot be read", partial(self._store.execution_row, row.key))
        if found is None or found.change.status != "RUNNING":
            return
        self._spawn(row.key, self._again(found, Logging.decode(row.effect.data)))

    async def _again(self, row: ExecutionRow, logging: Logging) -> ExecutionRow:
        compiled = await self._programs.get(row.new.definition_hash)
        return await self._run_stored(row.new, compiled, logging, row.version, None)


def _virtual_now(new: NewExecution, request: StartRequest) -> int | None:
    return new.start_date if request.virtual or request.clock is not None else None


def _end_records(ended: ExecutionRow, log: ExpressLog, version: int) -> Sequence[TurnRecord]:
    """What commits an end with its log. `version` is that of the stored execution, 0 where there is none."""
    new = ended.new
    parts = log.records() or (None,)
    return [
        TurnRecord(
            key=new.key,
            version=version + 1 + index,
            new=new if version + index == 0 else None,
            change=ended.change,
            events=events,
            payloads=log.payloads if index == 0 else {},
            effects_removed=(_ROW,) if version and index == 0 else (),
            vault=VaultChange(brand=new.brand, until=DESTROY) if version and index == 0 and new.brand else None,
        )
        for index, events in enumerate(parts)
    ]


def _stopping() -> Stopping:
    return Stopping("the engine is shutting down")
