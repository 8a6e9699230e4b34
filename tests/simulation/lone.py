"""A lone execution without an engine, the store that its turns are written to, and everything that can happen to it.

Rules that must stay true here:
- All chance comes from the seed, so that a failing run can be run again.
"""

from __future__ import annotations

import json
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from stepwell.engine.live import Live, new_execution, restore
from stepwell.engine.programs import Compiled
from stepwell.engine.records import CONTINUE, decode_effect, turn_record
from stepwell.language.definition import compile_definition
from stepwell.machine import stimulus as stimuli
from stepwell.machine.advance import advance
from stepwell.machine.history import Event, decode_events
from stepwell.machine.stimulus import Continue, Start, Stimulus, Stop, TimerFired
from stepwell.machine.turn import TaskEffect
from stepwell.store.protocol import (
    EffectRow,
    EventRecord,
    ExecutionRow,
    LoadedExecution,
    NewExecution,
    TurnRecord,
)
from tests.simulation.machines import ERRORS, INPUT

T = TypeVar("T")
START = 1_700_000_000_000
STEPS = 150  # then the execution is stopped


class Shelf:
    """What a store would hold of one execution, written from the records alone."""

    def __init__(self, new: NewExecution) -> None:
        self.new = new
        self.records: list[EventRecord] = []
        self.frames: dict[str, bytes] = {}
        self.timers: dict[str, int] = {}
        self.effects: dict[int, EffectRow] = {}
        self.texts: dict[bytes, str] = {}

    def write(self, record: TurnRecord) -> None:
        self.change, self.version = record.change, record.version
        _remove_below(self.frames, record.frames_removed)
        self.frames |= record.frames
        for name in record.timers_removed:
            self.timers.pop(name, None)
        _remove_below(self.timers, record.timers_removed_below)
        self.timers |= record.timers
        for id, row in list(self.effects.items()):
            below = any((row.path or "").startswith(prefix) for prefix in record.effects_removed_below)
            if id in record.effects_removed or below:
                del self.effects[id]
        self.effects |= {row.id: row for row in record.effects}
        self.texts |= record.payloads
        if record.events is not None:
            self.records.append(record.events)

    async def payloads(self, key: int, hashes: Sequence[bytes]) -> Mapping[bytes, str]:
        return {name: self.texts[name] for name in hashes}

    def load(self, compiled: Compiled) -> Live:
        """The execution as a process would find it."""
        row = ExecutionRow(new=self.new, change=self.change, version=self.version)
        loaded = LoadedExecution(row, self.frames, self.timers)
        execution = _finish(restore(self, loaded, compiled))  # type: ignore[arg-type]
        live = Live(1, execution, compiled, self.version)
        live.timers = dict(self.timers)
        return live

    def events(self) -> list[Event]:
        return [
            event
            for record in self.records
            for event in decode_events(record.first_id, record.data, self.texts.__getitem__)
        ]

    def tasks(self) -> list[TaskEffect]:
        return [decode_effect(row, self.texts.__getitem__) for row in self.effects.values()]


@dataclass(frozen=True)
class Step:
    """What happened, when, with which random bytes; and the record of the turn, None where it was stale."""

    stimulus: Stimulus
    now: int
    entropy: bytes
    record: TurnRecord | None


class Lone:
    """`forgetful`: the execution is read again from the shelf after every turn."""

    def __init__(self, definition: Mapping[str, Any], *, forgetful: bool = False) -> None:
        program = compile_definition(json.dumps(definition))
        self.compiled = Compiled(program, frozenset())
        new = _new()
        self.shelf = Shelf(new)
        self.live = Live(1, new_execution(new), self.compiled)
        self.forgetful = forgetful
        self.steps: list[Step] = []

    @property
    def execution(self) -> Any:
        return self.live.execution

    def happen(self, stimulus: Stimulus, now: int, entropy: bytes) -> TurnRecord | None:
        """One turn, written to the shelf."""
        turn = advance(self.compiled.program, self.execution, stimulus, now, entropy)
        record = None
        if turn is not None:
            record = turn_record(
                1,
                self.live.version + 1,
                turn,
                new=None,
                clock=None,
                now=now,
                continued=isinstance(stimulus, Continue),
            )
            self.live.apply(turn, record)
            self.shelf.write(record)
            if self.forgetful:
                self.live = self.shelf.load(self.compiled)
        self.steps.append(Step(stimulus, now, entropy, record))
        return record

    def run(self, seed: int) -> Lone:
        """Live through what chance brings, to the end."""
        chance = Random(seed)
        now = START
        old: list[TaskEffect] = []
        self.happen(Start(), now, chance.randbytes(32))
        for step in range(STEPS):
            if self.execution.status != "RUNNING":
                break
            now += chance.choice([0, 0, 1, 500])
            stimulus: Stimulus | None = Stop("Stopped", None) if step == STEPS - 1 else _task_news(chance, self, old)
            timer = min(self.live.timers.items(), key=lambda timer: (timer[1], timer[0]), default=None)
            if timer is not None and (stimulus is None or timer[1] <= now):
                now = max(now, timer[1])
                stimulus = Continue() if timer[0] == CONTINUE else TimerFired(timer[0])
            self.happen(stimulus or Stop(None, "nothing is left"), now, chance.randbytes(32))
        return self


def _task_news(chance: Random, world: Lone, old: list[TaskEffect]) -> Stimulus | None:
    """Something about a task: one that is open, or one of long ago. None where time is to pass."""
    open_tasks = {task.token: task for task in world.shelf.tasks()}
    old.extend(task for task in open_tasks.values() if task not in old)
    if not old or chance.random() < (0.05 if open_tasks else 0.5):
        return None
    # A callback or a claimed activity is no effect any more; its token is among the old ones.
    known = list(open_tasks.values()) if open_tasks and chance.random() < 0.85 else old[-6:]
    task = chance.choice(known)
    path, token = task.path, task.token
    output = chance.choice(['{"n": 1}', "[]", '"%s"' % ("z" * 400), "2.50", json.dumps({"deep": [INPUT]})])
    news: list[Stimulus] = [stimuli.TaskSucceeded(path, token, output)] * 6
    news += [stimuli.TaskFailed(path, token, chance.choice([*ERRORS, None]), chance.choice(["why", None]))] * 2
    news += [stimuli.TaskTimedOut(path, token, "States.Timeout", None), stimuli.Heartbeat(path, token)]
    if task.resource.kind == "activity":
        news += [stimuli.ActivityClaimed(path, token, chance.choice(["me", None]))] * 4
    if task.resource.pattern:
        news += [stimuli.TaskSubmitted(path, token, output), stimuli.TaskSubmitFailed(path, token, "A", None)]
    return chance.choice(news)


def _remove_below(rows: dict[str, Any], prefixes: Sequence[str]) -> None:
    for name in [name for name in rows if any(name.startswith(prefix) for prefix in prefixes)]:
        del rows[name]


def _finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("the coroutine waits")


def _new() -> NewExecution:
    return NewExecution(
        key=1,
        arn="arn:aws:states:us-east-1:123456789012:execution:Orders:run-1",
        machine_arn="arn:aws:states:us-east-1:123456789012:stateMachine:Orders",
        machine_id=1,
        name="run-1",
        definition_hash="",
        revision_id="r1",
        role_arn="arn:aws:iam::123456789012:role/Orders",
        start_date=START,
        input=json.dumps(INPUT),
        test_case="Counted",
    )
