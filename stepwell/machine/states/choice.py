"""Choice: the first rule that matches names the next state."""

from __future__ import annotations

from stepwell.language.errors import QueryError
from stepwell.language.jsonpath_flow import UNCHANGED
from stepwell.language.model import Choice
from stepwell.machine.execution import Frame
from stepwell.machine.run import Run
from stepwell.machine.transition import exit_state, exit_unchanged


def perform(run: Run, frame: Frame, state: Choice) -> None:
    scope = run.scope(frame, state)
    raw = scope.input
    effective = state.flow.enter(scope)
    inner = scope if effective is raw else scope.on(effective)
    next_state, flow = state.default, state.flow
    for branch in state.branches:
        if branch.rule.matches(inner):
            next_state, flow = branch.next, branch.flow
            break
    if next_state is None:
        cause = "Failed to transition out of the state. The state does not point to a next state."
        raise QueryError(cause, "States.NoChoiceMatched")
    if flow is UNCHANGED and effective is raw:
        exit_unchanged(run, frame, state, next_state)
        return
    exit_state(run, frame, state, flow.leave(raw, effective, inner), next_state)
