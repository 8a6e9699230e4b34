"""What an app says about its jobs: the part of `Stepwell` that declares them.

Rules that must stay true here:
- Worker processes import this with the app's module: only the standard library's light modules are imported.
- A function that is made a job type is handed back as it was, so that it is tested by calling it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from stepwell.jobs.declaration import DEFAULT_TIMEOUT, DEFAULT_TTL, JobRoute, JobType, seconds
from stepwell.jobs.handler import attach_handler, bounds

_Work = TypeVar("_Work", bound=Callable[..., Any])


class JobDeclarations(ABC):
    """The job types of an app."""

    def __init__(self) -> None:
        self._jobs: dict[str, JobType] = {}
        self._job_routes: dict[str, JobRoute] = {}

    @property
    def jobs(self) -> Mapping[str, JobType]:
        """The job types by name."""
        return self._jobs

    @property
    def job_routes(self) -> Mapping[str, JobRoute]:
        """The routes that start jobs and tell of them, by path."""
        return self._job_routes

    @abstractmethod
    def function(
        self,
        name: str,
        *,
        timeout: float | None = None,
        concurrency: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Callable[[Any], Any]:
        """Bind a handler to a function's name."""

    def job(
        self,
        name: str,
        *,
        retries: int = 3,
        timeout: float | str = DEFAULT_TIMEOUT,
        ttl: float | str = DEFAULT_TTL,
        concurrency: int | None = None,
        per_key: int | None = None,
        key: str | None = None,
        sensitive: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Callable[[_Work], _Work]:
        """Make a function a job type: `POST /jobs/NAME` starts it with its arguments, and answers at once.

        Its annotations are the schema of the input and the output; a parameter named `context` gets the context. Times
        are in seconds, or `30s`, `15m`, `7d`: `timeout` limits one run of the handler, `ttl` how long the job is kept.
        `retries` is how often it is tried again. `concurrency` is how many jobs run at once (as many as there are
        processors, 1,000 for an `async def`), `per_key` how many of those with the same value of the member `key`, or
        of the same caller where no `key` is named; others wait in order. `sensitive` marks what is secret in the input
        (docs/vault.md). Raises ValueError.
        """

        def bind(handler: _Work) -> _Work:
            called = attach_handler(handler)
            at_once = bounds(handler, concurrency)
            job = self._declared_job(
                name,
                handler=handler,
                retries=retries,
                timeout=timeout,
                ttl=ttl,
                concurrency=at_once,
                per_key=per_key,
                key=key,
                sensitive=sensitive,
            )
            declare = self.function(
                job.function_name, timeout=job.timeout, concurrency=at_once, environment=environment
            )
            declare(called)
            return handler

        return bind

    def machine_job(
        self,
        name: str,
        machine: str,
        *,
        input: Any = None,
        output: Any = None,
        ttl: float | str = DEFAULT_TTL,
        concurrency: int | None = None,
        per_key: int | None = None,
        key: str | None = None,
        sensitive: str | None = None,
        shown: Sequence[str] = (),
    ) -> None:
        """Make a state machine of the app a job type: `POST /jobs/NAME` starts an execution of it.

        `input` and `output` are the types of its input and output. `shown` are members of the output, or else of the
        input, that stand in the job itself too. For the rest see `job`. Raises ValueError.
        """
        self._declared_job(
            name,
            machine=machine,
            input=input,
            output=output,
            ttl=ttl,
            concurrency=concurrency,
            per_key=per_key,
            key=key,
            sensitive=sensitive,
            shown=tuple(shown),
        )

    def job_route(
        self,
        path: str,
        *,
        job: str,
        required: Sequence[str] = (),
        message: str = "Job started, poll for results",
    ) -> None:
        """Serve a job type on a single route: one POST starts a job, another with only its `job_id` asks for it.

        Both are answered with 200 and `{"status": …, "job_id": …}`; what the job has put out stands beside once it is
        COMPLETED. `required` are members without which a start is refused. Raises ValueError.
        """
        if not path.startswith("/") or path in self._job_routes:
            raise ValueError(f"{path!r} is no free path for a job's route: begin it with a slash, and use it once.")
        self._job_routes[path] = JobRoute(path=path, job=job, required=tuple(required), message=message)

    def _declared_job(
        self, name: str, *, timeout: float | str = DEFAULT_TIMEOUT, ttl: float | str, **fields: Any
    ) -> JobType:
        if name in self._jobs:
            raise ValueError(f"There are two job types named {name!r}. Give one of them another name.")
        job = JobType(name=name, timeout=seconds("timeout", timeout), ttl=seconds("ttl", ttl), **fields)
        self._jobs[name] = job
        return job
