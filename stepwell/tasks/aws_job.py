"""The jobs of AWS services: `.sync` tasks are submitted, looked at until they have ended, and withdrawn if need be.

Rules that must stay true here:
- A dispatch makes one call: it submits the job, or looks at it once. What it has to know of the job is in the service's
  answer to the submission, which is durable.
- A look that cannot be answered (the service is busy, or cannot be reached) says nothing about the job: it is repeated.
- A job that has failed fails its task with `States.TaskFailed`; the cause is the JSON of what the service says of it.

See AWS Step Functions developer guide, "Run a Job (.sync)".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial

from msgspec.structs import replace

from stepwell.engine.dispatch import Failed, JobSubmitted, StillRunning, Succeeded, Task, Told
from stepwell.language.values import dumps, loads
from stepwell.tasks.aws.arguments import ArgumentFault
from stepwell.tasks.aws.calls import Calls, unsupported, unusable
from stepwell.tasks.aws.faults import ServiceFault, TaskFault, Unavailable, Unreachable
from stepwell.tasks.aws.jobs.job import Job, Known, NotThere
from stepwell.tasks.threads import Threads

logger = logging.getLogger("stepwell.tasks")

_BUSY = frozenset({429, 500, 502, 503, 504})  # states of HTTP that say nothing about the job
_PATIENCE = 5  # how often a job may be missing where the service has not yet got round to listing it


def pace(looks: int) -> float:
    """Seconds until the next look: a second at first, for what is quick, up to the minute that AWS itself takes."""
    return min(60.0, 1.5 ** min(looks, 11))


class AwsJob:
    """Carries out `.sync` tasks as one service's `job` says."""

    def __init__(self, calls: Calls, threads: Threads, job: Job, pace: Callable[[int], float] = pace) -> None:
        self._calls = calls
        self._threads = threads
        self._job = job
        self._pace = pace
        self._submitting: dict[str, asyncio.Task[Told]] = {}  # by the tasks' tokens

    async def run(self, task: Task) -> AsyncIterator[Told]:
        try:
            if task.submitted is None:
                yield await asyncio.shield(self._submission(task))
            else:
                yield await self._threads.run(partial(self._look, task))
        except TaskFault as fault:
            yield Failed(fault.error, fault.cause)

    def _submission(self, task: Task) -> asyncio.Task[Told]:
        """The call that submits the job. It goes on when nobody waits for it, so that the job can be withdrawn."""
        call = asyncio.get_running_loop().create_task(self._threads.run(partial(self._submit, task)))
        self._submitting[task.token] = call

        def ended(_: object) -> None:
            del self._submitting[task.token]
            if not call.cancelled():
                call.exception()  # who waits for it is told; where nobody does, it is no matter

        call.add_done_callback(ended)
        return call

    async def withdraw(self, task: Task) -> None:
        """See `Dispatcher.withdraw`. Some jobs AWS leaves running: clusters, for example."""
        stop = self._job.stop
        if stop is None:
            return
        action, arguments = stop
        try:
            if task.submitted is None:
                submitting = self._submitting.get(task.token)
                job = None if submitting is None else await submitting
                if not isinstance(job, JobSubmitted):
                    return
                task = replace(task, submitted=job.output)
            await self._threads.run(partial(self._calls.ask, task, action, arguments(_known(task))))
        except TaskFault:
            pass  # the job was not taken
        except (ServiceFault, Unreachable, Unavailable, ArgumentFault, NotThere) as error:
            logger.warning("the job of state %s in %s runs on: %s", task.state_name, task.execution_arn, error)

    def _submit(self, task: Task) -> Told:
        return JobSubmitted(self._calls.for_task(task))

    def _look(self, task: Task) -> Told:
        job, known = self._job, _known(task)
        try:
            answer = self._calls.ask(task, job.look, job.asks(known))
        except Unavailable as why:
            raise unsupported(task, why) from why
        except ArgumentFault as fault:
            raise unusable(task, fault) from fault
        except Unreachable as error:
            return self._again(task, error)
        except ServiceFault as fault:
            if fault.code in job.gone:
                return Succeeded(dumps(known.answer))
            if fault.status in _BUSY or "Throttl" in fault.code:
                return self._again(task, fault)
            raise self._calls.refused(task, job.look, fault) from fault
        try:
            found = job.found(answer, known)
            state = job.state(found)
        except NotThere as missing:
            if task.looks < _PATIENCE:
                return self._again(task, missing)
            raise TaskFault("States.TaskFailed", dumps(answer)) from missing
        if state == "running":
            return StillRunning(self._pace(task.looks))
        return Succeeded(dumps(found)) if state == "succeeded" else Failed("States.TaskFailed", dumps(found))

    def _again(self, task: Task, why: Exception) -> Told:
        logger.info("the job of state %s in %s is looked at later: %s", task.state_name, task.execution_arn, why)
        return StillRunning(self._pace(task.looks))


def _known(task: Task) -> Known:
    assert task.submitted is not None
    return Known(loads(task.input), loads(task.submitted))
