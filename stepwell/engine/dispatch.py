"""What the engine asks of whoever carries out tasks.

Rules that must stay true here:
- A task is dispatched only after the turn that scheduled it is committed, and again after a crash: its
  `idempotency_key` is the same each time.
- An outcome is told once; the engine refuses what comes late or twice.
- The dispatcher knows neither store nor turns: it takes a task and yields outcomes.
- The job of a `.sync` task is submitted by one dispatch and followed by others, which know the service's answer: also
  after a crash nothing is submitted twice that was committed once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from stepwell.language.model import Resource


class Watch(Struct, frozen=True):
    """Whoever tests a state is told of the HTTP request that it makes: `request` and `response`, by the names of
    TestState's answer; with `reveal` the secrets of its connection stand there too."""

    reveal: bool
    tell: Callable[[Mapping[str, Mapping[str, str]]], None]


class Task(Struct, frozen=True, kw_only=True):
    """One attempt of a Task state that is to be carried out.

    `input` is the JSON text of the task's arguments. `deadline` is when the attempt times out (milliseconds since
    1970, the execution's clock), None where nothing limits it. `call` counts the calls of this state over the whole
    execution, from 0, all iterations and retries together; it is kept only where `test_case` names a test case of the
    mocks. `submitted` is the JSON text of a `JobSubmitted` that was committed: the job is to be followed; `looks` is
    how often this process has found it running. `clock` is the present time of a virtual clock; `brand` that of the
    sealed values in the input, None where there are none. `role_arn` is that of the state machine, `credentials_role`
    that of the state's `Credentials`, None where it has none. `watch` is set where the state is only tested.
    `trace` is what the task is part of (see `stepwell.engine.trace`).
    """

    resource: Resource
    input: str
    token: str
    execution_arn: str
    machine_arn: str
    state_name: str
    role_arn: str
    idempotency_key: str
    deadline: int | None = None
    test_case: str | None = None
    call: int = 0
    virtual: bool = False
    submitted: str | None = None
    looks: int = 0
    credentials_role: str | None = None
    watch: Watch | None = None
    clock: int | None = None
    brand: str | None = None
    trace: str | None = None


class Succeeded(Struct, frozen=True):
    """The task is done; `output` is the JSON text of its result."""

    output: str


class Failed(Struct, frozen=True):
    """The task failed. `error` and `cause` are as AWS reports them, None where it reports none."""

    error: str | None
    cause: str | None


class TimedOut(Struct, frozen=True):
    """The task ran over a limit of its own (`States.Timeout`)."""

    error: str = "States.Timeout"
    cause: str | None = None


class Submitted(Struct, frozen=True):
    """The call was taken (`.waitForTaskToken`, `.sync`); `output` is the JSON text of its answer.

    The end is told by a later outcome, or by the token: then nothing more is yielded.
    """

    output: str


class JobSubmitted(Struct, frozen=True):
    """A service has taken the job of a `.sync` task; `output` is the JSON text of its answer.

    The last outcome of its dispatch: once it is committed, the task is dispatched anew, with `Task.submitted`.
    """

    output: str


class StillRunning(Struct, frozen=True):
    """The job has not ended. The task is dispatched again in so many seconds of the real clock; until then it costs
    neither a thread nor a place among the tasks under way."""

    seconds: float


class SubmitFailed(Struct, frozen=True):
    """The call of a `.waitForTaskToken` or `.sync` task was refused."""

    error: str | None
    cause: str | None


class StartExecution(Struct, frozen=True):
    """The task is to start an execution: the engine does so, once, and asks `Dispatcher.child_outcome` what it means.

    `name` is None where the engine is to choose one; `input` is JSON text. With `awaited` the task waits for the end
    of the execution, which is aborted with the task.
    """

    machine_arn: str
    name: str | None
    input: str
    trace_header: str | None
    awaited: bool


class Claimed(Struct, frozen=True):
    """An activity's task is taken, as a worker takes one: its heartbeats count from now on.

    The end is told by the token, or by a time-out: nothing more is yielded.
    """


class Parked(Struct, frozen=True):
    """The task waits for a worker, for however long: it takes no place among those that are under way."""


Outcome: TypeAlias = Succeeded | Failed | TimedOut | Submitted | SubmitFailed | Claimed
"""What a task has come to."""

Told: TypeAlias = Outcome | StartExecution | JobSubmitted | StillRunning | Parked
"""What the dispatcher tells of a task on its way."""

Refusal: TypeAlias = Literal["missing", "deleting", "unsupported", "exists", "throttled"]


class Refused(Struct, frozen=True):
    """An execution could not be started: its machine is missing, being deleted or of a type that cannot be started so,
    another execution has the ARN, or as many run as are allowed."""

    why: Refusal
    machine_arn: str
    arn: str


class Child(Struct, frozen=True, kw_only=True):
    """An execution that a task has started, as it begins (`status` RUNNING, `stop_date` None) or as it has ended.

    Times are milliseconds since 1970; `input` and `output` are the very texts.
    """

    arn: str
    machine_arn: str
    name: str
    status: str
    start_date: int
    input: str
    stop_date: int | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    trace_header: str | None = None
    redrive_count: int = 0


class Dispatcher(Protocol):
    """Carries out tasks. One object serves the whole engine."""

    async def start(self) -> None:
        """Make ready. Called once, before the first task."""
        ...

    def run(self, task: Task) -> AsyncIterator[Told]:
        """Carry out one task, yielding its outcomes in order. A `StartExecution`, `JobSubmitted` or `StillRunning` is
        the last; `Parked` comes first.

        The engine closes the iterator when the task's outcome is no longer wanted (stopped, timed out): what runs for
        it is then ended. An exception that escapes is a defect and fails the task with `States.TaskFailed`.
        """
        ...

    async def withdraw(self, task: Task) -> None:
        """End the job that a `.sync` task has submitted, or is just submitting: nobody wants it any more.

        Best effort, as on AWS; what goes wrong is logged. A dispatcher that is stopped withdraws nothing.
        """
        ...

    def child_outcome(self, resource: Resource, child: Child | Refused) -> Outcome:
        """What the start, or the end, of the execution that a task has asked for means to the task.

        `resource` is that of the task.
        """
        ...

    def answers_activity(self, machine_arn: str, test_case: str | None, state_name: str) -> bool:
        """Whether the dispatcher itself (a mock) answers this activity's task, instead of a worker."""
        ...

    async def stop(self, grace: float) -> None:
        """End all that runs, waiting up to `grace` seconds for it."""
        ...
