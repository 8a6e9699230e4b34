"""Succeed: ends its branch with its output."""

from __future__ import annotations

from stepwell.language.jsonpath_flow import UNCHANGED
from stepwell.language.model import Succeed
from stepwell.machine.execution import Frame
from stepwell.machine.run import Run
from stepwell.machine.transition import exit_state, exit_unchanged


def perform(run: Run, frame: Frame, state: Succeed) -> None:
    if state.flow is UNCHANGED:
        exit_unchanged(run, frame, state, None)
        return
    scope = run.scope(frame, state)
    effective = state.flow.enter(scope)
    exit_state(run, frame, state, state.flow.leave(scope.input, effective, scope.on(effective)), None)
