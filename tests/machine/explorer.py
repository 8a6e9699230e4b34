"""Runs a definition again and again, on the pure machine, until its Choices have been left by every way.

It begins with empty documents, looks at what each state lacked in the run and gives it that at the source; then it asks
one Choice after another, by the values that its rules test, for the ways that were not taken yet, and one Task after
another for the errors that are caught.

Rules that must stay true here:
- Nothing is random, and time passes only by timers.
- Every run is checked: it ends (by a stop where it would go on for ever), and its events and remains are sound.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stepwell.engine.records import CONTINUE
from stepwell.language.definition import compile_definition
from stepwell.language.model import Map, Parallel, Program
from stepwell.machine.history import Event
from stepwell.machine.stimulus import Continue, MapRunFailed, MapRunSucceeded
from stepwell.machine.turn import MapRunStart, TaskEffect, Turn
from tests.machine.journey import Broken, Done, Journey
from tests.machine.mocks import INPUT, SOME, Steps, World, follow, locate
from tests.machine.reads import Demand, Read, holding, prefix_of, reads

MAX_STIMULI: Final = 120  # a run; one that still goes on is stopped
MAX_EVENTS: Final = 2_000  # likewise, where a loop waits for nothing
MAX_VISITS: Final = 6  # of a state in a run that are looked at
MAX_ROUNDS: Final = 12  # runs until a plan's documents have what the run needs
MAX_PLANS: Final = 40  # a definition
INTERNAL: Final = "An internal error"


@dataclass(frozen=True)
class Plan:
    """`choices` says by which way a Choice is to be left when it is first met: the index of a rule, or one more for
    Default. `failing` maps Tasks to the error that they fail with."""

    choices: Mapping[str, int] = field(default_factory=dict)
    failing: Mapping[str, str] = field(default_factory=dict)


class Trip(Journey):
    """A journey whose tasks and map runs answer from the documents of a world."""

    def __init__(self, program: Program, world: World, failing: Mapping[str, str]) -> None:
        self.world = world
        self.failing = failing
        self.map_runs: list[MapRunStart] = []
        self.answers: dict[int, str] = {}  # the source of the answer to a task, by the id of its event
        self.variables: dict[str, Any] = {}  # as they were last set, by whichever branch
        super().__init__(program, world.document(INPUT))

    def _apply(self, turn: Turn, continued: bool) -> None:
        super()._apply(turn, continued)
        self.map_runs += turn.map_runs
        for frame in turn.frames.values():
            self.variables.update(frame.variables.values)

    def go(self) -> Trip:
        """Go on to the end, or stop."""
        while self.status == "RUNNING" and self.told < MAX_STIMULI and len(self.events) < MAX_EVENTS:
            if self.tasks:
                self._answer(self.task())
            elif self.map_runs:
                self._answer_map_run(self.map_runs.pop(0))
            elif CONTINUE in self.live.timers:
                self.tell(Continue())
            else:
                assert self.live.timers, "the execution waits for nothing"
                self.fire()
        self.stopped = self.status == "RUNNING"
        if self.stopped:
            self.tell_stop()
        return self

    def _answer(self, task: TaskEffect) -> None:
        error = self.failing.get(task.state_name)
        source = self.answers[task.id] = f"{task.state_name} {task.call}"
        self.answer(task, Done(self.world.document(source)) if error is None else Broken(error, "planned"))

    def _answer_map_run(self, run: MapRunStart) -> None:
        frame = self.execution.frames.get(run.path)
        if frame is None or frame.token != run.token:
            return
        error = self.failing.get(frame.state)
        if error is not None:
            self.tell(MapRunFailed(run.path, run.token, error, "planned"))
            return
        source = f"{frame.state} results"
        writer = run.order["writer"]
        if not (isinstance(writer, dict) and writer["exports"]):
            self.world.wish((source, (0,)), SOME)
        self.tell(MapRunSucceeded(run.path, run.token, json.dumps(self.world.document(source))))


@dataclass
class Exploration:
    """What was seen of a definition: the ways that its runs went, and those that its Choices have been left by."""

    choices: int = 0
    paths: set[tuple[str, ...]] = field(default_factory=set)
    taken: set[tuple[str, str]] = field(default_factory=set)  # a Choice and the state after it
    ways: set[tuple[str, str]] = field(default_factory=set)
    entered: set[str] = field(default_factory=set)
    runs: int = 0
    stopped: int = 0
    errors: Counter[str] = field(default_factory=Counter)  # what the last run of each plan has failed with


class Explorer:
    """`definition` is the definition as an object, `program` the same compiled."""

    def __init__(self, definition: Mapping[str, Any], program: Program) -> None:
        self.program = program
        self.language = definition.get("QueryLanguage", "JSONPath")
        self.states = dict(_states(definition))
        self.found = Exploration()
        for name, state in self.states.items():
            if state["Type"] == "Choice":
                self.found.choices += 1
                self.found.ways |= {(name, way) for way in _ways(state)}

    def explore(self) -> Exploration:
        """Run all plans."""
        done = 0
        plans = [Plan()]
        while plans and done < MAX_PLANS:
            plan = plans.pop(0)
            before = set(self.found.entered)
            self._carry_out(plan)
            done += 1
            if done == 1:
                plans += self._failures()
            plans[:0] = self._detours(plan, self.found.entered - before)
        return self.found

    def _detours(self, plan: Plan, new: set[str]) -> Iterator[Plan]:
        """Plans for the ways of the Choices that were met for the first time."""
        for name, state in self.states.items():
            if name in new and state["Type"] == "Choice":
                for index, way in enumerate(_ways(state)):
                    if (name, way) not in self.found.taken:
                        yield Plan({**plan.choices, name: index}, plan.failing)

    def _failures(self) -> Iterator[Plan]:
        """Each task fails with the errors that are caught; one without catchers, for the catchers around it."""
        for name, state in self.states.items():
            if state["Type"] in ("Task", "Map"):
                caught = [catcher["ErrorEquals"][0] for catcher in state.get("Catch", ())] or ["States.ALL"]
                for error in caught:
                    yield Plan({}, {name: "Broken" if error in ("States.ALL", "States.TaskFailed") else error})

    def _carry_out(self, plan: Plan) -> None:
        """Run with ever better documents until a run lacks nothing."""
        world = World()
        trip = None
        for _ in range(MAX_ROUNDS):
            trip = Trip(self.program, world, plan.failing).go()
            self._record(trip)
            if not self._improve(trip, plan):
                break
        assert trip is not None
        if trip.error is not None:
            self.found.errors[trip.error] += 1

    # -- what a run was like

    def _record(self, trip: Trip) -> None:
        found = self.found
        found.runs += 1
        found.stopped += trip.stopped
        check(trip)
        entered = trip.of("StateEntered")
        names = {event.id: str(event.details["name"]) for event in entered}
        found.paths.add(tuple(names.values()))
        found.entered.update(names.values())
        left = {event.id: str(event.details["name"]) for event in trip.of("ChoiceStateExited")}
        found.taken |= {(left[event.previous_id], names[event.id]) for event in entered if event.previous_id in left}

    # -- what a run lacked

    def _improve(self, trip: Trip, plan: Plan) -> bool:
        """Wish for what the states of a run lacked. Whether that changes anything."""
        visits: Counter[str] = Counter()
        changed = False
        for event in trip.of("StateEntered"):
            name = str(event.details["name"])
            if visits[name] < MAX_VISITS:
                changed |= self._improve_state(trip, event, visits[name], plan)
            visits[name] += 1
        return changed

    def _improve_state(self, trip: Trip, entered: Event, visit: int, plan: Plan) -> bool:
        name = str(entered.details["name"])
        state = self.states[name]
        input = json.loads(str(entered.details["input"]))
        sides = {"input": input, "start": trip.world.document(INPUT), "variable": trip.variables}
        result = _result(trip, entered)
        if result is not None:
            sides["result"] = result
        changed = False
        for read in reads(state, self.language):
            if read.side in sides and not read.fits(sides[read.side]):
                changed |= _wish(trip.world, sides[read.side], read.steps, _sample(read, sides[read.side]))
        if state["Type"] == "Choice":
            for demand in self._demands(name, state, visit, plan):
                changed |= _wish(trip.world, sides[demand.side], demand.steps, demand.value, (name, visit))
        return changed

    def _demands(self, name: str, state: Mapping[str, Any], visit: int, plan: Plan) -> Iterator[Demand]:
        """What sends a Choice the way that is wanted: by plan at first, and in a loop by every way in turn."""
        wanted = plan.choices.get(name) if visit == 0 else visit % len(_ways(state)) if visit > 1 else None
        if wanted is None:
            return
        prefix = prefix_of(state)
        for rule in state["Choices"][:wanted]:
            yield from holding(rule, False, prefix)
        for rule in state["Choices"][wanted : wanted + 1]:
            yield from holding(rule, True, prefix)


def check(trip: Trip) -> None:
    """What is true of every run."""
    assert trip.status != "RUNNING"
    assert not trip.stopped or trip.status == "ABORTED"
    for id, event in enumerate(trip.events, 1):
        assert event.id == id
        assert 0 <= event.previous_id < id
        assert INTERNAL not in str(event.details.get("cause", ""))
    assert trip.events[-1].type.startswith("Execution")
    assert not trip.tasks
    assert not trip.live.timers
    if trip.status == "SUCCEEDED":
        assert not trip.execution.frames


def _states(definition: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All states, those of branches and inline processors too, by their names."""
    for name, state in definition.get("States", {}).items():
        yield name, state
        for inner in (*state.get("Branches", ()), state.get("ItemProcessor", {}), state.get("Iterator", {})):
            if inner.get("ProcessorConfig", {}).get("Mode") != "DISTRIBUTED":
                yield from _states(inner)


