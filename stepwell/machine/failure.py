"""Errors as values: what a state, a branch or an execution failed with, and which retriers and catchers see it.

Rules that must stay true here:
- Names and causes are AWS's; users match on them.
- `States.Runtime`, and a result that is too large for the state itself, always end the execution: nothing matches them.
  (Recorded: the result of a *task* that is too large fails that task, and `States.ALL` catches it.)
"""

from __future__ import annotations

from msgspec import Struct

from stepwell.language.errors import QueryError
from stepwell.language.values import Json

TIMEOUT = "States.Timeout"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
RUNTIME = "States.Runtime"
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"


class Failure(Struct, frozen=True):
    """`error` and `cause` are None where none was given. `heartbeat` marks a time-out for want of a heartbeat,
    which AWS reports as `States.Timeout`. `terminal` failures are never retried and never caught."""

    error: str | None
    cause: str | None
    heartbeat: bool = False
    terminal: bool = False

    def matches(self, error_equals: tuple[str, ...]) -> bool:
        """Whether a retrier or catcher with these names sees the failure (ASL specification, "Errors")."""
        if self.terminal or self.error == RUNTIME:
            return False
        for name in error_equals:
            if name == "States.ALL" or name == self.error:
                return True
            if name == "States.TaskFailed" and self.error != TIMEOUT:
                return True
            if name == HEARTBEAT_TIMEOUT and self.heartbeat:
                return True
            if name == TIMEOUT and self.error == HEARTBEAT_TIMEOUT:
                return True
        return False

    def error_output(self) -> Json:
        """What a catcher hands on."""
        return {"Error": self.error, "Cause": self.cause}


class StateFailed(Exception):
    """Ends the evaluation of a state with a failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.error)
        self.failure = failure


def of_query(error: QueryError, state: str, entered_id: int) -> Failure:
    """The failure of a state whose fields could not be evaluated."""
    cause = f"An error occurred while executing the state '{state}' (entered at the event id #{entered_id}). "
    return Failure(error.error, cause + error.cause, terminal=error.error == RUNTIME)


def variables_too_large(name: str) -> Failure:
    """Variables beyond 256 KiB in one Assign, or beyond 10 MiB in all."""
    cause = f"The state '{name}' assigned variables with a size exceeding the maximum number of bytes service limit."
    return Failure(DATA_LIMIT_EXCEEDED, cause, terminal=True)


def too_large(name: str, *, terminal: bool) -> Failure:
    """A result beyond 256 KiB. `name` is the state's, or what the task called."""
    cause = (
        f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit."
    )
    return Failure(DATA_LIMIT_EXCEEDED, cause, terminal=terminal)
