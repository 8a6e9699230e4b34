"""Starts what a run is to start: an execution, or a function that nobody waits for.

Rules that must stay true here:
- The name of what is started follows from the schedule and the due time alone: a run that is started again after a
  crash finds that it was started. (Names of Express executions are not unique: those may run twice after a crash.)
- The input is the schedule's text with the context attributes filled in; without one it is the event that AWS sends.

See the EventBridge Scheduler User Guide, "Context attributes" and "Using templated targets".
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from stepwell.engine.engine import Engine
from stepwell.engine.errors import ExecutionAlreadyExists, Stopping, TooManyExecutions
from stepwell.engine.express import EXPRESS, express_arn
from stepwell.engine.requests import StartRequest
from stepwell.engine.targets import find_target
from stepwell.schedule.runner import NotStarted, Skipped
from stepwell.schedule.target import InvokeFunction, StartMachine, filled, start_of
from stepwell.store.protocol import StoreError
from stepwell.store.schedules import RunRow
from stepwell.tasks.lambda_service import FunctionNotFound, LambdaService
from stepwell.tasks.later_call import EventTooLarge

_NAMES = uuid.UUID("5c4b1c55-3c0e-4c61-8f2f-3b8b3f1d9a77")  # the name space of the ids of default events
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EngineStarter:
    """Starts on a server's engine and functions. `virtual` starts executions on a virtual clock."""

    def __init__(self, engine: Engine, functions: LambdaService, *, virtual: bool = False) -> None:
        self._engine = engine
        self._functions = functions
        self._virtual = virtual

    async def start(self, run: RunRow) -> str | None:
        """See `Starter`."""
        start = start_of(json.loads(run.schedule.target))
        try:
            if isinstance(start, StartMachine):
                return await self._start_execution(run, start)
            await self._invoke(run, start)
            return None
        except Stopping as error:
            raise StoreError(str(error)) from error

    async def _start_execution(self, run: RunRow, start: StartMachine) -> str:
        target = await find_target(self._engine.store, start.machine_arn)
        if target is None:
            raise NotStarted(f"State Machine Does Not Exist: '{start.machine_arn}'")
        machine = target.machine
        if machine.status != "ACTIVE":
            raise NotStarted(f"State Machine is being deleted: '{start.machine_arn}'")
        name = filled(start.name, attributes(run)) if start.name is not None else run_name(run)
        arn = machine.arn.replace(":stateMachine:", ":execution:", 1) + f":{name}"
        if run.schedule.overlap == "skip":
            await self._skip_while_running(run, arn)
        request = StartRequest(
            machine=machine,
            arn=express_arn(machine.arn, name) if machine.type == EXPRESS else arn,
            name=name,
            input=_input(run, start.input),
            version_arn=target.version_arn,
            alias_arn=target.alias_arn,
            virtual=self._virtual,
        )
        try:
            return (await self._engine.start_execution(request)).arn
        except ExecutionAlreadyExists as taken:
            return taken.existing.new.arn  # an earlier try has started it
        except TooManyExecutions as error:
            raise NotStarted(str(error)) from error

    async def _skip_while_running(self, run: RunRow, arn: str) -> None:
        """Raises Skipped where the execution of an earlier run still runs."""
        former = run.schedule.last_execution
        if former is None or former == arn:
            return
        row = await self._engine.store.find_execution(former)
        if row is not None and row.change.status == "RUNNING":
            raise Skipped(f"the execution of an earlier run still runs: {former}")

    async def _invoke(self, run: RunRow, start: InvokeFunction) -> None:
        key = f"{run.schedule.id} {run.schedule.arn} {run.due}"
        try:
            await self._functions.invoke_later(start.function, _input(run, start.input), idempotency_key=key)
        except FunctionNotFound as missing:
            raise NotStarted(missing.cause) from missing
        except EventTooLarge as large:
            raise NotStarted(str(large), again=False) from large


def run_name(run: RunRow) -> str:
    """The name of the execution that a run starts: at most 80 characters, unique a schedule and due time."""
    moment = (_EPOCH + timedelta(milliseconds=run.due)).strftime("%Y%m%dT%H%M%SZ")
    return f"{run.schedule.name[:46]}-{moment}-{_digest(run)}"


def attributes(run: RunRow) -> dict[str, str]:
    """The context attributes of a run, by the last part of their names."""
    return {
        "scheduled-time": _time_of(run),
        "schedule-arn": run.schedule.arn,
        "execution-id": _digest(run),
        "attempt-number": str(run.attempts + 1),
    }


def _digest(run: RunRow) -> str:
    return sha256(f"{run.schedule.id} {run.schedule.arn} {run.due}".encode()).hexdigest()[:16]


def _time_of(run: RunRow) -> str:
    return (_EPOCH + timedelta(milliseconds=run.due)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _input(run: RunRow, text: str | None) -> str:
    if text is not None:
        return filled(text, attributes(run))
    _, _, _, region, account, _ = run.schedule.arn.split(":", 5)
    event = {
        "version": "0",
        "id": str(uuid.uuid5(_NAMES, _digest(run))),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": account,
        "time": _time_of(run),
        "region": region,
        "resources": [run.schedule.arn],
        "detail": "{}",
    }
    return json.dumps(event, separators=(",", ":"))
