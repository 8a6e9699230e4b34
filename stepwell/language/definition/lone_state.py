"""One state by itself: alone in its definition, or found by its name in that of a whole machine.

Rules that must stay true here:
- A state is read as that of a machine is; only where it leads to is not looked at when it stands alone.
- A whole machine must be sound, whichever of its states is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from stepwell.language.definition.legal import JSONPATH
from stepwell.language.definition.machine import compile_definition, parse_document, refuse_unsound
from stepwell.language.definition.node import Findings, Node
from stepwell.language.definition.program import read_state
from stepwell.language.definition.setting import Setting
from stepwell.language.model import Map, Parallel, Program, State

NAME: Final = "StateName"
"""The name that AWS gives to a state that has none."""


class LoneState(Struct, frozen=True):
    """A state to be run alone. `in_map` says that it is part of the processor of a Map."""

    state: State
    in_map: bool = False


def compile_state(text: str) -> LoneState:
    """The state whose definition is a text. Raises InvalidDefinition."""
    findings = Findings()
    document = parse_document(text, findings)
    state: State | None = None
    if document is not None:
        node = Node(document, f"/States/{NAME}", findings)
        state = read_state(NAME, node, Setting(JSONPATH, express=False))
    refuse_unsound(findings, text)
    assert state is not None  # as for a machine
    return LoneState(state)


def compile_state_of(text: str, name: str) -> LoneState | None:
    """The state with this name in the machine whose definition is a text, in whatever branch or processor it is; None
    where the machine has no such state. Raises InvalidDefinition."""
    return next((found for found in _states(compile_definition(text)) if found.state.name == name), None)


def names_within(state: State) -> frozenset[str]:
    """The names of all states in the branches of a Parallel, or in the processor of a Map."""
    return frozenset(found.state.name for program in _programs(state) for found in _states(program))


def _states(program: Program, in_map: bool = False) -> Iterator[LoneState]:
    for state in program.states.values():
        yield LoneState(state, in_map)
        for inner in _programs(state):
            yield from _states(inner, in_map or isinstance(state, Map))


def _programs(state: State) -> tuple[Program, ...]:
    match state:
        case Map():
            return (state.processor,)
        case Parallel():
            return state.branches
    return ()
