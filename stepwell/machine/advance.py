"""One turn: an execution and a stimulus in, everything that changes out.

Rules that must stay true here:
- The same program, execution, stimulus, time and entropy give the same turn, always.
- A stimulus that no longer fits (a spent token, a timer of a state that was left) changes nothing: the answer is None.
- A turn runs on through as many states as it can, the branches taking turns state by state, until all of them wait or
  the budget is spent.
"""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest
from typing import Any, cast

from stepwell.language.errors import QueryError
from stepwell.language.model import Choice, Fail, Map, Parallel, Pass, Program, State, Succeed, Task, Wait
from stepwell.language.scope import Patience
from stepwell.language.values import Json
from stepwell.machine.entropy import Entropy
from stepwell.machine.execution import Execution, Frame
from stepwell.machine.failure import Failure, StateFailed
from stepwell.machine.redrive import can_redrive, redrive
from stepwell.machine.run import HistoryFull, Run
from stepwell.machine.states import choice, fail, map, map_run, parallel, pass_, succeed, task, wait
from stepwell.machine.stimulus import (
    ActivityClaimed,
    Continue,
    Heartbeat,
    JobSubmitted,
    MapRunFailed,
    MapRunSucceeded,
    Redrive,
    Start,
    Stimulus,
    Stop,
    TaskFailed,
    TaskSubmitFailed,
    TaskSubmitted,
    TaskSucceeded,
    TaskTimedOut,
    TimerFired,
)
from stepwell.machine.transition import HISTORY_FULL, evaluation_failed, fail_state
from stepwell.machine.turn import Turn

_PERFORM = cast(
    "dict[type, Callable[[Run, Frame, Any], None]]",
    {
        Pass: pass_.perform,
        Succeed: succeed.perform,
        Fail: fail.perform,
        Choice: choice.perform,
        Wait: wait.perform,
        Task: task.perform,
        Parallel: parallel.perform,
        Map: map.perform,
    },
)
_RESUME = cast("dict[type, Callable[[Run, Frame, Any], None]]", {Parallel: parallel.resume, Map: map.resume})
_ENTERED = {type: f"{type.__name__}StateEntered" for type in _PERFORM}


def advance(
    program: Program,
    execution: Execution,
    stimulus: Stimulus,
    now: int,
    entropy: bytes,
    patience: Patience | None = None,
) -> Turn | None:
    """The turn that a stimulus leads to; None where it is stale.

    `now` is in milliseconds since 1970 by the execution's clock; `entropy` is 32 random bytes.
    Raises Overrun where the `patience` is that of a caller in a hurry and does not suffice: the execution is as it was.
    """
    if execution.status != "RUNNING" and not (isinstance(stimulus, Redrive) and can_redrive(execution)):
        return None
    run = Run(program, execution, now, Entropy(entropy), patience)
    try:
        if not _take(run, stimulus):
            return None
        _go_on(run)
    except HistoryFull:
        run.end("FAILED", failure=HISTORY_FULL)
        details: dict[str, Json] = {"error": HISTORY_FULL.error, "cause": HISTORY_FULL.cause}
        run.note(0, "ExecutionFailed", details)
    return run.finish()


def break_down(program: Program, execution: Execution, now: int) -> Turn:
    """The turn that ends an execution on which the interpreter itself has failed: rather an end that is told than an
    execution that hangs."""
    run = Run(program, execution, now, Entropy(b""))
    failure = Failure("States.Runtime", "An internal error occurred while executing the state machine.", terminal=True)
    run.end("FAILED", failure=failure)
    run.note(0, "ExecutionFailed", {"error": failure.error, "cause": failure.cause})
    return run.finish()


def _go_on(run: Run) -> None:
    """Let the branches take turns until all wait or the budget is spent."""
    queue = run.queue
    while not run.ended:
        if run.joins:
            child = run.joins.popleft()
            if run.holds(child):
                _attempt(run, run.parent(child), _join, child)
        elif queue and not run.holds(queue[0]):
            queue.popleft()
        elif queue and run.execution.doomed:
            _end(run, "ABORTED", Failure(None, None))
        elif queue and not run.spent:
            frame = run.frame(queue.popleft().path)
            assert frame is not None
            _enter(run, frame)
        else:
            return


def _enter(run: Run, frame: Frame) -> None:
    """Enter a state, or perform again one that was entered before a redrive."""
    state = frame.program.states[frame.state]
    run.transitions += 1
    frame.retries = ()
    frame.retry_count = 0
    if frame.doing == "again":
        frame.doing = "ready"
        left = frame.map_run or (frame.started and run.peek(frame.child_path(0)) is not None)
        _attempt(run, frame, (_RESUME if left else _PERFORM)[type(state)])
        return
    frame.entered_at = run.now
    details: dict[str, Json] = {"name": state.name, "input": frame.input.text}
    run.entered_from = frame.last_id
    frame.entered_id = run.event(frame, _ENTERED[type(state)], details)
    _attempt(run, frame, _PERFORM[type(state)])
    run.entered_from = None


def _attempt(run: Run, frame: Frame, act: Callable[..., None], *arguments: object) -> None:
    """Let a state act; what it cannot evaluate fails it."""
    state = frame.program.states[frame.state]
    try:
        act(run, frame, state, *arguments)
    except QueryError as error:
        fail_state(run, frame, state, evaluation_failed(run, frame, state, error))
    except StateFailed as error:
        fail_state(run, frame, state, error.failure)
    except RecursionError:
        cause = "The data is nested too deeply."
        fail_state(run, frame, state, evaluation_failed(run, frame, state, QueryError(cause)))


