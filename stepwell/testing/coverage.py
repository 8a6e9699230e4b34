"""Which parts of a machine a test run has reached: states, branches of Choices, retriers, catchers.

Rules that must stay true here:
- States, branches and catchers are noted where they act, by watching the compiled program: what is in a child
  execution, or reached by two rules with the same Next, is noted right.
- Retriers and Fail states are read off the history. A retrier was used where another attempt follows one that failed:
  it is the first that matches the error.
- What the children of a distributed Map run is part of the machine that the Map is in: they add to its coverage.
- What nothing can tell of is left out: Express children of a distributed Map keep no history.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal, TypeAlias

from msgspec.structs import replace

from stepwell.language.definition import compile_definition
from stepwell.language.model import (
    Catcher,
    CatchFlow,
    Choice,
    DataFlow,
    Exit,
    Fail,
    Map,
    Parallel,
    Program,
    Retrier,
    Rule,
    State,
    Task,
)
from stepwell.language.scope import Scope
from stepwell.language.values import Json
from stepwell.machine.failure import Failure
from stepwell.testing.trail import Trail, Visit

Kind: TypeAlias = Literal["state", "branch", "retrier", "catcher"]
KINDS: tuple[Kind, ...] = ("state", "branch", "retrier", "catcher")


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A part of a machine. `detail` tells apart those of one state, and says what they are."""

    kind: Kind
    state: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.state} {self.detail}".rstrip()


@dataclass(slots=True)
class MachineCoverage:
    """The parts of a machine, and those that were reached. `uncounted` are parts that nothing can tell of."""

    name: str
    parts: tuple[Part, ...]
    reached: set[Part] = field(default_factory=set)
    uncounted: tuple[Part, ...] = ()

    def missed(self) -> list[Part]:
        return [part for part in self.parts if part not in self.reached]

    def count(self, kind: Kind | None = None) -> tuple[int, int]:
        """How many parts were reached, and how many there are."""
        found = [part for part in self.parts if kind in (None, part.kind)]
        return sum(1 for part in found if part in self.reached), len(found)


class Coverage:
    """The coverage of all machines that a test run has touched."""

    def __init__(self) -> None:
        self.machines: dict[tuple[str, str], MachineCoverage] = {}

    def percent(self) -> float:
        """How much was reached of all there is, in all machines; 100 where there is nothing."""
        counts = [machine.count() for machine in self.machines.values()]
        total = sum(there for _, there in counts)
        return 100.0 * sum(reached for reached, _ in counts) / total if total else 100.0

    def add(self, name: str, program: Program) -> MachineCoverage:
        """The coverage of a machine, with all of its parts in it. Machines of the same name and parts are one."""
        without_history = set(_without_history(program))
        uncounted = tuple(part for part in _parts(program) if _only_history_tells(part, program, without_history))
        parts = tuple(part for part in _parts(program) if part not in uncounted)
        key = (name, sha256("\n".join(f"{part.kind} {part}" for part in parts).encode()).hexdigest())
        if key not in self.machines:
            self.machines[key] = MachineCoverage(name, parts, uncounted=uncounted)
        return self.machines[key]

    def compile(self, names: Mapping[str, str]) -> Callable[[str], Program]:
        """Compiles definitions into programs that are watched; `names` gives a definition's name by its text."""
        inside: dict[str, set[Part]] = {}  # what is reached of the machine around it, by the text of a processor

        def compile(text: str) -> Program:
            program = compile_definition(text)
            reached = inside.get(text)
            if reached is None:
                reached = self.add(names.get(text, "Machine"), program).reached
            for _, state in states_of(program):
                if isinstance(state, Map) and state.distribution is not None:
                    inside.setdefault(state.distribution.definition, reached)
            return _watched(program, reached)

        return compile

    def add_trail(self, name: str, definition: str, trail: Trail) -> None:
        """Note what an execution of a machine, or a child of a map run in it, has used that only its history tells."""
        program = compile_definition(definition)
        reached = self.add(name, program).reached
        states, fixed = dict(states_of(program)), dict(_fixed_errors(json.loads(definition)))
        for visit in trail.visits:
            state = states.get(visit.name)
            if isinstance(state, Fail):
                reached.add(Part("state", state.name))
            if not isinstance(state, Task | Map | Parallel):
                continue
            for attempt in visit.attempts[:-1]:
                error = attempt.error or _error_inside(visit, trail, fixed)
                index = _first_match(state.retry, error)
                if index is not None:
                    reached.add(_retrier(state.name, index, state.retry[index]))

    # -- between processes, and for reports

    def dump(self) -> list[dict[str, Any]]:
        """As JSON."""
        return [
            {
                "name": machine.name,
                "key": key[1],
                "percent": round(100.0 * reached / there, 1) if there else 100.0,
                "parts": [
                    {"kind": part.kind, "state": part.state, "detail": part.detail, "reached": part in machine.reached}
                    for part in machine.parts
                ],
                "uncounted": [
                    {"kind": part.kind, "state": part.state, "detail": part.detail} for part in machine.uncounted
                ],
            }
            for key, machine in self.machines.items()
            for reached, there in (machine.count(),)
        ]

    def load(self, dumped: Sequence[Mapping[str, Any]]) -> None:
        """Add what another process has dumped."""
        for entry in dumped:
            parts = {Part(found["kind"], found["state"], found["detail"]): found["reached"] for found in entry["parts"]}
            uncounted = tuple(Part(found["kind"], found["state"], found["detail"]) for found in entry["uncounted"])
            new = MachineCoverage(entry["name"], tuple(parts), uncounted=uncounted)
            machine = self.machines.setdefault((entry["name"], entry["key"]), new)
            machine.reached.update(part for part, reached in parts.items() if reached)


