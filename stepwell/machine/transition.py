"""How a branch leaves a state: by its output, by a retry, by a catcher, or by failing.

Everything that moves a branch on, ends it, or ends its execution lives here.

Rules that must stay true here:
- A retrier is tried before a catcher; one that is exhausted gives way to the catchers (ASL specification, "Errors").
- `…StateSucceeded` is a note: the exit hangs from what came before it. `…StateFailed` is not: the next event hangs
  from it.
- When a branch fails, its siblings end with it, and every state that had not exited is told as aborted, all of it
  hanging from the event that failed.
"""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.language.assign import MAX_TOTAL_BYTES, NOTHING
from stepwell.language.errors import QUERY_EVALUATION_ERROR, QueryError
from stepwell.language.model import Exit, Map, Parallel, Retrier, State, Task
from stepwell.language.values import Json
from stepwell.machine.datum import EMPTY, Datum
from stepwell.machine.execution import Frame
from stepwell.machine.failure import RUNTIME, Failure, StateFailed, of_query, too_large, variables_too_large
from stepwell.machine.history import ASSIGNED
from stepwell.machine.run import Run, exceeds_limit

_ABORTABLE = ("Task", "Wait", "Map", "Parallel")
HISTORY_FULL = Failure("States.Runtime", "The execution reached the maximum number of history events (25000).")


def exit_state(run: Run, frame: Frame, state: State, exit: Exit, next: str | None, result: Datum | None = None) -> None:
    """Leave a state with its output, and set the variables that it assigns.

    `result` is the state's result with its text. Raises StateFailed where the output or a variable is too large.
    """
    output = result if result is not None and exit.output is result.value else frame.input.with_value(exit.output)
    _leave(run, frame, state, output, exit.assigned, next)


def exit_unchanged(run: Run, frame: Frame, state: State, next: str | None) -> None:
    """Leave a state whose output is its very input, and which assigns nothing. Raises StateFailed as `exit_state`."""
    _leave(run, frame, state, frame.input, NOTHING, next)


def _leave(run: Run, frame: Frame, state: State, output: Datum, assigned: Mapping[str, Json], next: str | None) -> None:
    text = output.text
    if exceeds_limit(text):
        raise StateFailed(too_large(state.name, terminal=True))
    details: dict[str, Json] = {"name": state.name, "output": text}
    if assigned:
        details[ASSIGNED] = _assign(frame, state, assigned)
    run.event(frame, f"{type(state).__name__}StateExited", details)
    if next is None:
        end_branch(run, frame, output)
        return
    frame.state = next
    frame.input = output
    frame.doing = "ready"
    run.queue.append(frame)


def _assign(frame: Frame, state: State, assigned: Mapping[str, Json]) -> Json:
    """Set variables; the answer holds their texts by name."""
    data = {name: Datum.of_value(value) for name, value in assigned.items()}
    variables = frame.variables.with_assigned(data)
    if exceeds_limit("".join(datum.text for datum in data.values())) or variables.size > MAX_TOTAL_BYTES:
        raise StateFailed(variables_too_large(state.name))
    frame.variables = variables
    return {name: datum.text for name, datum in data.items()}


def end_branch(run: Run, frame: Frame, output: Datum) -> None:
    """A branch has come to its end."""
    if frame.path == "":
        run.event(frame, "ExecutionSucceeded", {"output": output.text})
        run.end("SUCCEEDED", output=output)
        return
    frame.doing = "done"
    frame.output = output
    frame.input = EMPTY
    run.joins.append(frame)


def fail_state(run: Run, frame: Frame, state: State, failure: Failure, *, of_branch: bool = False) -> None:
    """A state has failed: retry it, let a catcher take over, or fail the branch.

    `of_branch` says that a branch or an iteration of the state has failed, rather than what the state evaluates itself
    (recorded: a runtime error in the fields of a Map ends the execution without MapStateFailed).
    """
    if frame.doing == "children":
        _abort_children(run, frame, state, frame.last_id)
        frame.doing = "failed"
    if isinstance(state, Task | Parallel | Map):
        if _retry(run, frame, state.retry, failure):
            _forget_children(run, frame)
            return
        if isinstance(state, Parallel | Map) and (of_branch or failure.error != RUNTIME):
            run.event(frame, f"{type(state).__name__}StateFailed", {})
        for catcher in state.catch:
            if failure.matches(catcher.error_equals):
                scope = run.scope(frame, state)
                try:
                    exit = catcher.flow.leave(frame.input.value, failure.error_output(), scope)
                    exit_state(run, frame, state, exit, catcher.next)
                    _forget_children(run, frame)
                except QueryError as error:
                    failure = evaluation_failed(run, frame, state, error)
                    break
                except StateFailed as error:
                    failure = error.failure
                    break
                return
    fail_branch(run, frame, failure)


