"""Wait: sets a timer and goes on when it fires."""

from __future__ import annotations

from stepwell.language.jsonpath_flow import UNCHANGED
from stepwell.language.model import Wait
from stepwell.machine.execution import Frame
from stepwell.machine.run import Run
from stepwell.machine.transition import exit_state, exit_unchanged


def perform(run: Run, frame: Frame, state: Wait) -> None:
    scope = run.scope(frame, state)
    effective = state.flow.enter(scope)
    due = state.duration.until(scope if effective is scope.input else scope.on(effective), run.now)
    if due <= run.now:
        wake(run, frame, state)
        return
    frame.doing = "wait"
    run.set_timer(frame, "wait", due)


def wake(run: Run, frame: Frame, state: Wait) -> None:
    """The wait is over."""
    if state.flow is UNCHANGED:
        exit_unchanged(run, frame, state, state.next)
        return
    scope = run.scope(frame, state)
    effective = state.flow.enter(scope)
    exit_state(run, frame, state, state.flow.leave(scope.input, effective, scope.on(effective)), state.next)
