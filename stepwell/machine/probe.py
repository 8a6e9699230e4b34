"""A probe: one state run by itself, and what came of it.

Rules that must stay true here:
- A state does here what it does in an execution: its type, its retriers and its catchers run the code that they run
  there.
- Like the machine a probe does no I/O: whoever runs it carries out the task, or waits, and tells it the outcome.
- A Map or a Parallel does not run its branches: its result, or its failure, is told from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias, cast

from msgspec import Struct, field

from stepwell.language.errors import QueryError
from stepwell.language.model import Choice, Fail, Map, Parallel, Pass, Program, State, Succeed, Task, Wait
from stepwell.language.values import Json, dumps
from stepwell.machine.datum import Datum
from stepwell.machine.entropy import Entropy
from stepwell.machine.execution import Execution, Frame
from stepwell.machine.execution import Status as ExecutionStatus
from stepwell.machine.failure import Failure, StateFailed, of_query
from stepwell.machine.probe_map import exceeds_tolerance, look_at_map
from stepwell.machine.probe_notes import Notes, watched
from stepwell.machine.run import Run
from stepwell.machine.states import choice, fail, pass_, succeed, task, wait
from stepwell.machine.transition import evaluation_failed, exit_state, fail_state
from stepwell.machine.turn import TaskEffect
from stepwell.machine.variables import Variables

Status: TypeAlias = Literal["SUCCEEDED", "FAILED", "RETRIABLE", "CAUGHT_ERROR"]

_PERFORM: Final = cast(
    "Mapping[type, Callable[[Run, Frame, Any], None]]",
    {
        Pass: pass_.perform,
        Succeed: succeed.perform,
        Fail: fail.perform,
        Choice: choice.perform,
        Wait: wait.perform,
        Task: task.perform,
    },
)


class Setup(Struct, frozen=True, kw_only=True):
    """The circumstances of a state under test.

    `context` is its context object; None leaves that to the probe. `in_map` says that the state belongs to a Map: its
    input is then the Map's first item. `retries` is how often the retrier that takes a failure has done so before.
    `failed_iterations` says how many iterations of a Map have failed. `source` is what a Map's ItemReader has read,
    None where it read nothing.
    """

    state: State
    execution: Execution
    variables: Mapping[str, Json] = field(default_factory=dict)
    context: Json = None
    in_map: bool = False
    retries: int = 0
    failed_iterations: int | None = None
    source: Json = None


class Report(Struct, frozen=True, kw_only=True):
    """What came of a state. `output` is None where it failed; `next` is None where nothing comes after it.

    `data` is the inspection data, by the names of the API.
    """

    status: Status
    output: str | None
    next: str | None
    error: str | None
    cause: str | None
    data: Mapping[str, Json]


class Probe:
    """One state on its way: `enter` comes first; then, while `report` gives nothing, the outcome that is awaited.

    `items` is how many items a Map has, None where that is not known.
    """

    def __init__(self, setup: Setup, now: int, entropy: bytes) -> None:
        self._setup = setup
        self._notes = Notes(setup.execution.input)
        self._state = watched(setup.state, self._notes)
        program = Program(start_at=setup.state.name, states={setup.state.name: self._state})
        self._run = _ProbeRun(program, setup, now, Entropy(entropy))
        self._frame = self._first_frame(program)
        self._failure: Failure | None = None
        self.items: int | None = None

    def _first_frame(self, program: Program) -> Frame:
        setup = self._setup
        retriers = setup.state.retry if isinstance(setup.state, Task | Parallel | Map) else ()
        return Frame(
            path="",
            program=program,
            state=setup.state.name,
            input=setup.execution.input,
            last_id=0,
            entered_at=self._run.now,
            retries=(setup.retries,) * len(retriers),
            retry_count=setup.retries,
            item=setup.execution.input if setup.in_map else None,
            variables=Variables.of_values(setup.variables),
        )

    # -- what happens to the state

    def enter(self) -> None:
        """Let the state begin. A Map or a Parallel then waits for its result."""
        perform = _PERFORM.get(type(self._state))
        if perform is not None:
            self._attempt(perform)
        else:
            self._attempt(self._look)

    def succeeded(self, result: str) -> None:
        """The task, the Map or the Parallel has this result: a JSON text."""
        self._notes.result = result
        if isinstance(self._state, Task):
            self._attempt(task.succeeded, result)
        elif exceeds_tolerance(self._notes.data, self._setup.failed_iterations, self.items):
            cause = "The specified tolerated failure threshold was exceeded"
            self._fail(Failure("States.ExceedToleratedFailureThreshold", cause))
        else:
            self._attempt(_complete, Datum.of_text(result))

    def failed(self, error: str | None, cause: str | None) -> None:
        """The task, the Map or the Parallel has failed."""
        self._fail(Failure(error, cause))

    def woken(self) -> None:
        """The wait is over."""
        self._attempt(wait.wake)

    def _look(self, run: Run, frame: Frame, state: Map | Parallel) -> None:
        frame.doing = "children"
        if isinstance(state, Map):
            self.items = look_at_map(run, frame, state, self._notes, self._setup.source)

    def _attempt(self, act: Callable[..., None], *arguments: object) -> None:
        try:
            act(self._run, self._frame, self._state, *arguments)
        except QueryError as error:
            self._fail(evaluation_failed(self._run, self._frame, self._state, error))
        except StateFailed as error:
            self._fail(error.failure)
        except RecursionError:
            too_deep = QueryError("The data is nested too deeply.")
            self._fail(evaluation_failed(self._run, self._frame, self._state, too_deep))

    def _fail(self, failure: Failure) -> None:
        self._frame.doing = "ready"  # there are no branches to be ended
        self._failure = failure
        fail_state(self._run, self._frame, self._state, failure)

    # -- what came of it

    @property
    def effect(self) -> TaskEffect | None:
        """The task that is to be carried out, None where there is none."""
        return self._run.effect if self._frame.doing == "task" else None

    @property
    def due(self) -> int | None:
        """When the wait ends, in milliseconds since 1970; None where the state does not wait."""
        return self._run.due.get("wait") if self._frame.doing == "wait" else None

    @property
    def report(self) -> Report | None:
        """What came of the state; None while an outcome is awaited."""
        run, frame = self._run, self._frame
        if run.ended:
            return self._report("SUCCEEDED" if run.failure is None else "FAILED", run.output, None, run.failure)
        if frame.doing == "retry":
            return self._report("RETRIABLE", None, None, self._failure)
        if not run.queue:
            return None
        if self._notes.caught is not None:
            return self._report("CAUGHT_ERROR", frame.input, frame.state, self._failure)
        return self._report("SUCCEEDED", frame.input, frame.state, None)

    def give_up(self, error: str) -> Report:
        """What came of a state that the caller does not wait for any longer."""
        return self._report("FAILED", None, None, Failure(error, None))

    def _report(self, status: Status, output: Datum | None, next: str | None, failure: Failure | None) -> Report:
        data = dict(self._notes.data)
        if self._frame.variables:
            data["variables"] = dumps(dict(self._frame.variables.values))
        details = self._error_details(status)
        if details:
            data["errorDetails"] = details
        return Report(
            status=status,
            output=None if output is None else output.text,
            next=next,
            error=None if failure is None else failure.error,
            cause=None if failure is None else self._plain(failure.cause),
            data=data,
        )

    def _error_details(self, status: Status) -> dict[str, Json]:
        """Which retrier or catcher took the failure."""
        if status == "CAUGHT_ERROR":
            return {"catchIndex": self._notes.caught}
        if status != "RETRIABLE":
            return {}
        counts = enumerate(self._frame.retries)
        index = next(index for index, count in counts if count > self._setup.retries)
        seconds = (self._run.due["retry"] - self._run.now) / 1000
        return {"retryIndex": index, "retryBackoffIntervalSeconds": round(seconds)}

    def _plain(self, cause: str | None) -> str | None:
        """The cause without the event that the state was entered at: here there are no events."""
        frame = of_query(QueryError(""), self._state.name, self._frame.entered_id).cause
        return cause if cause is None or frame is None else cause.removeprefix(frame)


def _complete(run: Run, frame: Frame, state: Map | Parallel, result: Datum) -> None:
    scope = run.scope(frame, state, result_size=len(result.text))
    effective = state.flow.enter(scope)
    exit_state(run, frame, state, state.flow.leave(scope.input, result.value, scope.on(effective)), state.next, result)


class _ProbeRun(Run):
    """A turn that keeps at hand what it would have asked of the outside."""

    def __init__(self, program: Program, setup: Setup, now: int, entropy: Entropy) -> None:
        super().__init__(program, setup.execution, now, entropy)
        self._given = setup.context
        self.effect: TaskEffect | None = None
        self.due: dict[str, int] = {}
        self.output: Datum | None = None
        self.failure: Failure | None = None

    def add_effect(self, effect: TaskEffect) -> None:
        self.effect = effect

    def set_timer(self, frame: Frame, kind: str, due: int) -> None:
        super().set_timer(frame, kind, due)
        self.due[kind] = due

    def end(self, status: ExecutionStatus, *, output: Datum | None = None, failure: Failure | None = None) -> None:
        super().end(status, output=output, failure=failure)
        self.output = output
        self.failure = failure

    def _context(self, frame: Frame, state: State, item: tuple[int, Json] | None) -> Json:
        """The context object that was given, or the one that AWS makes for a test: without a redrive, and with a count
        of retries whatever the state's type."""
        if self._given is not None:
            context: Json = self._given
        else:
            context = super()._context(frame, state, item)
            assert isinstance(context, dict)
            execution, in_state = context["Execution"], context["State"]
            assert isinstance(execution, dict)
            assert isinstance(in_state, dict)
            left_out = ("RedriveCount",) if execution["RoleArn"] else ("RedriveCount", "RoleArn")
            context = {
                **context,
                "Execution": {name: value for name, value in execution.items() if name not in left_out},
                "State": {**in_state, "RetryCount": frame.retry_count},
            }
        if item is None or not isinstance(context, dict):
            return context
        return {**context, "Map": {"Item": {"Index": item[0], "Value": item[1]}}}
