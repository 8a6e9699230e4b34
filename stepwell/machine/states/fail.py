"""Fail: ends its branch with an error and a cause, which may both be missing."""

from __future__ import annotations

from stepwell.language.model import Expression, Fail
from stepwell.language.scope import Scope
from stepwell.machine.execution import Frame
from stepwell.machine.failure import Failure
from stepwell.machine.run import Run
from stepwell.machine.transition import fail_branch


def perform(run: Run, frame: Frame, state: Fail) -> None:
    scope = run.scope(frame, state)
    fail_branch(run, frame, Failure(_text(state.error, scope), _text(state.cause, scope)))


def _text(expression: Expression | None, scope: Scope) -> str | None:
    if expression is None:
        return None
    value = expression.evaluate(scope)
    assert isinstance(value, str)  # the language answers with a string, or raises QueryError
    return value
