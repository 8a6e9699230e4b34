"""The engine: drives machines, and carries out what their turns ask for.

Rules that must stay true here:
- An answer leaves only after the commit that it rests on.
- The engine knows no HTTP, no AWS shapes and no integration: it is asked in plain words and answers in them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from stepwell.engine.activities import Activities
from stepwell.engine.children import Children
from stepwell.engine.clock import Clock, SystemClock
from stepwell.engine.committer import Answered, Committer
from stepwell.engine.dispatch import Dispatcher, Outcome, StartExecution, Task
from stepwell.engine.driver import Driver
from stepwell.engine.errors import (
    AlreadyStarted,
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    Stopping,
    TaskDoesNotExist,
    TaskTimedOut,
)
from stepwell.engine.express import EXPRESS, Express
from stepwell.engine.inbound import Inbound
from stepwell.engine.live import Live, Post, new_execution
from stepwell.engine.map_run.data_set import DataSets, NoDataSets
from stepwell.engine.map_run.run import Surroundings
from stepwell.engine.map_run.runs import MapRuns
from stepwell.engine.messages import Messages
from stepwell.engine.metrics import Metrics
from stepwell.engine.notices import NoNotices, Notices
from stepwell.engine.outbox import Outbox
from stepwell.engine.pace import pace_of
from stepwell.engine.programs import Compile, Programs
from stepwell.engine.reading import read_history
from stepwell.engine.records import CONTINUE, MESSAGE, NOTICE
from stepwell.engine.redriving import redrive
from stepwell.engine.refreshing import Refreshing
from stepwell.engine.requests import ActivityTask, Started, StartRequest
from stepwell.engine.retention import Retention
from stepwell.engine.sealing import SealingDispatcher
from stepwell.engine.secrets import Secrets
from stepwell.engine.settings import EngineSettings
from stepwell.engine.timers import Timers
from stepwell.engine.tokens import open_token
from stepwell.engine.turns import Turns
from stepwell.engine.watching import Watchers
from stepwell.language.definition import compile_definition
from stepwell.language.model import Program
from stepwell.machine import stimulus as stimuli
from stepwell.machine.execution import Execution
from stepwell.machine.history import Event
from stepwell.machine.stimulus import Start, Stimulus, Stop, TimerFired
from stepwell.machine.turn import MapRunStart, Turn
from stepwell.store.protocol import ExecutionRow, Store, TurnRecord
from stepwell.store.vault import DESTROY
from stepwell.vault.vault import Vault

__all__ = ["Engine", "EngineSettings"]

_PAGE = 200


class Engine:
    """One engine on one store. `start` before anything else, `stop` at the end; the store stays the caller's.

    `traced` gives the trace of an execution that starts, by the one that it was asked for in."""

    traced: Callable[[str | None], str | None] | None = None

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        settings: EngineSettings | None = None,
        clock: Clock | None = None,
        data: DataSets | None = None,
        compile: Compile = compile_definition,
        vault: Vault | None = None,
        notices: Notices | None = None,
    ) -> None:
        """`data` is what map runs read items from and write results to; `compile` makes programs of definitions.
        Without a `vault` sealed values can be opened until the process ends; without `notices` nobody is told."""
        settings = settings or EngineSettings()
        self.store = store
        self.vault = vault or Vault()
        self.watchers = Watchers(store)
        self._notices = notices or NoNotices()
        self.clock = self._clock = clock or SystemClock()
        self.secrets = Secrets(store, self.vault, self._clock, Refreshing(dispatcher.run), settings.sensitive)
        dispatcher = self._dispatcher = SealingDispatcher(dispatcher, self.secrets)
        self._programs = Programs(store, compile)
        self.metrics = Metrics()
        self._turns = Turns(self.metrics)
        self.drawn = self._turns.drawn  # random bytes, good enough for secrets
        self.committer = Committer(store, self.metrics, self._clock)
        self._driver = Driver(
            store, self._programs, self.committer, self._clock, self, self._turns, settings.idle_executions
        )
        self._pace = self._driver.pace = pace_of(settings.transitions, self.metrics)
        self._timers = Timers(store, self._clock, self._fire, settings.timer_window)
        self._map_runs = MapRuns(
            Surroundings(
                store=store,
                driver=self._driver,
                programs=self._programs,
                data=data or NoDataSets(),
                clock=self._clock,
                draw_key=self._draw_key,
                told=lambda key, row: self._messages.add(key, row),
            )
        )
        self._children = Children(store, self._driver, dispatcher, self._map_runs, self.start_execution)
        self._outbox = Outbox(
            store, dispatcher, self._driver.submit, self._driver.wake, self._children.start, settings.in_flight
        )
        self._messages = Messages(store, self._children.deliver)
        self._express = Express(
            store,
            self._programs,
            dispatcher,
            self._children.start_alone,
            self._clock,
            self._draw_key,
            self.watchers,
            self._turns,
            settings,
        )
        self._inbound = Inbound(self._driver, self.secrets)
        self._activities = Activities(store, self._driver, self.secrets)
        self._retention = Retention(store, self._clock, settings.retention_days)
        self._last_key = 0
        self._stopping = False

    async def start(self) -> None:
        """Take up what an earlier process has left, and serve."""
        await self._dispatcher.start()
        await self.secrets.start()
        self._driver.doomed.update(await self.store.deleting_machines())
        self._timers.start()
        self._outbox.start()
        self._messages.start()
        self._map_runs.start()
        self._express.start()
        self._retention.start()
        after = 0
        while keys := await self.store.virtual_executions(after, _PAGE):
            for key in keys:
                self._driver.wake(key)
            after = keys[-1]

    async def stop(self, grace: float) -> None:
        """Take nothing new, give running tasks `grace` seconds, commit what they told. All else stays in the store."""
        self._stopping = True
        self._driver.wind_down()
        if self._pace is not None:
            self._pace.stop()
        self._activities.stop()
        self.watchers.stop()
        await self._retention.stop()
        await self._timers.stop()
        await self._messages.stop()
        await self._map_runs.stop()
        await asyncio.gather(self._outbox.stop(grace), self._express.stop(grace))
        await self._dispatcher.stop(grace)
        await self.secrets.stop()
        await self._driver.finish()
        self._turns.close()

    def draw_key(self) -> int:
        """A key for an execution that is to be started (`StartRequest.key`), rising with time."""
        return self._draw_key(self._clock.now())

    @property
    def dispatcher(self) -> Dispatcher:
        """Who carries out tasks; also one that belongs to no execution."""
        return self._dispatcher

    async def start_alone(self, task: Task, asked: StartExecution) -> Outcome:
        """Start the execution that a task which belongs to no execution asks for; nothing waits for its end.

        Raises StoreError, Stopping.
        """
        return await self._children.start_alone(task, asked)

    # -- executions

    async def start_execution(self, request: StartRequest) -> Started:
        """Start an execution; the answer comes after the commit.

        The same name and input while the execution runs give the same answer. What is marked as secret is sealed here.
        Raises ExecutionAlreadyExists, Stopping, CannotSeal, StoreError; for an Express machine TooManyExecutions, and
        never ExecutionAlreadyExists.
        """
        self._refuse_while_stopping()
        machine = request.machine
        if self.traced is not None:
            request = replace(request, trace=self.traced(request.trace))
        asked = request
        if self.secrets.concern(request):
            request = await self.secrets.take_out(request)
        if machine.type == EXPRESS:
            return await self._express.start_execution(request)
        now = self._clock.now()
        clock = now if request.virtual else request.clock
        compiled = self._programs.cached(machine.definition_hash) or await self._programs.get(machine.definition_hash)
        key = self._draw_key(now) if request.key is None else request.key
        new = request.row(key, now if clock is None else clock)
        live = Live(new.key, new_execution(new), compiled, new=new, clock=clock, sealed=request.sealed)
        self._driver.add(live)
        try:
            await self._driver.submit(new.key, Start())
        except AlreadyStarted:
            return await self._same_start(asked)
        return Started(new.arn, new.start_date)

    async def run_execution(self, request: StartRequest) -> ExecutionRow:
        """Run a synchronous execution of an Express machine; how it has ended.

        Raises TooManyExecutions, Stopping, CannotSeal.
        """
        self._refuse_while_stopping()
        if self.traced is not None:
            request = replace(request, trace=self.traced(request.trace))
        if not self.secrets.concern(request):
            return await self._express.run_execution(request)
        request = await self.secrets.take_out(request)
        if request.brand is None:
            return await self._express.run_execution(request)
        brand = request.brand
        self.secrets.keep_unstored(brand)
        run = asyncio.ensure_future(self._express.run_execution(request))
        run.add_done_callback(lambda _: self.secrets.drop_unstored(brand))
        return await asyncio.shield(run)

    async def _same_start(self, request: StartRequest) -> Started:
        row = await self.store.find_execution(request.arn)
        if row is None:
            raise ExecutionDoesNotExist(request.arn)
        if request.awaited_by is not None and row.new.parent_token != request.parent_token:
            raise ExecutionAlreadyExists(row)
        if row.change.status == "RUNNING" and await self.secrets.is_same(request, row.new.key, row.new.input):
            return Started(row.new.arn, row.new.start_date)
        raise ExecutionAlreadyExists(row)

    def _draw_key(self, now: int) -> int:
        """A key for a new execution: rising with time, so that rows of one time lie together."""
        self._last_key = max(self._last_key + 1, (now << 21) | int.from_bytes(self.drawn(2)) >> 4 << 9)
        return self._last_key

    async def stop_execution(self, arn: str, error: str | None, cause: str | None) -> int:
        """Abort an execution; when it ended, also where it had ended before. Raises ExecutionDoesNotExist."""
        self._refuse_while_stopping()
        while (key := await self.store.execution_key(arn)) is not None:
            turn = await self._driver.submit(key, Stop(error, cause))
            if turn is not None and turn.stop_date is not None:
                return turn.stop_date
            row = await self.store.find_execution(arn)
            if row is not None and row.change.stop_date is not None:
                return row.change.stop_date  # else it was redriven since it had ended
        raise ExecutionDoesNotExist(arn)

    def end_executions(self, machine_id: int) -> None:
        """The machine is being deleted: its executions are aborted when they would enter another state."""
        self._driver.doomed.add(machine_id)

    async def redrive_execution(self, arn: str, client_token: str | None) -> int:
        """Let an execution go on from what had not succeeded; when it was redriven, also where the same client token
        has done it before. Raises ExecutionDoesNotExist, ExecutionNotRedrivable."""
        self._refuse_while_stopping()
        return await redrive(self.store, self._driver, self._clock, arn, client_token)

    # -- tokens

    async def send_task_success(self, token: str, output: str) -> None:
        """`output` is JSON text. Raises InvalidToken, TaskDoesNotExist, TaskTimedOut, CannotSeal."""
        key, path = open_token(token)
        await self._tell_task(key, stimuli.TaskSucceeded(path, token, await self._inbound.json(key, output)))

    async def send_task_failure(self, token: str, error: str | None, cause: str | None) -> None:
        """Raises InvalidToken, TaskDoesNotExist, TaskTimedOut, CannotSeal."""
        key, path = open_token(token)
        error, cause = await self._inbound.text(key, error), await self._inbound.text(key, cause)
        await self._tell_task(key, stimuli.TaskFailed(path, token, error, cause))

    async def send_task_heartbeat(self, token: str) -> None:
        """Raises InvalidToken, TaskDoesNotExist, TaskTimedOut."""
        key, path = open_token(token)
        await self._tell_task(key, stimuli.Heartbeat(path, token))

    async def _tell_task(self, key: int, stimulus: Stimulus) -> None:
        self._refuse_while_stopping()
        try:
            turn = await self._driver.submit(key, stimulus)
        except KeyError:
            raise TaskDoesNotExist from None
        if turn is None:
            raise TaskTimedOut

    async def get_activity_task(self, activity_arn: str, worker_name: str | None, wait: float) -> ActivityTask | None:
        """A task of an activity; None after `wait` seconds without one."""
        self._refuse_while_stopping()
        return await self._activities.poll(activity_arn, worker_name, wait)

    async def update_map_run(self, key: int, changes: Mapping[str, Any]) -> bool:
        """Change how a map run goes on (members of `Progress`). False where it has ended. Raises StoreError."""
        self._refuse_while_stopping()
        return await self._map_runs.update(key, changes)

    # -- reading

    async def history(self, key: int, from_id: int, limit: int, reverse: bool) -> list[Event]:
        """Up to `limit` events from `from_id` on, or down from it."""
        return await read_history(self.store, key, from_id, limit, reverse)

    async def program(self, definition_hash: str) -> Program:
        return (await self._programs.get(definition_hash)).program

    async def wait_for_turn(self, key: int, after_event_id: int, timeout: float) -> None:
        """See `Watchers.wait_for_turn`."""
        await self.watchers.wait_for_turn(key, after_event_id, timeout)

    async def wait_for_end(self, arn: str, timeout: float) -> None:
        """See `Watchers.wait_for_end`."""
        await self.watchers.wait_for_end(arn, timeout)

    # -- what turns ask for

    def committed(self, live: Live, turn: Turn, record: TurnRecord) -> None:
        """A turn is durable: carry out what it asks for."""
        key = live.key
        if live.clock is None:
            self._timers.remove(key, record.timers_removed, record.timers_removed_below)
            for name, due in record.timers.items():
                if name != CONTINUE:
                    self._timers.add(key, name, due)
        if record.effects_removed or record.effects_removed_below:
            self._outbox.remove(key, frozenset(record.effects_removed), tuple(record.effects_removed_below))
        execution = live.execution
        assert execution is not None
        for effect in turn.effects:
            if effect.resource.kind != "activity" or self.answers_activity(execution, effect.state_name):
                self._outbox.add(execution, effect, live.clock)
            else:
                self._activities.offer(effect.resource.arn)
        for row in record.effects:
            if row.kind == MESSAGE:
                self._messages.add(key, row)
            elif row.kind == NOTICE:
                self._notices.told()
        if record.vault is not None and record.vault.until == DESTROY:
            self.secrets.forget(record.vault.brand)
        if turn.events:
            self.watchers.moved(key)
            assert live.identity is not None
            self.watchers.happened(live.identity, turn.events, turn.redrive_count)
        if turn.status != "RUNNING":
            self.watchers.ended(key)

    def map_run(self, live: Live, start: MapRunStart, requires: tuple[int, int]) -> tuple[TurnRecord, Answered]:
        return self._map_runs.begin(live, start, requires)

    @property
    def tasks_in_flight(self) -> int:
        """Tasks that are being carried out now."""
        return self._outbox.in_flight

    @property
    def stuck(self) -> Mapping[str, int]:
        """What a defect keeps from going on: map runs, and executions with messages. It is tried again."""
        return {"map_run": self._map_runs.stuck, "message": self._messages.stuck}

    def is_working(self, key: int) -> bool:
        return self._outbox.is_working(key)

    def is_about_to_claim(self, key: int, activity_arn: str) -> bool:
        return self._activities.is_about_to_claim(key, activity_arn)

    def wants_notices(self, machine_arn: str) -> bool:
        return self._notices.wants(machine_arn)

    def answers_activity(self, execution: Execution, state_name: str) -> bool:
        return self._dispatcher.answers_activity(execution.machine_arn, execution.test_case, state_name)

    def _fire(self, key: int, name: str, due: int) -> asyncio.Future[Turn | None]:
        reply: asyncio.Future[Turn | None] = asyncio.get_running_loop().create_future()
        self._driver.post(key, Post(TimerFired(name), reply, due))
        return reply

    def _refuse_while_stopping(self) -> None:
        if self._stopping:
            raise Stopping("the engine is shutting down")
