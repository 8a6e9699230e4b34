"""Where states lead: the graph of one program.

Rules that must stay true here:
- Targets are read from the definition's own text, so that a state with another fault still leads where it says.
- A state leads only to states of its own program.
- Missing targets come first, then unreachable states: the order of AWS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stepwell.language.definition.node import Node
from stepwell.language.diagnostics import Diagnostic
from stepwell.language.values import Json


def read_next(node: Node) -> str | None:
    """The Next of a state that has either Next or `"End": true`; None where the state ends its branch."""
    target = node.text("Next")
    ends = node.boolean("End")
    if "Next" in node and ends:
        node.fault("Only one of these fields is allowed: [Next, End]")
    elif "Next" not in node and not ends and not ("End" in node and ends is None):
        node.fault("Either 'Next' or 'End' is required")
    return target


def check_transitions(start: str, states: Node, program: Node) -> None:
    """Reports targets that are no state, states that nothing leads to, and a program that can never end.

    Like AWS it calls a state unreachable when neither StartAt nor another state names it; the states that come after
    such a state are not reported with it.
    """
    if start not in states:
        _missing(program, start, "StartAt")
    named = {start}
    for name, state in states.members.items():
        if isinstance(state, dict):
            for field, target in _targets(state):
                if target not in states:
                    _missing(states, target, f"{name}/{field}")
                if target != name:
                    named.add(target)
    for name in states.members:
        if name not in named:
            states.fault(f'State "{name}" is not reachable.', name, "MISSING_TRANSITION_TARGET")
    if states.members and not any(_is_terminal(state) for state in states.members.values()):
        # The fault of a branch has a place; that of the machine has none.
        program.findings.diagnostics.append(
            Diagnostic("MISSING_END_STATE", "Workflow has no terminal state", program.location or None)
        )


def _missing(node: Node, target: str, field: str) -> None:
    node.fault(f"Missing 'Next' target: {target}", field, "MISSING_TRANSITION_TARGET")


def _targets(state: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Every (field, target) that is there in readable form."""
    for field in ("Next", "Default"):
        target = state.get(field)
        if isinstance(target, str):
            yield field, target
    for field in ("Choices", "Catch"):
        entries = state.get(field)
        if not isinstance(entries, list):
            continue
        for index, entry in enumerate(entries):
            target = entry.get("Next") if isinstance(entry, dict) else None
            if isinstance(target, str):
                yield f"{field}[{index}]/Next", target


def _is_terminal(state: Json) -> bool:
    """Whether a state ends its program, or might if it were written well."""
    if not isinstance(state, dict) or state.get("Type") in ("Succeed", "Fail") or state.get("End") is True:
        return True
    return next(_targets(state), None) is None
