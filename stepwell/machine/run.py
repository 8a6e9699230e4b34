"""A turn while it is computed: what the state types write to.

Rules that must stay true here:
- The execution that the turn starts from is read, never written: frames are cloned when they are first touched.
- Every event gets its id here, and hangs from the event that its branch came from.
- What is born and removed within the turn leaves no trace in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

from stepwell.language.model import Program, State, Task
from stepwell.language.scope import Patience, Scope
from stepwell.language.timestamp import format_timestamp
from stepwell.language.values import Json
from stepwell.machine.datum import Datum
from stepwell.machine.entropy import Entropy
from stepwell.machine.execution import Execution, Frame, RedriveToken, Status, parent_path
from stepwell.machine.failure import Failure
from stepwell.machine.history import Event
from stepwell.machine.turn import Abort, MapRunRedrive, MapRunStart, TaskEffect, Turn

MAX_TRANSITIONS = 1_000  # a turn
MAX_EVENT_BYTES = 1 << 20  # a turn
TIMERS = ("wait", "retry", "timeout", "heartbeat")  # the kinds of timers that a frame may have
MAX_EXPRESSIONS = 50  # a turn
MAX_LOOKED = 500_000  # values that the paths and functions of a turn look at
MAX_EVENTS = 25_000  # a standard execution (AWS's quota); the last one tells that the limit is reached
MAX_BYTES = 262_144  # an input, an output, a result (AWS's quota), in UTF-8


def exceeds_limit(text: str) -> bool:
    """Whether a text is larger than AWS lets a payload be."""
    return len(text) > MAX_BYTES or (len(text) > MAX_BYTES // 4 and len(text.encode("utf-8", "replace")) > MAX_BYTES)


class HistoryFull(Exception):
    """The next event would be one too many."""


class Run:
    """`queue` holds the frames that are about to enter a state, in the order in which they take turns; `joins` the
    frames that have come to their end and that their parents have not looked at yet."""

    def __init__(
        self, program: Program, execution: Execution, now: int, entropy: Entropy, patience: Patience | None = None
    ) -> None:
        self.program = program
        self.execution = execution
        self.now = now
        self.entropy = entropy
        self.patience = patience or Patience()
        self.queue: deque[Frame] = deque()
        self.joins: deque[Frame] = deque()
        self.transitions = 0  # states entered; iterations begun and children joined, which take as long, count too
        self.entered_from: int | None = None  # what the entry of the state hangs from that is being entered
        self._event_bytes = 0
        self._events: list[Event] = []
        self._last_event_id = execution.last_event_id
        self._frames: dict[str, Frame] = {}
        self._frames_removed: list[str] = []
        self._frames_gone: set[str] = set()
        self._timers: dict[str, int] = {}
        self._timers_removed: list[str] = []
        self._timers_removed_below: list[str] = []
        self._effects: dict[int, TaskEffect] = {}
        self._effects_removed: list[int] = []
        self._effects_removed_below: list[str] = []
        self._aborts: list[Abort] = []
        self._map_runs: dict[str, MapRunStart] = {}
        self._map_run_redrives: dict[str, MapRunRedrive] = {}
        self._calls = execution.calls
        self.redrive_count = execution.redrive_count
        self._redrive_date = execution.redrive_date
        self._redrive_tokens = execution.redrive_tokens
        self._status: Status = execution.status
        self._output: Datum | None = None
        self._failure: Failure | None = None

    # -- events

    def event(self, frame: Frame, type: str, details: Mapping[str, Json]) -> int:
        """Write an event of a branch; the branch's next event hangs from it. The event's id."""
        frame.last_id = self.note(frame.last_id, type, details)
        return frame.last_id

    def note(self, previous_id: int, type: str, details: Mapping[str, Json]) -> int:
        """Write an event from which nothing else hangs. Raises HistoryFull."""
        event_id = self._last_event_id + 1
        if event_id >= MAX_EVENTS and not type.startswith("Execution") and self.execution.workflow == "STANDARD":
            raise HistoryFull
        self._last_event_id = event_id
        self._events.append(Event(event_id, previous_id, type, self.now, details))
        for value in details.values():
            if isinstance(value, str):
                self._event_bytes += len(value)
        return event_id

    @property
    def spent(self) -> bool:
        """Whether the turn's budget is used up."""
        return (
            self.transitions >= MAX_TRANSITIONS
            or self._event_bytes >= MAX_EVENT_BYTES
            or self.patience.asked >= MAX_EXPRESSIONS
            or self.patience.looked >= MAX_LOOKED
        )

    # -- frames

    def frame(self, path: str) -> Frame | None:
        """The frame, ready to be changed."""
        frame = self._frames.get(path)
        if frame is None:
            stored = self._stored(path)
            if stored is None:
                return None
            frame = self._frames[path] = stored.clone()
        return frame

    def _stored(self, path: str) -> Frame | None:
        """The frame that the turn started from, unless the turn has removed it."""
        return None if path in self._frames_gone else self.execution.frames.get(path)

    def parent(self, frame: Frame) -> Frame:
        parent = self.frame(parent_path(frame.path))
        assert parent is not None
        return parent

    def peek(self, path: str) -> Frame | None:
        """The frame, to be read only."""
        return self._frames.get(path) or self._stored(path)

    def begin(self, previous_id: int) -> Frame:
        """The root, about to enter the first state."""
        program = self.program
        root = Frame(path="", program=program, state=program.start_at, input=self.execution.input, last_id=previous_id)
        self.add_frame(root)
        return root

    def add_frame(self, frame: Frame) -> None:
        self._frames[frame.path] = frame
        self.queue.append(frame)

    def holds(self, frame: Frame) -> bool:
        """Whether the frame is still there: what ends a state ends its children, also those that wait their turn."""
        return self.peek(frame.path) is frame

    def remove_children(self, frame: Frame) -> None:
        """Remove the children of the frame's state and all below them, with their timers and effects, and abort what
        they wait for."""
        if self._status == "SUCCEEDED":
            return  # and nothing is left
        removed = list(self._below(frame))
        stored = self.execution.frames
        gone = [child.path for child in removed if child.path in stored]
        waiting = [child for child in removed if child.doing != "done"]
        for child in waiting:
            if child.child:
                touched = self.frame(child.path)
                assert touched is not None
                self.abort_child(touched)
            self._effects.pop(child.scheduled_id, None)
            for kind in TIMERS:
                self._timers.pop(f"{child.path}|{kind}", None)
        for child in removed:
            self._frames.pop(child.path, None)
        if gone:
            self._frames_gone.update(gone)
            self._frames_removed.append(frame.children_prefix)
            if waiting:
                self._timers_removed_below.append(frame.children_prefix)
                self._effects_removed_below.append(frame.children_prefix)
        frame.started = frame.ended = 0
        frame.items = frame.memo = None

    def _below(self, frame: Frame) -> Iterator[Frame]:
        for index in range(frame.started):
            child = self.peek(frame.child_path(index))
            if child is not None:
                yield child
                if child.doing not in ("done", "task", "wait"):
                    yield from self._below(child)

    def remove_all(self) -> None:
        """Remove every frame that the turn started from, at its beginning."""
        self._abort_children()
        self._frames.clear()
        if self.execution.frames:
            self._frames_gone.update(self.execution.frames)
            self._frames_removed.append("")
            self._timers_removed_below.append("")
            self._effects_removed_below.append("")

    # -- timers and effects

    def set_timer(self, frame: Frame, kind: str, due: int) -> None:
        self._timers[f"{frame.path}|{kind}"] = due

    def clear_timer(self, frame: Frame, kind: str) -> None:
        name = f"{frame.path}|{kind}"
        self._timers.pop(name, None)
        if frame.path in self.execution.frames:  # what the turn set may have replaced a stored one
            self._timers_removed.append(name)

    def add_effect(self, effect: TaskEffect) -> None:
        self._effects[effect.id] = effect

    def remove_effect(self, effect_id: int) -> None:
        if self._effects.pop(effect_id, None) is None:
            self._effects_removed.append(effect_id)

    def abort_child(self, frame: Frame) -> None:
        """What the frame's task waits for is no longer wanted."""
        child, frame.child = frame.child, ""
        if self._map_runs.pop(child, None) is not None:
            frame.map_run = ""
        elif child and self._map_run_redrives.pop(child, None) is None:
            self._aborts.append(Abort(frame.scheduled_id, child))

    def add_map_run(self, start: MapRunStart) -> None:
        self._map_runs[start.arn] = start

    def redrive_map_run(self, redrive: MapRunRedrive) -> None:
        self._map_run_redrives[redrive.arn] = redrive

    def _abort_children(self) -> None:
        """Nothing that any frame waits for is wanted any more."""
        execution = self.execution
        if not execution.open and len(self._frames) == 1 and not next(iter(self._frames.values())).child:
            return  # the short way of an execution that ends in its first turn
        paths = {path for path in execution.open if execution.frames[path].child}
        paths.update(path for path, frame in self._frames.items() if frame.child)
        for path in sorted(paths):
            frame = self.frame(path)
            if frame is not None:
                self.abort_child(frame)

    def count_call(self, state_name: str) -> int:
        """Which call of this state it is, from 0; counted only where a test case of the mocks is on."""
        if self.execution.test_case is None:
            return 0
        call = self._calls.get(state_name, 0)
        self._calls = {**self._calls, state_name: call + 1}
        return call

    # -- what expressions see

    def scope(self, frame: Frame, state: State, item: tuple[int, Json] | None = None, *, result_size: int = 0) -> Scope:
        """The scope of a state with its raw input as `$`. `item` is the Map item that ItemSelector works on;
        `result_size` is how many characters the state's result has as JSON text."""
        return Scope(
            frame.input.value,
            lambda: self._context(frame, state, item),
            self.entropy,
            frame.variables.values,
            now=self.now,
            patience=self.patience,
            size=len(frame.input.text) + frame.variables.size + result_size,
            opaque=self.execution.opaque,
        )

    def context(self, frame: Frame, state: State) -> Json:
        """The context object of a state."""
        return self._context(frame, state, None)

    def _context(self, frame: Frame, state: State, item: tuple[int, Json] | None) -> Json:
        """The context object (AWS documentation, "Accessing execution data from the Context object")."""
        execution = self.execution
        in_state: dict[str, Json] = {"Name": state.name, "EnteredTime": format_timestamp(frame.entered_at)}
        if isinstance(state, Task):
            in_state["RetryCount"] = frame.retry_count
        about: dict[str, Json] = {
            "Id": execution.arn,
            "Input": execution.input.value,
            "StartTime": format_timestamp(execution.start_date),
            "Name": execution.name,
            "RoleArn": execution.role_arn,
        }
        if execution.workflow != "SYNC_EXPRESS":  # recorded: a synchronous execution has none
            about["RedriveCount"] = self.redrive_count
            if self._redrive_date is not None:
                about["RedriveTime"] = format_timestamp(self._redrive_date)
        context: dict[str, Json] = {
            "Execution": about,
            "StateMachine": {"Id": execution.machine_arn, "Name": execution.machine_name},
            "State": in_state,
        }
        if item is None:
            item = self._item(frame)
        if item is not None:
            context["Map"] = {"Item": {"Index": item[0], "Value": item[1]}}
        if isinstance(state, Task) and state.resource.pattern == "waitForTaskToken":
            context["Task"] = {"Token": frame.token}
        return context

    def _item(self, frame: Frame) -> tuple[int, Json] | None:
        """The item of the innermost Map around a frame."""
        inner: Frame | None = frame
        while inner is not None and inner.item is None:
            inner = self.peek(parent_path(inner.path)) if inner.path else None
        return None if inner is None or inner.item is None else (inner.index, inner.item.value)

    # -- the end, and the way back

    def reopen(self, tokens: tuple[RedriveToken, ...]) -> None:
        """The execution goes on after its end."""
        self._status = "RUNNING"
        self.redrive_count += 1
        self._redrive_date = self.now
        self._redrive_tokens = tokens

    @property
    def ended(self) -> bool:
        return self._status != "RUNNING"

    def end(self, status: Status, *, output: Datum | None = None, failure: Failure | None = None) -> None:
        """The execution has ended: nothing of it waits any more. Frames stay where a redrive may need them."""
        self._abort_children()
        self._status = status
        self._output = output
        self._failure = failure
        self.queue.clear()
        self.joins.clear()
        self._timers.clear()
        self._effects.clear()
        if status == "SUCCEEDED":
            self._frames.clear()
        if self.execution.frames:
            self._timers_removed_below = [""]
            self._effects_removed_below = [""]
            if status == "SUCCEEDED":
                self._frames_removed = [""]

    def finish(self) -> Turn:
        failure = self._failure
        return Turn(
            events=self._events,
            status=self._status,
            last_event_id=self._last_event_id,
            frames=self._frames,
            frames_removed=self._frames_removed,
            frames_gone=self._frames_gone,
            timers=self._timers,
            timers_removed=self._timers_removed,
            timers_removed_below=self._timers_removed_below,
            effects=tuple(self._effects.values()),
            effects_removed=self._effects_removed,
            effects_removed_below=self._effects_removed_below,
            calls=self._calls,
            redrive_count=self.redrive_count,
            redrive_date=self._redrive_date,
            redrive_tokens=self._redrive_tokens,
            aborts=self._aborts,
            map_runs=tuple(self._map_runs.values()),
            map_run_redrives=tuple(self._map_run_redrives.values()),
            output=self._output,
            error=failure.error if failure else None,
            cause=failure.cause if failure else None,
            stop_date=self.now if self.ended else None,
            more=any(map(self.holds, self.queue)),
        )