def evaluation_failed(run: Run, frame: Frame, state: State, error: QueryError) -> Failure:
    """The failure of a state whose fields could not be evaluated, told by an event where it was JSONata.

    The event of a state that fails on its entry hangs from what the entry hangs from, as if there had been none
    (recorded), unless the error came `late`.
    """
    failure = of_query(error, state.name, frame.entered_id)
    if error.error == QUERY_EVALUATION_ERROR:
        details: dict[str, Json] = {"error": failure.error, "cause": failure.cause, "state": state.name}
        if error.location is not None:
            details["location"] = error.location
        if frame.last_id == frame.entered_id and not error.late and run.entered_from is not None:
            frame.last_id = run.entered_from
        run.event(frame, "EvaluationFailed", details)
    return failure


def _retry(run: Run, frame: Frame, retriers: tuple[Retrier, ...], failure: Failure) -> bool:
    """Whether a retrier has taken the failure."""
    for index, retrier in enumerate(retriers):
        if not failure.matches(retrier.error_equals):
            continue
        retries = frame.retries or (0,) * len(retriers)
        attempt = retries[index]
        if attempt >= retrier.max_attempts:
            return False
        frame.retries = (*retries[:index], attempt + 1, *retries[index + 1 :])
        frame.retry_count += 1
        frame.doing = "retry"
        run.set_timer(frame, "retry", run.now + _delay(run, retrier, attempt))
        return True
    return False


def _delay(run: Run, retrier: Retrier, attempt: int) -> int:
    """Milliseconds until the next attempt: interval x rate^attempt, capped, then jittered."""
    cap = retrier.max_delay_seconds or 99_999_999
    try:
        seconds = min(cap, retrier.interval_seconds * retrier.backoff_rate**attempt)
    except OverflowError:  # the power leaves the range of a float
        seconds = cap
    if retrier.full_jitter:
        seconds *= run.entropy.uniform()
    return round(seconds * 1000)


def fail_branch(run: Run, frame: Frame, failure: Failure) -> None:
    """A branch has failed, and so has the state around it, up to the execution.

    Where nothing takes the failure, the branches that it ends stay for a redrive.
    """
    frame.doing = "failed"
    if frame.path == "":
        run.event(frame, "ExecutionFailed", _error_details(failure))
        run.end("FAILED", failure=failure)
        return
    parent = run.parent(frame)
    state = parent.program.states[parent.state]
    failed_id = frame.last_id
    if isinstance(state, Map):
        run.note(failed_id, "MapIterationFailed", {"index": frame.index, "name": state.name})
    if not isinstance(frame.program.states[frame.state], Map | Parallel):
        _abort_state(run, frame, failed_id)
    _abort_children(run, parent, state, failed_id)
    parent.doing = "failed"
    parent.last_id = failed_id
    fail_state(run, parent, state, failure, of_branch=True)


def _abort_children(run: Run, frame: Frame, state: State, failed_id: int) -> None:
    """Tell the children that were still on their way as aborted."""
    for index in range(frame.started):
        child = run.peek(frame.child_path(index))
        if child is not None and child.doing not in ("done", "failed"):
            _abort_branch(run, child, state, failed_id)


def _abort_branch(run: Run, frame: Frame, around: State, failed_id: int) -> None:
    if isinstance(around, Map):
        run.note(failed_id, "MapIterationAborted", {"index": frame.index, "name": around.name})
    if frame.doing == "children":
        _abort_children(run, frame, frame.program.states[frame.state], failed_id)
    if frame.doing != "ready":
        _abort_state(run, frame, failed_id)


def _forget_children(run: Run, frame: Frame) -> None:
    """Nothing goes on from the children of a state that has failed: it was left, or will be performed anew."""
    run.remove_children(frame)


def _abort_state(run: Run, frame: Frame, failed_id: int) -> None:
    if frame.doing == "mapRun":
        run.note(failed_id, "MapRunAborted", {})
    kind = type(frame.program.states[frame.state]).__name__
    if kind in _ABORTABLE:
        run.note(failed_id, f"{kind}StateAborted", {})


def _error_details(failure: Failure) -> dict[str, Json]:
    details: dict[str, Json] = {}
    if failure.error is not None:
        details["error"] = failure.error
    if failure.cause is not None:
        details["cause"] = failure.cause
    return details