def programs(definition: str) -> Iterator[tuple[Mapping[str, Any], Program]]:
    """A definition, and those of its distributed Maps: their processors are machines of their own."""
    program = compile_definition(definition)
    yield json.loads(definition), program
    for inner in _distributed(program):
        yield from programs(inner)


def _distributed(program: Program) -> Iterator[str]:
    for state in program.states.values():
        if isinstance(state, Map) and state.distribution is not None:
            yield state.distribution.definition
            continue
        branches = (
            state.branches if isinstance(state, Parallel) else (state.processor,) if isinstance(state, Map) else ()
        )
        for branch in branches:
            yield from _distributed(branch)


def _ways(choice: Mapping[str, Any]) -> list[str]:
    """The states after a Choice, rule by rule, Default last."""
    ways = [rule["Next"] for rule in choice["Choices"]]
    return [*ways, choice["Default"]] if "Default" in choice else ways


def _result(trip: Trip, entered: Event) -> Any:
    """What the task of a state, or its map run, has answered; None where there is no such answer."""
    scheduled = next((event for event in trip.events if event.previous_id == entered.id), None)
    if scheduled is None:
        return None
    if scheduled.id in trip.answers:
        return trip.world.document(trip.answers[scheduled.id])
    source = f"{entered.details['name']} results"
    return trip.world.document(source) if any(of == source for of, _ in trip.world.wishes) else None


def _wish(world: World, data: Any, steps: Steps, value: Any, owner: object = None) -> bool:
    place = locate(data, steps)
    return place is not None and world.wish(place, value, owner)


def _sample(read: Read, data: Any) -> Any:
    """What to wish for where a read does not fit: where others read members of it already, an object stays one."""
    found = follow(data, read.steps)
    return SOME if isinstance(found, dict) and read.kind == "any" else read.sample
