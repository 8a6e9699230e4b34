"""What the engine answers when it cannot do what it was asked."""

from __future__ import annotations

from stepwell.store.protocol import ExecutionRow, StoreError


class EngineError(Exception):
    """The base of all refusals."""


class ExecutionAlreadyExists(EngineError):
    """An execution of this name exists, closed or with another input."""

    def __init__(self, existing: ExecutionRow) -> None:
        super().__init__(existing.new.arn)
        self.existing = existing


class ExecutionDoesNotExist(EngineError):
    def __init__(self, arn: str) -> None:
        super().__init__(arn)
        self.arn = arn


class ExecutionNotRedrivable(EngineError):
    """The execution cannot go on; the message says why, in AWS's words."""


class CannotSeal(EngineError):
    """Something is marked as secret, and cannot be sealed; the message says why and what to do about it."""


class InvalidToken(EngineError):
    """The text is no task token of this store."""


class TaskDoesNotExist(EngineError):
    """The token is well formed, but its execution is gone."""


class TaskTimedOut(EngineError):
    """The task that the token belongs to is no longer open: it timed out, was answered before, or was stopped."""


class Stopping(EngineError):
    """The engine is shutting down and takes nothing new."""


class Stuck(EngineError):
    """A defect is in the way, and the log tells of it; it will be tried again."""


class TooManyExecutions(EngineError):
    """As many Express executions are under way as are allowed."""

    def __init__(self, bound: int) -> None:
        super().__init__(f"{bound} Express executions are under way")


class TooManyWorkers(EngineError):
    """As many workers poll the activity as may at once."""


class Refused(StoreError):
    """A turn was computed on frames that are no longer the newest."""


class AlreadyStarted(Exception):
    """The ARN of a new execution is taken."""