def states_of(program: Program) -> Iterator[tuple[str, State]]:
    """All states with their names, those inside of Map and Parallel among them."""
    for name, state in program.states.items():
        yield name, state
        if isinstance(state, Parallel):
            for branch in state.branches:
                yield from states_of(branch)
        elif isinstance(state, Map):
            yield from states_of(state.processor)


def _parts(program: Program) -> Iterator[Part]:
    for name, state in states_of(program):
        yield Part("state", name)
        if isinstance(state, Choice):
            yield from (_branch(state, index) for index in range(len(state.branches)))
            if state.default is not None:
                yield _branch(state, None)
        elif isinstance(state, Task | Map | Parallel):
            yield from (_retrier(name, index, retrier) for index, retrier in enumerate(state.retry))
            yield from (_catcher(name, index, catcher) for index, catcher in enumerate(state.catch))


def _without_history(program: Program) -> Iterator[str]:
    """The names of the states that Express children of a distributed Map run."""
    for _, state in states_of(program):
        if isinstance(state, Map) and state.distribution is not None and state.distribution.express:
            yield from (name for name, _ in states_of(state.processor))


def _only_history_tells(part: Part, program: Program, without_history: set[str]) -> bool:
    """Whether a part is in a state that keeps no history, and can be read off nothing else."""
    if part.state not in without_history:
        return False
    return part.kind == "retrier" or (part.kind == "state" and isinstance(dict(states_of(program))[part.state], Fail))


def _branch(state: Choice, index: int | None) -> Part:
    if index is None:
        return Part("branch", state.name, f"default → {state.default}")
    return Part("branch", state.name, f"rule {index} → {state.branches[index].next}")


def _retrier(state: str, index: int, retrier: Retrier) -> Part:
    return Part("retrier", state, f"retry {index} on {', '.join(retrier.error_equals)}")


def _catcher(state: str, index: int, catcher: Catcher) -> Part:
    return Part("catcher", state, f"catch {index} on {', '.join(catcher.error_equals)} → {catcher.next}")


def _first_match(retriers: Iterable[Retrier], error: str | None) -> int | None:
    failure = Failure(error, None)
    return next((index for index, found in enumerate(retriers) if failure.matches(found.error_equals)), None)


