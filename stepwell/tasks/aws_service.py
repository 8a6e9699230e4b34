"""AWS services: `aws-sdk:SERVICE:ACTION`, and the optimised integrations that are calls of one operation.

Rules that must stay true here:
- A service is called in the execution's region, and once an attempt: what is repeated is said by the state machine.
- A call that is no longer wanted is left behind; AWS itself would finish it as well.
- `.waitForTaskToken` ends with the token: the answer of the call is only that it was submitted.

See AWS Step Functions developer guide, "Integrating services with Step Functions".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import partial

from stepwell.engine.dispatch import Failed, Outcome, SubmitFailed, Submitted, Succeeded, Task
from stepwell.language.integrations import INTEGRATIONS
from stepwell.tasks.aws.calls import Calls
from stepwell.tasks.aws.client import MAX_CALLS, AwsClients
from stepwell.tasks.aws.dialect import Sdk
from stepwell.tasks.aws.faults import TaskFault
from stepwell.tasks.aws.jobs import JOBS
from stepwell.tasks.aws.optimised import NOT_CALLS, OPTIMISED
from stepwell.tasks.aws_job import AwsJob
from stepwell.tasks.threads import Threads


class AwsService:
    """Carries out tasks that call one operation of a service, in the words of one dialect."""

    def __init__(self, calls: Calls, threads: Threads) -> None:
        self._calls = calls
        self._threads = threads

    async def run(self, task: Task) -> AsyncIterator[Outcome]:
        try:
            result = await self._threads.run(partial(self._calls.for_task, task))
        except TaskFault as fault:
            yield failed(task, fault.error, fault.cause)
        else:
            yield done(task, result)


def aws_integrations(clients: AwsClients) -> Mapping[str, AwsService | AwsJob]:
    """What carries out `aws-sdk` resources and the optimised integrations, by the keys of a `TaskDispatcher`."""
    threads = Threads(MAX_CALLS)
    found: dict[str, AwsService | AwsJob] = {"aws-sdk": AwsService(Calls(clients, Sdk()), threads)}
    for service, dialect in OPTIMISED.items():
        calls = Calls(clients, dialect)
        for action, patterns in INTEGRATIONS[service].items():
            name = f"{service}:{action}"
            if name in NOT_CALLS:
                continue
            for pattern in patterns - {"sync"}:
                found[f"{name}{'.' if pattern else ''}{pattern}"] = AwsService(calls, threads)
            if "sync" in patterns and name in JOBS:
                found[f"{name}.sync"] = AwsJob(calls, threads, JOBS[name])
    return found


def done(task: Task, result: str) -> Outcome:
    return Submitted(result) if task.resource.pattern else Succeeded(result)


def failed(task: Task, error: str, cause: str) -> Outcome:
    return (SubmitFailed if task.resource.pattern else Failed)(error, cause)