def _join(run: Run, frame: Frame, state: State, child: Frame) -> None:
    run.transitions += 1
    if isinstance(state, Map):
        map.join(run, frame, state, child)
    else:
        assert isinstance(state, Parallel)
        parallel.join(run, frame, state, child)


def _take(run: Run, stimulus: Stimulus) -> bool:
    """Take the stimulus in. False where it is stale."""
    match stimulus:
        case Start():
            return _start(run)
        case Continue():
            return _continue(run)
        case TimerFired():
            return _timer(run, stimulus.name)
        case Redrive():
            return run.execution.status != "RUNNING" and redrive(run, stimulus)
        case Stop():
            return _end(run, "ABORTED", Failure(stimulus.error, stimulus.cause))
        case MapRunSucceeded() | MapRunFailed():
            return _map_run(run, stimulus)
    return _task(run, stimulus)


def _start(run: Run) -> bool:
    execution = run.execution
    if execution.last_event_id:
        return False
    details: dict[str, Json] = {"input": execution.input.text, "roleArn": execution.role_arn}
    if execution.version_arn is not None:
        details["stateMachineVersionArn"] = execution.version_arn
    if execution.alias_arn is not None:
        details["stateMachineAliasArn"] = execution.alias_arn
    run.note(0, "ExecutionStarted", details)
    root = run.begin(0)
    if run.program.timeout_seconds is not None:
        run.set_timer(root, "execution", run.now + run.program.timeout_seconds * 1000)
    return True


def _continue(run: Run) -> bool:
    """Take up the branches that the budget has left. Where none is left (their state has failed meanwhile) the turn is
    empty: it tells that nothing remains to be continued. An execution that was born without a first turn starts."""
    if not run.execution.last_event_id:
        return _start(run)
    for path in sorted(run.execution.open):
        frame = run.execution.frames[path]
        if frame.doing in ("ready", "again"):
            run.queue.append(frame)  # it is touched when its turn comes
    return True


def _end(run: Run, status: str, failure: Failure) -> bool:
    """StopExecution, or the machine's own time-out. Both hang from nothing."""
    details: dict[str, Json] = {}
    if failure.error is not None:
        details["error"] = failure.error
    if failure.cause is not None:
        details["cause"] = failure.cause
    aborted = status == "ABORTED"
    run.end("ABORTED" if aborted else "TIMED_OUT", failure=failure)
    run.note(0, "ExecutionAborted" if aborted else "ExecutionTimedOut", details)
    return True


def _timer(run: Run, name: str) -> bool:
    path, _, kind = name.rpartition("|")
    if kind == "execution":
        return _end(run, "TIMED_OUT", Failure(None, None))
    frame = run.frame(path)
    if frame is None:
        return False
    state = frame.program.states[frame.state]
    if kind == "wait" and frame.doing == "wait":
        act: Callable[..., None] = wait.wake
    elif kind == "retry" and frame.doing == "retry":
        act = _PERFORM[type(state)]
    elif kind in ("timeout", "heartbeat") and frame.doing == "task":
        act = _time_out if kind == "timeout" else _miss_heartbeat
    else:
        return False
    run.clear_timer(frame, kind)
    _attempt(run, frame, act)
    return True


def _time_out(run: Run, frame: Frame, state: Task) -> None:
    task.timed_out(run, frame, state, heartbeat=False)


def _miss_heartbeat(run: Run, frame: Frame, state: Task) -> None:
    task.timed_out(run, frame, state, heartbeat=True)


def _task(
    run: Run,
    stimulus: TaskSucceeded
    | TaskFailed
    | TaskTimedOut
    | TaskSubmitted
    | JobSubmitted
    | TaskSubmitFailed
    | ActivityClaimed
    | Heartbeat,
) -> bool:
    """An outcome, or another word, of the task that holds the token."""
    frame = run.frame(stimulus.path)
    if frame is None or frame.doing != "task" or not compare_digest(frame.token, stimulus.token):
        return False
    match stimulus:
        case TaskSucceeded():
            _attempt(run, frame, task.succeeded, stimulus.output)
        case TaskFailed():
            _attempt(run, frame, task.failed, stimulus.error, stimulus.cause)
        case TaskTimedOut():
            _attempt(run, frame, task.failed, stimulus.error, stimulus.cause, "TimedOut")
        case TaskSubmitFailed():
            _attempt(run, frame, task.failed, stimulus.error, stimulus.cause, "SubmitFailed")
        case TaskSubmitted():
            if frame.submitted:
                return False
            _attempt(run, frame, task.submitted, stimulus.output, stimulus.child)
        case JobSubmitted():
            _attempt(run, frame, task.job_submitted, stimulus.output, stimulus.effect)
        case ActivityClaimed():
            if frame.claimed:
                return False
            _attempt(run, frame, task.claimed, stimulus.worker_name)
        case Heartbeat():
            _attempt(run, frame, _beat)
    return True


def _map_run(run: Run, stimulus: MapRunSucceeded | MapRunFailed) -> bool:
    """The end of the map run that the token belongs to."""
    frame = run.frame(stimulus.path)
    if frame is None or frame.doing != "mapRun" or not compare_digest(frame.token, stimulus.token):
        return False
    if isinstance(stimulus, MapRunSucceeded):
        _attempt(run, frame, map_run.succeeded, stimulus.output)
    else:
        _attempt(run, frame, map_run.failed, stimulus.error, stimulus.cause)
    return True


def _beat(run: Run, frame: Frame, _state: Task) -> None:
    task.beat(run, frame)
