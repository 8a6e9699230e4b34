"""What the engine asks of whoever carries out tasks.

Rules that must stay true here:
- A task is dispatched only after the turn that scheduled it is committed, and again after a crash: its
  `idempotency_key` is the same each time.
- An outcome is told once; the engine refuses what comes late or twice.
- The dispatcher knows neither store nor turns: it takes a task and yields outcomes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from stepwell.language.model import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One attempt of a Task state that is to be carried out.

    `input` is the JSON text of the task's arguments. `deadline` is when the attempt times out (milliseconds since
    1970, the execution's clock), None where nothing limits it. `call` counts the calls of this state over the whole
    execution, from 0, all iterations and retries together; it is kept only where `test_case` names a test case of the
    mocks.
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


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The task is done; `output` is the JSON text of its result."""

    output: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The task failed. `error` and `cause` are as AWS reports them, None where it reports none."""

    error: str | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The task ran over a limit of its own (`States.Timeout`)."""

    error: str = "States.Timeout"
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """The call was taken (`.waitForTaskToken`, `.sync`); `output` is the JSON text of its answer.

    The end is told by a later outcome, or by the token: then nothing more is yielded.
    """

    output: str


@dataclass(frozen=True, slots=True)
class SubmitFailed:
    """The call of a `.waitForTaskToken` or `.sync` task was refused."""

    error: str | None
    cause: str | None


Outcome: TypeAlias = Succeeded | Failed | TimedOut | Submitted | SubmitFailed


class Dispatcher(Protocol):
    """Carries out tasks. One object serves the whole engine."""

    async def start(self) -> None:
        """Make ready. Called once, before the first task."""
        ...

    def run(self, task: Task) -> AsyncIterator[Outcome]:
        """Carry out one task, yielding its outcomes in order.

        The engine closes the iterator when the task's outcome is no longer wanted (stopped, timed out): what runs for
        it is then ended. An exception that escapes is a defect and fails the task with `States.TaskFailed`.
        """
        ...

    def answers_activity(self, machine_arn: str, test_case: str | None, state_name: str) -> bool:
        """Whether the dispatcher itself (a mock) answers this activity's task, instead of a worker."""
        ...

    async def stop(self, grace: float) -> None:
        """End all that runs, waiting up to `grace` seconds for it."""
        ...
