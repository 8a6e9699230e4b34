"""A schedule as an app or a template declares it.

Rules that must stay true here:
- Only light modules of the standard library are imported: worker processes import app modules, and these this.
- Nothing is checked here; `checked` in `stepwell/schedule/definition.py` is where all schedules are checked alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

CatchUp: TypeAlias = Literal["all", "latest", "skip"]
"""What becomes of the runs that fell due while no server ran: all that are young enough, the latest of them, none."""

Overlap: TypeAlias = Literal["allow", "skip"]
"""What becomes of a run that falls due while the execution of an earlier one still runs."""

DEFAULT_GROUP = "default"
MAX_AGE = 86_400
"""Seconds: what AWS allows at most for MaximumEventAgeInSeconds, and takes where nothing is said."""
MAX_RETRIES = 185
"""What AWS allows at most for MaximumRetryAttempts, and takes where nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredSchedule:
    """Exactly one of `machine` (a name), `function` (a name) and `target` (an ARN, also of a universal target) says
    what is started. `input` is the JSON text, None for AWS's own event. Times without a zone are UTC. `window` is that
    of a flexible schedule, in minutes; None starts at the very time. `max_age` is in seconds.
    """

    name: str
    expression: str
    group: str = DEFAULT_GROUP
    machine: str | None = None
    function: str | None = None
    target: str | None = None
    input: str | None = None
    timezone: str = "UTC"
    start: datetime | None = None
    end: datetime | None = None
    window: int | None = None
    enabled: bool = True
    description: str | None = None
    role_arn: str | None = None
    delete_when_done: bool = False
    catch_up: CatchUp = "all"
    overlap: Overlap = "allow"
    max_age: int = MAX_AGE
    max_retries: int = MAX_RETRIES


def input_text(input: Any) -> str | None:
    """The JSON text of an input: a text is taken as it is. Raises TypeError, ValueError where it is no JSON value."""
    if input is None or isinstance(input, str):
        return input
    import json

    return json.dumps(input, ensure_ascii=False, allow_nan=False)


def moment(given: datetime | str | None) -> datetime | None:
    """A date and time, given as itself or in ISO 8601. Raises ValueError."""
    return datetime.fromisoformat(given) if isinstance(given, str) else given
