"""Shows an execution as it goes: states as they are entered, attempts, errors, and how long it still waits.

Rules that must stay true here:
- All that is shown is told from history events: an execution looks the same embedded, over the API and afterwards.
- Events come in order and from the first one on; each is shown once.
- This module reads no clock and waits for nothing: whoever shows an execution calls `tick`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stepwell.commands.screen import STYLES, Screen, Words, span
from stepwell.commands.timing import Retries, Timing

_LIVE_LINES = 8  # of the states that are open
_CAUSE = 160  # characters of a cause

ENDS = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}
"""The events that an execution ends with, and its status then."""

_BRIEF = frozenset({"Pass", "Choice", "Succeed"})  # states that are left as soon as they are entered
_FAILURE = re.compile(r"(Task|LambdaFunction|Activity)(Schedule|Start|Submit)?(Failed|TimedOut)|EvaluationFailed")


class Step(NamedTuple):
    """A history event. `timestamp` is in milliseconds since 1970; `details` are the members of AWS's details shape."""

    id: int
    previous_id: int
    type: str
    timestamp: int
    details: Mapping[str, Any]


@dataclass(slots=True)
class _Visit:
    """A state between its entering and its leaving. `until` is when it goes on by itself."""

    name: str
    kind: str
    place: tuple[str, ...]
    entered: int
    retries: Retries | None = None
    attempt: int = 0
    until: int | None = None
    doing: str = ""
    failed: bool = field(default=False)

    @property
    def label(self) -> str:
        return " / ".join((*self.place, self.name))


