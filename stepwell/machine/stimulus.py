"""What can happen to an execution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from stepwell.machine.turn import TaskEffect


@dataclass(frozen=True, slots=True)
class Start:
    """The execution begins."""


@dataclass(frozen=True, slots=True)
class Continue:
    """The last turn's budget was spent: go on."""


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer is due. `name` is the path of its frame, a bar and its kind."""

    name: str


@dataclass(frozen=True, slots=True)
class TaskSucceeded:
    """`output` is the JSON text of the result."""

    path: str
    token: str
    output: str


@dataclass(frozen=True, slots=True)
class TaskFailed:
    path: str
    token: str
    error: str | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class TaskTimedOut:
    """The task ran over a limit that whoever carried it out has kept."""

    path: str
    token: str
    error: str
    cause: str | None


@dataclass(frozen=True, slots=True)
class TaskSubmitted:
    """The call of a `.waitForTaskToken` or `.sync` task was taken; its end comes later.

    `child` is the ARN of the execution that was started for it, where the task waits for that one: it tells the end,
    and is aborted with the task.
    """

    path: str
    token: str
    output: str
    child: str = ""


@dataclass(frozen=True, slots=True)
class JobSubmitted:
    """A service has taken the job of a `.sync` task; `output` is its answer. `effect`, which is that of the task, goes
    on as one that follows the job."""

    path: str
    token: str
    output: str
    effect: TaskEffect


@dataclass(frozen=True, slots=True)
class TaskSubmitFailed:
    path: str
    token: str
    error: str | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class MapRunSucceeded:
    """`output` is the JSON text of the results, or of where they are."""

    path: str
    token: str
    output: str


@dataclass(frozen=True, slots=True)
class MapRunFailed:
    path: str
    token: str
    error: str
    cause: str


@dataclass(frozen=True, slots=True)
class ActivityClaimed:
    """A worker has taken the task of an activity."""

    path: str
    token: str
    worker_name: str | None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    path: str
    token: str


@dataclass(frozen=True, slots=True)
class Stop:
    """StopExecution."""

    error: str | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class Redrive:
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
