"""What one call of `advance` answers: everything that the turn changes.

Rules that must stay true here:
- A turn is complete: committing it and nothing else carries the execution from one stand to the next.
- A turn does nothing by itself. Its effects are wishes, carried out after the commit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct

from stepwell.language.model import Resource
from stepwell.language.values import Json
from stepwell.machine.datum import Datum
from stepwell.machine.execution import Frame, RedriveToken, Status
from stepwell.machine.history import Event


class TaskEffect(Struct, frozen=True):
    """A task is to be carried out. `id` is the id of the event that scheduled it.

    `submitted` is the answer to its call, a JSON text, where a service has taken the job of a `.sync` task: the job is
    then to be followed, and `id` is that of the event TaskSubmitted. `role` is the ARN of the role in the state's
    `Credentials`.
    """

    id: int
    path: str
    resource: Resource
    input: str
    token: str
    state_name: str
    deadline: int | None
    call: int
    submitted: str | None = None
    role: str | None = None


class MapRunStart(Struct, frozen=True):
    """A map run begins with this turn. `order` says what it is to do (see `states/map_run.py`); its end is told with
    the token."""

    arn: str
    path: str
    token: str
    order: Mapping[str, Json]


class MapRunRedrive(Struct, frozen=True):
    """A map run that has ended goes on; its end is told with the token. `id` is that of the event MapRunRedriven."""

    id: int
    arn: str
    token: str


class Abort(Struct, frozen=True):
    """An execution or map run that this one has started is no longer wanted. `id` is that of the event that scheduled
    the task, or started the map run, which waited for it."""

    id: int
    child: str


class Turn(Struct, frozen=True, kw_only=True):
    """`timers` maps names (`path|kind`) to due times. Removals come before additions. `frames_gone` are the paths of
    the stored frames that `frames_removed` removes by prefix. `more` says that the budget was spent: the engine goes on
    with a Continue. `stop_date` is set once the execution has ended."""

    events: Sequence[Event]
    status: Status
    last_event_id: int
    frames: Mapping[str, Frame]
    frames_removed: Sequence[str]
    frames_gone: Collection[str]
    timers: Mapping[str, int]
    timers_removed: Sequence[str]
    timers_removed_below: Sequence[str]
    effects: Sequence[TaskEffect]
    effects_removed: Sequence[int]
    effects_removed_below: Sequence[str]
    calls: Mapping[str, int]
    redrive_count: int = 0
    redrive_date: int | None = None
    redrive_tokens: tuple[RedriveToken, ...] = ()
    aborts: Sequence[Abort] = ()
    map_runs: Sequence[MapRunStart] = ()
    map_run_redrives: Sequence[MapRunRedrive] = ()
    output: Datum | None = None
    error: str | None = None
    cause: str | None = None
    stop_date: int | None = None
    more: bool = False


UNBORN: Final = Turn(
    events=(),
    status="RUNNING",
    last_event_id=0,
    frames={},
    frames_removed=(),
    frames_gone=(),
    timers={},
    timers_removed=(),
    timers_removed_below=(),
    effects=(),
    effects_removed=(),
    effects_removed_below=(),
    calls={},
    more=True,
)
"""The first turn of an execution whose real one is put off: a Continue starts it."""