class Progress:
    """Shows one execution on a screen. `timing` may be None: then nothing is forecast."""

    def __init__(self, screen: Screen, timing: Timing | None) -> None:
        self._screen = screen
        self._timing = timing
        self._visits: dict[int, _Visit] = {}  # by the id of every event that belongs to one
        self._places: dict[int, tuple[str, ...]] = {}  # where what follows an event happens
        self._containers: dict[tuple[str, ...], _Visit] = {}  # the Map or Parallel behind a place
        self._open: dict[int, _Visit] = {}  # by the visit's identity, in order of entering
        self._started = 0
        self._last_error: str | None = None  # what a Map or Parallel fails with is told by the state inside it
        self.last_id = 0
        self.status: str | None = None
        """The status of an execution that has ended."""

    def show(self, steps: Iterable[Step]) -> None:
        """Show events that have not been shown yet."""
        for step in steps:
            self.last_id = step.id
            self._follow(step)
            self._tell(step)

    def tick(self, now: int) -> None:
        """Show what is open at a time, in milliseconds since 1970."""
        lines = [self._waiting(visit, now) for visit in self._open.values() if visit.kind not in ("Map", "Parallel")]
        more = len(lines) - _LIVE_LINES
        if more > 0:
            lines = [*lines[:_LIVE_LINES], [(f"            and {more} more", "dim")]]
        self._screen.live(lines)

    def close(self) -> None:
        """Take away what `tick` shows."""
        self._screen.close()

    # -- which visit an event belongs to

    def _follow(self, step: Step) -> None:
        place = self._places.get(step.previous_id, ())
        visit = self._visits.get(step.previous_id)
        name = str(step.details.get("name", ""))
        if step.type.endswith("StateEntered"):
            visit = _Visit(name, step.type.removesuffix("StateEntered"), place, step.timestamp)
            self._open[id(visit)] = visit
        elif step.type == "ParallelStateStarted" and visit is not None:
            place = (*visit.place, visit.name)
            self._containers[place] = visit
        elif step.type == "MapIterationStarted":
            place = (*place, f"{name}[{step.details.get('index')}]")
            if visit is not None:
                self._containers[place] = visit
        elif step.type.startswith(("MapIteration", "ParallelState", "MapState")):
            # What ends iterations and branches hangs from the last event inside them.
            while place in self._containers and (visit is None or visit.place == place):
                visit = self._containers[place]
                place = visit.place
        if visit is not None:
            self._visits[step.id] = visit
        self._places[step.id] = place

    # -- what is said of it

    def _tell(self, step: Step) -> None:
        visit = self._visits.get(step.id)
        if step.type in ENDS:
            self._tell_end(step)
        elif step.type == "ExecutionStarted":
            self._started = step.timestamp
        elif step.type == "ExecutionRedriven":
            self._say(step, "redriven", "cyan", "the execution")
        elif visit is None:
            return
        elif step.type.endswith("StateEntered"):
            self._tell_entered(step, visit)
        elif step.type.endswith("StateExited"):
            self._tell_left(step, visit)
        elif step.type.endswith("StateAborted"):
            self._open.pop(id(visit), None)
            if not visit.failed:
                self._say(step, "aborted", "yellow", visit.label)
        elif _FAILURE.fullmatch(step.type) or step.type in ("ParallelStateFailed", "MapStateFailed"):
            self._tell_failed(step, visit)
        elif step.type.endswith("Scheduled") or step.type in ("ParallelStateStarted", "MapStateStarted"):
            self._tell_attempt(step, visit)
        elif step.type == "TaskSubmitted":
            visit.doing = "waiting for its end to be told"

    def _tell_entered(self, step: Step, visit: _Visit) -> None:
        if self._timing is not None:
            visit.until = self._timing.wait_until(visit.name, str(step.details.get("input", "{}")), step.timestamp)
            visit.retries = self._timing.retries(visit.name)
        note = ""
        if visit.until is not None:
            note = f"waits {span((visit.until - step.timestamp) / 1000)}, until {_clock(visit.until)[:8]}"
        if visit.kind == "Fail":
            self._open.pop(id(visit), None)
        self._say(step, "entered", "red" if visit.kind == "Fail" else "", visit.label, note)

    def _tell_attempt(self, step: Step, visit: _Visit) -> None:
        visit.attempt += 1
        visit.until, visit.failed, visit.doing = None, False, ""
        if visit.attempt > 1:
            self._say(step, "retried", "cyan", visit.label, f"attempt {visit.attempt}")

    def _tell_failed(self, step: Step, visit: _Visit) -> None:
        error = step.details.get("error") or ("States.Timeout" if step.type.endswith("TimedOut") else self._last_error)
        self._last_error = error
        visit.failed = True
        self._close_inside(visit)
        note = f"attempt {visit.attempt}: " if visit.attempt > 1 else ""
        note += _reason(error, step.details.get("cause"))
        delay = None if visit.retries is None else visit.retries.delay(error)
        if delay is not None:
            visit.until = step.timestamp + int(delay * 1000)
            note += f" (again in {span(delay)})"
        self._say(step, "failed", "red", visit.label, note)

    def _tell_left(self, step: Step, visit: _Visit) -> None:
        self._open.pop(id(visit), None)
        self._close_inside(visit)
        if visit.failed:
            self._say(step, "caught", "yellow", visit.label)
        elif visit.kind not in _BRIEF:
            self._say(step, "left", "green", visit.label, f"after {span((step.timestamp - visit.entered) / 1000)}")

    def _tell_end(self, step: Step) -> None:
        self.status = ENDS[step.type]
        self._open.clear()
        self._screen.live([])
        took = f"after {span((step.timestamp - self._started) / 1000)}"
        reason = _reason(step.details.get("error"), step.details.get("cause")) if self.status != "SUCCEEDED" else ""
        self._say(step, "ended", STYLES[self.status], self.status, f"{took}  {reason}".rstrip())

    def _close_inside(self, container: _Visit) -> None:
        """What was open in a Map or Parallel that is over was ended with it, without an event of its own."""
        depth = len(container.place)
        for key, visit in list(self._open.items()):
            if len(visit.place) > depth and self._containers.get(visit.place[: depth + 1]) is container:
                del self._open[key]

    def _say(self, step: Step, verb: str, style: str, label: str, note: str = "") -> None:
        words = [(f"{_clock(step.timestamp)}  ", "dim"), (f"{verb:<9}", style), (label, "bold")]
        self._screen.line([*words, (f"  {note}", "")] if note else words)

    def _waiting(self, visit: _Visit, now: int) -> Words:
        if visit.until is not None:
            note = f"{span(max(visit.until - now, 0) / 1000)} left"
            if visit.failed:
                note += f" until attempt {visit.attempt + 1}"
        else:
            note = f"for {span((now - visit.entered) / 1000)}"
            if visit.doing:
                note += f", {visit.doing}"
        return [
            (" " * 14, ""),
            ("waiting  " if visit.until is not None else "running  ", "cyan"),
            (visit.label, "bold"),
            (f"  {note}", ""),
        ]


def _clock(milliseconds: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(milliseconds // 1000)) + f".{milliseconds % 1000:03}"


def _reason(error: object, cause: object) -> str:
    text = " ".join(str(cause).split()) if cause else ""
    if len(text) > _CAUSE:
        text = text[: _CAUSE - 1] + "…"
    return f"{error}: {text}" if error and text else str(error or text)
