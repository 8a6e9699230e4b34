"""What an execution did, read off its history: which states it visited, where, and how their attempts ended.

Rules that must stay true here:
- The history alone is read, as GetExecutionHistory answers it, ours and AWS's alike: the definition may be another one.
- A place is a branch of the execution: the root is `()`, an iteration of a Map `("Map[2]",)`, a branch of a Parallel
  `("Parallel:First",)`, named for the first state in it, and so on inwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

Event: TypeAlias = Mapping[str, Any]
"""An event as GetExecutionHistory answers it."""

Place: TypeAlias = tuple[str, ...]

_DETAILS = re.compile(r"\w+EventDetails")
_TASK = re.compile(
    r"(?:Task|LambdaFunction|Activity)"
    r"(?:(?P<begun>Scheduled)|(?P<taken>Submitted)|(?P<done>Succeeded)|(?P<late>TimedOut)"
    r"|(?P<failed>(?:Schedule|Start|Submit)?Failed))"
)
_CONTAINER_BEGINS = ("MapStateStarted", "ParallelStateStarted", "MapRunStarted")
_CONTAINER_FAILS = ("MapStateFailed", "ParallelStateFailed", "MapRunFailed")
_ITERATION = "MapIteration"

ENDS = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}
"""The events that an execution ends with, and its status then."""


@dataclass(slots=True)
class Attempt:
    """One attempt of a state. `ending` is None while it has none in the history; `output`, `submitted`, `error` and
    `cause` are the very texts. `submit_failed` says that the call of the task was not even taken."""

    ending: Literal["succeeded", "failed", "timed out"] | None = None
    output: str | None = None
    submitted: str | None = None
    error: str | None = None
    cause: str | None = None
    submit_failed: bool = False


@dataclass(slots=True)
class Visit:
    """A state from its entering on. `parent` is the Map or Parallel that it is inside of; `left` says that it was left,
    after its last attempt or by a catcher."""

    name: str
    kind: str
    place: Place
    parent: Visit | None
    input: str | None = None
    attempts: list[Attempt] = field(default_factory=list)
    left: bool = False


@dataclass(frozen=True, slots=True)
class Trail:
    """`visits` are in the order of their entering; `status` is None where the history has no end."""

    visits: tuple[Visit, ...]
    status: str | None
    input: str | None
    started: float

    @property
    def path(self) -> list[str]:
        """The names of the states visited, in order, those inside of Map and Parallel among them."""
        return [visit.name for visit in self.visits]

    def by_place(self) -> dict[Place, list[str]]:
        """The path of each branch: what is concurrent keeps no order between branches."""
        paths: dict[Place, list[str]] = {}
        for visit in self.visits:
            paths.setdefault(visit.place, []).append(visit.name)
        return paths


def details_of(event: Event) -> Mapping[str, Any]:
    """The details of an event, whatever their member is called."""
    return next((value for member, value in event.items() if _DETAILS.fullmatch(member) and value is not None), {})


def seconds_of(event: Event) -> float:
    """The time of an event in seconds since 1970: a number, a text as the AWS CLI writes it, or a datetime of boto3."""
    time = event["timestamp"]
    if isinstance(time, str):
        time = datetime.fromisoformat(time)
    return time.timestamp() if isinstance(time, datetime) else float(time)


def read_trail(events: Iterable[Event]) -> Trail:
    """Follow a history, given from its first event on."""
    reader = _Reader()
    for event in events:
        reader.read(event)
    return Trail(tuple(reader.visits), reader.status, reader.input, reader.started)


@dataclass(frozen=True, slots=True)
class _Position:
    """Where an event stands: what follows it is at the same place, in the same visit, unless it says otherwise."""

    type: str
    place: Place
    visit: Visit | None


class _Reader:
    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self.status: str | None = None
        self.input: str | None = None
        self.started = 0.0
        self._positions: dict[int, _Position] = {}

    def read(self, event: Event) -> None:
        type, details = str(event["type"]), details_of(event)
        previous = self._positions.get(event.get("previousEventId", 0), _Position("", (), None))
        place, visit = previous.place, previous.visit
        if type == "ExecutionStarted":
            self.input = details.get("input")
            self.started = seconds_of(event)
        elif type in ENDS:
            self.status = ENDS[type]
        elif type.endswith("StateEntered"):
            visit = self._enter(type, details, previous)
            place = visit.place
        elif type.startswith(_ITERATION):
            visit = _container(visit, str(details.get("name", "")))
            place = () if visit is None else visit.place
            if type.endswith("Started") and visit is not None:
                place = (*place, f"{visit.name}[{details.get('index')}]")
        elif visit is not None:
            if type.startswith(("MapState", "ParallelState", "MapRun")):
                visit = _of_container(type, previous) or visit
                place = visit.place
            _note(type, details, visit)
        self._positions[event["id"]] = _Position(type, place, visit)

    def _enter(self, type: str, details: Mapping[str, Any], previous: _Position) -> Visit:
        name, place, before = str(details.get("name", "")), previous.place, previous.visit
        parent: Visit | None
        if previous.type == "ParallelStateStarted" and before is not None:
            place, parent = (*before.place, f"{before.name}:{name}"), before
        elif previous.type == "MapIterationStarted":
            parent = before
        else:
            parent = None if before is None else before.parent
        visit = Visit(name, type.removesuffix("StateEntered"), place, parent, details.get("input"))
        self.visits.append(visit)
        return visit


def _container(visit: Visit | None, name: str) -> Visit | None:
    """The Map of that name that a visit is, or is inside of."""
    while visit is not None and not (visit.kind == "Map" and visit.name == name):
        visit = visit.parent
    return visit


def _of_container(type: str, previous: _Position) -> Visit | None:
    """The Map or Parallel that an event of one belongs to: the end of one follows what was last inside of it."""
    visit = previous.visit
    if visit is None or not type.endswith(("Failed", "Succeeded")):
        return visit
    begun = previous.type in _CONTAINER_BEGINS or previous.type.startswith((_ITERATION, "MapRun"))
    entered = previous.type in ("MapStateEntered", "ParallelStateEntered")
    return visit if begun or entered else visit.parent


def _note(type: str, details: Mapping[str, Any], visit: Visit) -> None:
    """Take what an event says of a visit."""
    if type.endswith("StateExited"):
        visit.left = True
        return
    if type in _CONTAINER_BEGINS:
        if type != "MapRunStarted" or not visit.attempts:
            visit.attempts.append(Attempt())
        return
    if type in _CONTAINER_FAILS:
        attempt = _open_attempt(visit)
        attempt.ending, attempt.error, attempt.cause = "failed", details.get("error"), details.get("cause")
        return
    found = _TASK.fullmatch(type)
    if found is None:
        return
    if found["begun"]:
        visit.attempts.append(Attempt())
        return
    attempt = _open_attempt(visit)
    if found["taken"]:
        attempt.submitted = details.get("output", "{}")
    elif found["done"]:
        attempt.ending, attempt.output = "succeeded", details.get("output")
    else:
        attempt.ending = "timed out" if found["late"] else "failed"
        attempt.error, attempt.cause = details.get("error"), details.get("cause")
        attempt.submit_failed = found["failed"] == "SubmitFailed"


def _open_attempt(visit: Visit) -> Attempt:
    if not visit.attempts or visit.attempts[-1].ending is not None:
        visit.attempts.append(Attempt())
    return visit.attempts[-1]
