"""A definition as it is written, with the functions of an app put in: names become ARNs.

Rules that must stay true here:
- What is no definition is handed back as it is: what is wrong with it is told by its validation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def fill_in(text: str, substitutions: Mapping[str, str]) -> str:
    """The text with its `${Name}` filled in, wherever it stands."""
    for name, value in substitutions.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def bind_definition(text: str, functions: Mapping[str, str]) -> str:
    """The definition with its bare function names made ARNs.

    `functions` gives the ARN of every function by name. A Resource that is such a name becomes its ARN, and so does the
    FunctionName in the Parameters or Arguments of a Task that invokes Lambda. The text is handed back as it is where
    nothing is to be replaced, and where it is no JSON object that says each member once: what is wrong with it is told
    by its validation.
    """
    try:
        definition = json.loads(text, object_pairs_hook=_members)
    except ValueError:
        return text
    bound = _bound_machine(definition, functions)
    return text if bound == definition else json.dumps(bound, indent=2, ensure_ascii=False)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is given twice")
    return members


def _bound_machine(machine: Any, functions: Mapping[str, str]) -> Any:
    """A machine, a branch or an item processor with its functions bound; anything else as it is."""
    states = machine.get("States") if isinstance(machine, dict) else None
    if not isinstance(states, dict):
        return machine
    return {**machine, "States": {name: _bound_state(state, functions) for name, state in states.items()}}


def _bound_state(state: Any, functions: Mapping[str, str]) -> Any:
    if not isinstance(state, dict):
        return state
    if state.get("Type") == "Task":
        bound = _bound_member(state, "Resource", functions)
        if ":states:::lambda:invoke" in str(state.get("Resource")):
            for member in ("Parameters", "Arguments"):
                if member in bound:
                    bound = {**bound, member: _bound_member(bound[member], "FunctionName", functions)}
        return bound
    nested = {
        member: _bound_machine(state[member], functions) for member in ("ItemProcessor", "Iterator") if member in state
    }
    branches = state.get("Branches")
    if isinstance(branches, list):
        nested["Branches"] = [_bound_machine(branch, functions) for branch in branches]
    return {**state, **nested}


def _bound_member(holder: Any, member: str, functions: Mapping[str, str]) -> Any:
    name = holder.get(member) if isinstance(holder, dict) else None
    return {**holder, member: functions[name]} if isinstance(name, str) and name in functions else holder
