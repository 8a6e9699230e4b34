"""From the events of an execution to its spans: the execution, its states, iterations, and the attempts of tasks.

Rules that must stay true here:
- A span is named by the event that begins it, so that it is the same whoever puts it together, and when.
- What is kept is what is open: a span that has ended is forgotten with all that was in it.
- Names, types and resources are told, and the name of an error; never an input, an output or a cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct, field

from stepwell.engine.trace import ROOT
from stepwell.machine.history import Event

Kind = Literal["execution", "state", "iteration", "attempt", "redrive"]

_ENTERED: Final = "StateEntered"
_EXITED: Final = "StateExited"
_ITERATION: Final = "MapIteration"
_ATTEMPTS: Final = ("Task", "LambdaFunction", "Activity")
_ENDS: Final = ("Succeeded", "Failed", "TimedOut")
_EXECUTION_ENDS: Final = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}


class Span(Struct):
    """Times are milliseconds since 1970. `parent` is the event that begins the span around it, 0 for none here.
    `error` is the name of what it has failed with."""

    event: int
    parent: int
    kind: Kind
    name: str
    start: int
    end: int = 0
    error: str | None = None
    attributes: dict[str, str | int] = field(default_factory=dict)


class Tree:
    """The open spans of one execution. It has begun at `start`."""

    def __init__(self, name: str, start: int) -> None:
        root = Span(ROOT, 0, "execution", name, start)
        self.last_event = 0
        self._top = ROOT
        self._open: dict[int, Span] = {ROOT: root}
        self._inside: dict[int, set[int]] = {}  # the open spans right inside a span
        self._around: dict[int, int] = {ROOT: ROOT}  # the span that an event lies in
        self._exits: set[int] = set()
        self._events: dict[int, list[int]] = {}  # the events that lie in a span, but for the outermost

    def take(self, events: Iterable[Event]) -> list[Span]:
        """The spans that these events end, those inside before those around them."""
        ended: list[Span] = []
        for event in events:
            self._take(event, ended)
            self.last_event = event.id
        return ended

    def _take(self, event: Event, ended: list[Span]) -> None:
        kind, details = event.type, event.details
        around = self._around.get(event.previous_id, self._top)
        if kind.endswith(_ENTERED):
            self._begin(event, around, "state", _text(details, "name"), type=kind.removesuffix(_ENTERED))
            if event.previous_id in self._exits:  # nothing else follows it
                self._forget(event.previous_id)
        elif kind.endswith(_EXITED):
            state = self._nearest(around, "state")
            self._lie(event.id, around if state is None else self._parent(state))
            self._exits.add(event.id)
            self._end(state, event, ended)
        elif kind.startswith(_ITERATION):
            self._iteration(event, around, ended)
        elif kind.startswith(_ATTEMPTS):
            self._attempt(event, around, ended)
        elif kind in _EXECUTION_ENDS:
            self._open[self._top].attributes["status"] = _EXECUTION_ENDS[kind]
            self._end(self._top, event, ended, _error(event) or (None if kind == "ExecutionSucceeded" else kind))
        elif kind == "ExecutionRedriven":
            self._top = ROOT
            self._begin(event, ROOT, "redrive", "redrive")
            self._top = event.id
        elif event.id != ROOT:
            self._lie(event.id, around)

    def _iteration(self, event: Event, around: int, ended: list[Span]) -> None:
        if event.type == "MapIterationStarted":
            index = event.details.get("index", 0)
            name = f"{_text(event.details, 'name')}[{index}]"
            self._begin(event, around, "iteration", name, index=index if isinstance(index, int) else 0)
            return
        iteration = self._nearest(around, "iteration")
        self._lie(event.id, around if iteration is None else self._parent(iteration))
        error = None if event.type.endswith("Succeeded") else event.type
        self._end(iteration, event, ended, error)

    def _attempt(self, event: Event, around: int, ended: list[Span]) -> None:
        kind = event.type
        if kind.endswith("Scheduled"):
            self._begin(event, around, "attempt", _resource(event.details), type=kind.removesuffix("Scheduled"))
        elif kind.endswith(_ENDS):
            attempt = self._nearest(around, "attempt")
            self._lie(event.id, around if attempt is None else self._parent(attempt))
            self._end(attempt, event, ended, None if kind.endswith("Succeeded") else _error(event) or kind)
        else:
            self._lie(event.id, around)

    def _begin(self, event: Event, around: int, kind: Kind, name: str, **attributes: str | int) -> None:
        parent = around if around in self._open else self._top
        self._open[event.id] = Span(event.id, parent, kind, name, event.timestamp, attributes=attributes)
        self._inside.setdefault(parent, set()).add(event.id)
        self._around[event.id] = event.id

    def _end(self, span: int | None, event: Event, ended: list[Span], error: str | None = None) -> None:
        """End a span, and what is open inside of it: that was given up."""
        if span is None or span not in self._open:
            return
        for inner in sorted(self._inside.pop(span, ()), reverse=True):
            self._end(inner, event, ended, error or "aborted")
        found = self._open.pop(span)
        found.end, found.error = max(event.timestamp, found.start), error
        self._inside.get(found.parent, set()).discard(span)
        for inside in (span, *self._events.pop(span, ())):
            self._forget(inside)
        ended.append(found)

    def _parent(self, span: int) -> int:
        return self._open[span].parent

    def _nearest(self, span: int, kind: Kind) -> int | None:
        while span in self._open:
            if self._open[span].kind == kind:
                return span
            span = self._open[span].parent
        return None

    def _lie(self, event: int, span: int) -> None:
        self._around[event] = span
        if span != self._top:
            self._events.setdefault(span, []).append(event)

    def _forget(self, event: int) -> None:
        if event != ROOT:
            self._around.pop(event, None)
            self._exits.discard(event)


def _error(event: Event) -> str | None:
    error = event.details.get("error")
    return error if isinstance(error, str) and error else None


def _text(details: Mapping[str, object], name: str) -> str:
    value = details.get(name)
    return value if isinstance(value, str) else ""


def _resource(details: Mapping[str, object]) -> str:
    """What a task calls: `lambda:invoke`, a function's or an activity's name."""
    resource, kind = _text(details, "resource"), _text(details, "resourceType")
    return f"{kind}:{resource}" if kind else resource.rpartition(":")[2]
