"""An execution driven turn by turn, on time that passes only when a test says so.

Rules that must stay true here:
- Turns are applied the way the engine applies them: through the record that it would commit.
- Nothing is random: the n-th turn of a journey always has the same entropy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from stepwell.engine.live import Live, new_execution
from stepwell.engine.records import CONTINUE, turn_record
from stepwell.language.definition import compile_definition
from stepwell.language.model import Program
from stepwell.machine import stimulus as stimuli
from stepwell.machine.advance import advance
from stepwell.machine.history import Event
from stepwell.machine.stimulus import Continue, Start, Stimulus, Stop, TimerFired
from stepwell.machine.turn import TaskEffect, Turn
from stepwell.store.protocol import NewExecution

NOON = 1_700_000_000_000  # when every journey starts, in milliseconds since 1970
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:work"
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:dig"
INVOKE = "arn:aws:states:::lambda:invoke"
CALLBACK = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"


@dataclass(frozen=True)
class Done:
    """A task that succeeds."""

    value: Any = None


@dataclass(frozen=True)
class Broken:
    """A task that fails."""

    error: str | None = "Broken"
    cause: str | None = None


@dataclass(frozen=True)
class Silent:
    """A task that never answers."""


Answer = Done | Broken | Silent


def machine(states: Mapping[str, Mapping[str, Any]], **fields: Any) -> dict[str, Any]:
    """A definition: starts at the first state; a state that says nothing else goes on to the one written below it."""
    names = list(states)
    linked: dict[str, dict[str, Any]] = {}
    for name, below in zip(names, [*names[1:], None], strict=True):
        state = dict(states[name])
        if state["Type"] not in ("Choice", "Succeed", "Fail") and "Next" not in state and "End" not in state:
            state |= {"End": True} if below is None else {"Next": below}
        linked[name] = state
    return {"StartAt": names[0], "States": linked, **fields}


def loop(name: str = "Round") -> dict[str, Any]:
    """A machine that turns in a circle of one Choice for as long as its input is not "out"."""
    out = f"{name}Out"
    choice = {"Type": "Choice", "Choices": [{"Variable": "$", "StringEquals": "out", "Next": out}], "Default": name}
    return machine({name: choice, out: {"Type": "Succeed"}})


class Journey:
    """`events` are all events so far, `tasks` the tasks that wait for an outcome, by the id of their event."""

    def __init__(
        self,
        definition: Mapping[str, Any] | Program,
        input: Any = None,
        *,
        test_case: str | None = None,
        absent: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        text = json.dumps({} if input is None else input)
        given = isinstance(definition, Program)
        self.program = definition if given else compile_definition(json.dumps(definition))
        self.now = NOON
        self.events: list[Event] = []
        self.tasks: dict[int, TaskEffect] = {}
        self.seed = seed
        self.told = 0
        self.live = Live(1, new_execution(_new(text, test_case)))
        self.execution.absent = frozenset(absent)
        self.tell(Start())

    # -- what happens

    def tell(self, stimulus: Stimulus) -> Turn | None:
        """One turn; None where the stimulus is stale."""
        self.told += 1
        entropy = blake2b(b"%d.%d" % (self.seed, self.told), digest_size=32).digest()
        turn = advance(self.program, self.execution, stimulus, self.now, entropy)
        if turn is not None:
            self._apply(turn, isinstance(stimulus, Continue))
        return turn

    def _apply(self, turn: Turn, continued: bool) -> None:
        record = turn_record(1, self.live.version + 1, turn, new=None, clock=None, now=self.now, continued=continued)
        self.live.apply(turn, record)
        self.events.extend(turn.events)
        for id, task in list(self.tasks.items()):
            if id in record.effects_removed or any(task.path.startswith(path) for path in record.effects_removed_below):
                del self.tasks[id]
        self.tasks |= {effect.id: effect for effect in turn.effects}
        if turn.output is not None:
            self.output = json.loads(turn.output.text)
        self.error, self.cause, self.stop_date = turn.error, turn.cause, turn.stop_date

    def fire(self) -> str:
        """Let time pass until the next timer, and fire it. Its name."""
        name, due = min(self.live.timers.items(), key=lambda timer: (timer[1], timer[0]))
        self.now = max(self.now, due)
        self.tell(Continue() if name == CONTINUE else TimerFired(name))
        return name

    def task(self, state: str | None = None) -> TaskEffect:
        """The oldest task that waits, of a state where one is named."""
        return next(task for task in self.tasks.values() if state in (None, task.state_name))

    def answer(self, task: TaskEffect, answer: Answer) -> Turn | None:
        match answer:
            case Done():
                return self.tell(stimuli.TaskSucceeded(task.path, task.token, json.dumps(answer.value)))
            case Broken():
                return self.tell(stimuli.TaskFailed(task.path, task.token, answer.error, answer.cause))
            case Silent():
                raise ValueError("a silent task has no answer")

    def run(self, **script: Sequence[Answer]) -> Journey:
        """Go on to the end: tasks answer at once and in order, each with the next answer that the script has for its
        state (`Done` once it has none); where all are silent, the next timer fires."""
        answers: dict[str, Iterator[Answer]] = {state: iter(given) for state, given in script.items()}
        silent: set[int] = set()
        while self.status == "RUNNING":
            task = next((task for id, task in self.tasks.items() if id not in silent), None)
            if task is None:
                self.fire()
                continue
            answer = next(answers.get(task.state_name, iter(())), Done())
            if isinstance(answer, Silent):
                silent.add(task.id)
            else:
                self.answer(task, answer)
        return self

    def tell_stop(self) -> Turn | None:
        return self.tell(Stop(None, None))

    # -- what has come of it

    @property
    def execution(self) -> Any:
        return self.live.execution

    @property
    def status(self) -> str:
        return str(self.execution.status)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return (self.now - NOON) / 1000

    @property
    def timers(self) -> dict[str, float]:
        """Seconds from now until each timer is due."""
        return {name: (due - self.now) / 1000 for name, due in self.live.timers.items()}

    def of(self, *types: str) -> list[Event]:
        """The events whose type ends so."""
        return [event for event in self.events if event.type.endswith(types)]

    def outline(self, after: int = 0) -> str:
        """A line an event: its id, the event that it hangs from, its type, and the state or the index it names."""
        return "\n".join(
            " ".join(
                str(part)
                for part in (
                    event.id,
                    event.previous_id,
                    event.type,
                    event.details.get("name", ""),
                    event.details.get("index", ""),
                )
                if part != ""
            )
            for event in self.events
            if event.id > after
        )


def lines(text: str) -> str:
    """An indented text as `Journey.outline` writes it."""
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _new(input: str, test_case: str | None) -> NewExecution:
    return NewExecution(
        key=1,
        arn="arn:aws:states:us-east-1:123456789012:execution:Orders:run-1",
        machine_arn="arn:aws:states:us-east-1:123456789012:stateMachine:Orders",
        machine_id=1,
        name="run-1",
        definition_hash="",
        revision_id="r1",
        role_arn="arn:aws:iam::123456789012:role/Orders",
        start_date=NOON,
        input=input,
        test_case=test_case,
    )
