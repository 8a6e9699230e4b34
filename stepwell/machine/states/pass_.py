"""Pass: hands its input, or a fixed result, on to its output."""

from __future__ import annotations

from stepwell.language.jsonpath_flow import UNCHANGED
from stepwell.language.model import Pass
from stepwell.machine.execution import Frame
from stepwell.machine.run import Run
from stepwell.machine.transition import exit_state, exit_unchanged


def perform(run: Run, frame: Frame, state: Pass) -> None:
    if state.flow is UNCHANGED and not state.has_result:
        exit_unchanged(run, frame, state, state.next)
        return
    scope = run.scope(frame, state)
    raw = scope.input
    effective = state.flow.enter(scope)
    inner = scope if effective is raw else scope.on(effective)
    arguments = state.flow.arguments(inner)
    result = state.result if state.has_result else arguments
    exit_state(run, frame, state, state.flow.leave(raw, result, inner), state.next)
