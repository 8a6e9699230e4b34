"""What an app says about a job type.

Rules that must stay true here:
- Worker processes import this with the app's module: only the standard library's light modules are imported.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

DEFAULT_TIMEOUT: Final = 15 * 60.0  # seconds
DEFAULT_TTL: Final = 7 * 24 * 3600.0  # seconds

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobType:
    """A kind of job. Times are in seconds.

    Either `handler` is a plain function, or `machine` names a state machine of the app; `input` and `output` are the
    types of a machine's input and output. `retries` is how often a handler is tried again. `concurrency` bounds the
    jobs of the type that run at once, `per_key` those with the same key: the value of the member `key` of the input,
    or the caller where there is no `key`. None is no bound. `sensitive` marks what is secret in the input: see
    `stepwell.vault.marks`. `shown` are members of the output, or else of the input, that stand in the job itself too.
    """

    name: str
    handler: Callable[..., Any] | None = None
    machine: str | None = None
    input: Any = None
    output: Any = None
    retries: int = 3
    timeout: float = DEFAULT_TIMEOUT
    ttl: float = DEFAULT_TTL
    concurrency: int | None = None
    per_key: int | None = None
    key: str | None = None
    sensitive: str | None = None
    shown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError where a field cannot be used."""
        if not _NAME.fullmatch(self.name) or self.name == "docs":
            raise ValueError(
                f"the job type {self.name!r}: only letters, digits, '-' and '_', at most 64, and not 'docs'"
            )
        if not 0 <= self.retries <= 1_000:
            raise ValueError(f"the job type {self.name!r}: retries={self.retries} is not within 0 and 1000")
        for name, bound in (("concurrency", self.concurrency), ("per_key", self.per_key)):
            if bound is not None and bound < 1:
                raise ValueError(
                    f"the job type {self.name!r}: {name}={bound} lets no job run; leave it out for no bound"
                )

    @property
    def machine_name(self) -> str:
        """The state machine that its jobs are executions of."""
        return self.machine or f"job-{self.name}"

    @property
    def function_name(self) -> str:
        """The function that a plain handler is bound to."""
        return f"job-{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRoute:
    """A route on which one POST starts a job and another, with its `job_id`, asks for it.

    `required` are the members that a start must have; `message` is what it is answered with.
    """

    path: str
    job: str
    required: tuple[str, ...] = ()
    message: str = "Job started, poll for results"


def seconds(name: str, value: float | str) -> float:
    """A time that is given in seconds, or as `500ms`, `30s`, `15m`, `2h`, `7d`. Raises ValueError."""
    if isinstance(value, str):
        found = _DURATION.fullmatch(value.strip())
        if found is None:
            raise ValueError(f"{name}={value!r} is no time: write seconds, or 500ms, 30s, 15m, 2h, 7d")
        value = float(found[1]) * _SECONDS[found[2]]
    if value <= 0:
        raise ValueError(f"{name}={value!r} must be more than 0 seconds")
    return float(value)
