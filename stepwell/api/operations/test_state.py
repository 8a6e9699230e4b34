"""TestState: one state, run by itself.

Rules that must stay true here:
- The state runs in the machine's own code (`stepwell.machine.probe`); nothing of it is stored.
- A task without a mock is really carried out, by the dispatcher of the engine.
- A test ends after five minutes (API reference, TestState).
"""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import Mapping
from typing import Final

from stepwell.api import arns, faults
from stepwell.api.operations.test_state_checks import Trial, check
from stepwell.api.request import Answer, Request
from stepwell.engine.dispatch import (
    Failed,
    JobSubmitted,
    Outcome,
    Parked,
    StartExecution,
    StillRunning,
    SubmitFailed,
    Succeeded,
    Task,
    TimedOut,
    Watch,
)
from stepwell.engine.engine import Engine
from stepwell.language.values import Json
from stepwell.machine.datum import Datum
from stepwell.machine.execution import Execution
from stepwell.machine.failure import TIMEOUT
from stepwell.machine.probe import Probe, Report, Setup
from stepwell.machine.turn import TaskEffect

_LIMIT: Final = 5 * 60.0  # seconds


async def test_state(request: Request) -> Answer:
    trial = await asyncio.to_thread(check, request)
    execution = _execution(request, trial)
    probe = Probe(
        Setup(
            state=trial.state,
            execution=execution,
            variables=trial.variables,
            context=trial.context,
            in_map=trial.found.in_map,
            retries=trial.retries,
            failed_iterations=trial.failed_iterations,
            source=trial.source,
        ),
        execution.start_date,
        secrets.token_bytes(32),
    )
    seen: dict[str, Json] = {}

    def see(found: Mapping[str, Mapping[str, str]]) -> None:
        for name, part in found.items():
            seen[name] = {**part}

    watch = Watch(request.flag("revealSecrets"), see)
    try:
        async with asyncio.timeout(_LIMIT):
            report = await _run(request.context.engine, trial, probe, execution, watch)
    except TimeoutError:
        report = probe.give_up(TIMEOUT)
    return _answer(report, request.optional_text("inspectionLevel"), seen)


async def _run(engine: Engine, trial: Trial, probe: Probe, execution: Execution, watch: Watch) -> Report:
    # Expressions may take a second each: they run on a thread, so that nothing else waits for them.
    await asyncio.to_thread(probe.enter)
    if probe.report is None and trial.mock is not None:
        _check_failed_iterations(trial, probe)
        if trial.mock.result is not None:
            await asyncio.to_thread(probe.succeeded, trial.mock.result)
        else:
            await asyncio.to_thread(probe.failed, trial.mock.error, trial.mock.cause)
    elif probe.due is not None:
        await asyncio.sleep((probe.due - execution.start_date) / 1000)
        await asyncio.to_thread(probe.woken)
    elif probe.effect is not None:
        await _carry_out(engine, probe, _task(execution, probe.effect, watch), execution)
    assert probe.report is not None
    return probe.report


async def _carry_out(engine: Engine, probe: Probe, task: Task, execution: Execution) -> None:
    """Have the task carried out, and tell its outcome to the state; a task that takes too long has timed out."""
    seconds = None if task.deadline is None else (task.deadline - execution.start_date) / 1000
    try:
        async with asyncio.timeout(seconds):
            outcome = await _first_outcome(engine, task)
    except TimeoutError:
        outcome = TimedOut()
    match outcome:
        case Succeeded():
            await asyncio.to_thread(probe.succeeded, outcome.output)
        case Failed() | TimedOut() | SubmitFailed():
            await asyncio.to_thread(probe.failed, outcome.error, outcome.cause)


async def _first_outcome(engine: Engine, task: Task) -> Outcome:
    """What comes of a task; whatever still runs for it is then ended."""
    outcomes = engine.dispatcher.run(task)
    try:
        async for outcome in outcomes:
            if isinstance(outcome, Parked):
                continue
            if isinstance(outcome, StartExecution):
                return await engine.start_alone(task, outcome)
            assert not isinstance(outcome, JobSubmitted | StillRunning)  # `.sync` is refused without a mock
            return outcome
        raise RuntimeError(f"the dispatcher has told no outcome of the task {task.resource.arn}")
    finally:
        close = getattr(outcomes, "aclose", None)
        if close is not None:
            await close()


def _task(execution: Execution, effect: TaskEffect, watch: Watch) -> Task:
    return Task(
        resource=effect.resource,
        input=effect.input,
        token=effect.token,
        execution_arn=execution.arn,
        machine_arn=execution.machine_arn,
        state_name=effect.state_name,
        role_arn=execution.role_arn,
        idempotency_key=f"{execution.arn}:{effect.id}",
        deadline=effect.deadline,
        credentials_role=effect.role,
        watch=watch,
    )


def _execution(request: Request, trial: Trial) -> Execution:
    """The execution that the state believes to be in: an Express one, of a machine that nobody can find (recorded)."""
    region, account = request.region, request.context.account
    machine, name = str(uuid.uuid4()), str(uuid.uuid4())
    return Execution(
        key=0,
        arn=f"{arns.prefix(region, account, 'express')}{machine}:{name}",
        name=name,
        machine_arn=arns.prefix(region, account, arns.STATE_MACHINE) + machine,
        machine_name=machine,
        role_arn=request.optional_text("roleArn") or "",
        start_date=request.context.now(),
        input=Datum.of_text(trial.input),
    )


def _check_failed_iterations(trial: Trial, probe: Probe) -> None:
    if trial.failed_iterations is not None and probe.items is not None and trial.failed_iterations > probe.items:
        raise faults.validation(
            f"mapIterationFailureCount must not exceed the number of items in the input, which is {probe.items}"
        )


def _answer(report: Report, level: str | None, seen: Mapping[str, Json]) -> Answer:
    """`seen` is what the task has told of its HTTP request."""
    answer: Answer = {"status": report.status}
    members = {"output": report.output, "error": report.error, "cause": report.cause, "nextState": report.next}
    answer.update((name, text) for name, text in members.items() if text is not None)
    if level in ("DEBUG", "TRACE"):
        answer["inspectionData"] = {**report.data, **(seen if level == "TRACE" else {})}
    return answer
