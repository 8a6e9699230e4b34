"""A job as clients see it.

Rules that must stay true here:
- What a job has come to is read from its execution, and nowhere else, where it has one.
- A handler's stack trace stays in the log.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import orjson

from stepwell.store.jobs import JobFilter, JobRow

Status: TypeAlias = Literal["PENDING", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED"]

ENDED: Final[frozenset[Status]] = frozenset({"COMPLETED", "FAILED", "CANCELLED"})

_OF_EXECUTION: Final[dict[str, Status]] = {
    "RUNNING": "PROCESSING",
    "SUCCEEDED": "COMPLETED",
    "FAILED": "FAILED",
    "TIMED_OUT": "FAILED",
    "ABORTED": "CANCELLED",
}

STATUSES: Final[tuple[Status, ...]] = ("PENDING", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED")


def status_of(row: JobRow) -> Status:
    """Where a job stands."""
    if row.outcome is not None:
        return row.outcome
    return "PENDING" if row.status is None else _OF_EXECUTION[row.status]


def with_status(status: Status) -> JobFilter:
    """The filter for the jobs that stand there."""
    statuses = frozenset(name for name, meant in _OF_EXECUTION.items() if meant == status)
    return JobFilter(
        statuses=statuses,
        outcome=status if status in ("FAILED", "CANCELLED") else None,
        queued=True if status == "PENDING" else None,
    )


def updated_at(row: JobRow) -> int:
    """When something about a job has last changed, in milliseconds since 1970."""
    times = (row.new.created_at, row.started_at, row.ended_at, row.progress_at)
    return max(time for time in times if time is not None)


def failure_of(row: JobRow) -> tuple[str, str] | None:
    """The name of the error and a message for people; None where the job has not failed and was not cancelled."""
    status = status_of(row)
    if status not in ("FAILED", "CANCELLED"):
        return None
    error = row.error or ("Job.Cancelled" if status == "CANCELLED" else "Job.Failed")
    return error, _message(row.cause) or _DEFAULTS.get(error, error)


_DEFAULTS: Final = {
    "Job.Cancelled": "The job was cancelled.",
    "Job.Failed": "The job failed.",
    "States.Timeout": "The job took longer than it may.",
}


def _message(cause: str | None) -> str | None:
    """What a cause says: of a function's error its message, without type and stack trace."""
    if not cause or not cause.startswith("{"):
        return cause or None
    try:
        error = orjson.loads(cause)
    except orjson.JSONDecodeError:
        return cause
    message = error.get("errorMessage") if isinstance(error, dict) else None
    return message if isinstance(message, str) and message else cause
