"""What can happen to an execution."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from stepwell.machine.turn import TaskEffect


class Start(Struct, frozen=True):
    """The execution begins."""


class Continue(Struct, frozen=True):
    """The last turn's budget was spent: go on."""


class TimerFired(Struct, frozen=True):
    """A timer is due. `name` is the path of its frame, a bar and its kind."""

    name: str


class TaskSucceeded(Struct, frozen=True):
    """`output` is the JSON text of the result."""

    path: str
    token: str
    output: str


class TaskFailed(Struct, frozen=True):
    path: str
    token: str
    error: str | None
    cause: str | None


class TaskTimedOut(Struct, frozen=True):
    """The task ran over a limit that whoever carried it out has kept."""

    path: str
    token: str
    error: str
    cause: str | None


class TaskSubmitted(Struct, frozen=True):
    """The call of a `.waitForTaskToken` or `.sync` task was taken; its end comes later.

    `child` is the ARN of the execution that was started for it, where the task waits for that one: it tells the end,
    and is aborted with the task.
    """

    path: str
    token: str
    output: str
    child: str = ""


class JobSubmitted(Struct, frozen=True):
    """A service has taken the job of a `.sync` task; `output` is its answer. `effect`, which is that of the task, goes
    on as one that follows the job."""

    path: str
    token: str
    output: str
    effect: TaskEffect


class TaskSubmitFailed(Struct, frozen=True):
    path: str
    token: str
    error: str | None
    cause: str | None


class MapRunSucceeded(Struct, frozen=True):
    """`output` is the JSON text of the results, or of where they are."""

    path: str
    token: str
    output: str


class MapRunFailed(Struct, frozen=True):
    path: str
    token: str
    error: str
    cause: str


class ActivityClaimed(Struct, frozen=True):
    """A worker has taken the task of an activity."""

    path: str
    token: str
    worker_name: str | None


class Heartbeat(Struct, frozen=True):
    path: str
    token: str


class Stop(Struct, frozen=True):
    """StopExecution."""

    error: str | None
    cause: str | None


class Redrive(Struct, frozen=True):
    """RedriveExecution: an execution that has ended without success goes on. The only stimulus that an ended execution
    takes. `anew` lets it begin again with its first state, as Express workflows do."""

    client_token: str | None = None
    anew: bool = False


Stimulus: TypeAlias = (
    Start
    | Continue
    | TimerFired
    | TaskSucceeded
    | TaskFailed
    | TaskTimedOut
    | TaskSubmitted
    | JobSubmitted
    | TaskSubmitFailed
    | MapRunSucceeded
    | MapRunFailed
    | ActivityClaimed
    | Heartbeat
    | Stop
    | Redrive
)