def _fixed_errors(value: Any) -> Iterator[tuple[str, str]]:
    """The error of every Fail state that says it outright, by the state's name."""
    if isinstance(value, list):
        for member in value:
            yield from _fixed_errors(member)
    elif isinstance(value, dict):
        for name, member in value.items():
            if isinstance(member, dict) and member.get("Type") == "Fail" and isinstance(member.get("Error"), str):
                yield name, member["Error"]
            yield from _fixed_errors(member)


def _error_inside(container: Visit, trail: Trail, fixed: Mapping[str, str]) -> str | None:
    """What a Map or Parallel failed with: the error of what failed last inside. Its own events do not say."""
    for visit in reversed(trail.visits):
        if not _is_inside(visit, container):
            continue
        if visit.kind == "Fail":
            return fixed.get(visit.name)
        failed = [attempt.error for attempt in visit.attempts if attempt.error is not None]
        if failed:
            return failed[-1]
    return None


def _is_inside(visit: Visit, container: Visit) -> bool:
    parent = visit.parent
    while parent is not None and parent is not container:
        parent = parent.parent
    return parent is container


# -- watching


def _watched(program: Program, reached: set[Part]) -> Program:
    states = {name: _watched_state(state, reached) for name, state in program.states.items()}
    return replace(program, states=states)


def _watched_state(state: State, reached: set[Part]) -> State:
    """The same state, which notes what of it acts."""
    default = _branch(state, None) if isinstance(state, Choice) else None
    watched = replace(state, flow=_FlowWatch(state.flow, reached, Part("state", state.name), default))
    if isinstance(watched, Parallel):
        watched = replace(watched, branches=tuple(_watched(branch, reached) for branch in watched.branches))
    elif isinstance(watched, Map):
        watched = replace(watched, processor=_watched(watched.processor, reached))
    elif isinstance(watched, Choice):
        branches = tuple(
            replace(branch, rule=_RuleWatch(branch.rule, reached, _branch(watched, index)))
            for index, branch in enumerate(watched.branches)
        )
        return replace(watched, branches=branches)
    if isinstance(watched, Task | Map | Parallel):
        catchers = tuple(
            replace(catcher, flow=_CatchWatch(catcher.flow, reached, _catcher(state.name, index, catcher)))
            for index, catcher in enumerate(watched.catch)
        )
        return replace(watched, catch=catchers)
    return watched


class _FlowWatch:
    """Stands before the data flow of a state. `left` is what leaving by it means: the default branch of a Choice, whose
    rules leave by flows of their own."""

    def __init__(self, flow: DataFlow, reached: set[Part], entered: Part, left: Part | None) -> None:
        self._flow = flow
        self._reached = reached
        self._entered = entered
        self._left = left

    def enter(self, scope: Scope) -> Json:
        self._reached.add(self._entered)
        return self._flow.enter(scope)

    def arguments(self, scope: Scope) -> Json:
        return self._flow.arguments(scope)

    def leave(self, raw: Json, result: Json, scope: Scope) -> Exit:
        if self._left is not None:
            self._reached.add(self._left)
        return self._flow.leave(raw, result, scope)


class _CatchWatch:
    """Stands before the flow of a catcher."""

    def __init__(self, flow: CatchFlow, reached: set[Part], part: Part) -> None:
        self._flow = flow
        self._reached = reached
        self._part = part

    def leave(self, raw: Json, error_output: Json, scope: Scope) -> Exit:
        self._reached.add(self._part)
        return self._flow.leave(raw, error_output, scope)


class _RuleWatch:
    """Stands before the rule of a branch."""

    def __init__(self, rule: Rule, reached: set[Part], part: Part) -> None:
        self._rule = rule
        self._reached = reached
        self._part = part

    def matches(self, scope: Scope) -> bool:
        matched = self._rule.matches(scope)
        if matched:
            self._reached.add(self._part)
        return matched
