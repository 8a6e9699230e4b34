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
from stepwell.language.values import dumps, loads
from stepwell.tasks.aws.arguments import ArgumentFault, to_arguments
from stepwell.tasks.aws.client import MAX_CALLS, AwsClients
from stepwell.tasks.aws.dialect import OPTIMISED, Dialect, Sdk
from stepwell.tasks.aws.faults import ServiceFault, TaskFault, Unavailable, Unreachable
from stepwell.tasks.aws.results import to_result
from stepwell.tasks.threads import Threads


class AwsService:
    """Carries out tasks that call one operation of a service, in the words of one dialect."""

    def __init__(self, clients: AwsClients, threads: Threads, dialect: Dialect) -> None:
        self._clients = clients
        self._threads = threads
        self._dialect = dialect

    async def run(self, task: Task) -> AsyncIterator[Outcome]:
        try:
            result = await self._threads.run(partial(self._call, task))
        except TaskFault as fault:
            yield failed(task, fault.error, fault.cause)
        else:
            yield done(task, result)

    def _call(self, task: Task) -> str:
        """The result's JSON. Blocks. Raises TaskFault."""
        dialect, service = self._dialect, task.resource.service.removeprefix("aws-sdk:")
        try:
            operation = self._clients.operation(service, task.resource.action)
            given = dialect.prepared(task, loads(task.input))
            arguments = to_arguments(operation, given, dialect.spelling, dialect.serialised)
        except Unavailable as why:
            raise unsupported(task, why) from why
        except ArgumentFault as fault:
            raise unusable(task, fault) from fault
        try:
            answer = self._clients.call(service, region_of(task), operation, arguments)
        except ServiceFault as refused:
            raise TaskFault(*dialect.refused(operation, refused)) from refused
        except Unreachable as unreached:
            raise TaskFault(*dialect.unreached(operation, unreached)) from unreached
        return dumps(dialect.answered(to_result(operation, answer.members, dialect.spelling), answer.wire))


def aws_integrations(clients: AwsClients) -> Mapping[str, AwsService]:
    """What carries out `aws-sdk` resources and the optimised integrations, by the keys of a `TaskDispatcher`."""
    threads = Threads(MAX_CALLS)
    found = {"aws-sdk": AwsService(clients, threads, Sdk())}
    for service, dialect in OPTIMISED.items():
        integration = AwsService(clients, threads, dialect)
        for action, patterns in INTEGRATIONS[service].items():
            found |= {f"{service}:{action}{'.' if pattern else ''}{pattern}": integration for pattern in patterns}
    return found


def region_of(task: Task) -> str:
    return task.execution_arn.split(":")[3]


def done(task: Task, result: str) -> Outcome:
    return Submitted(result) if task.resource.pattern else Succeeded(result)


def failed(task: Task, error: str, cause: str) -> Outcome:
    return (SubmitFailed if task.resource.pattern else Failed)(error, cause)


def unsupported(task: Task, why: Unavailable) -> TaskFault:
    cause = f"{why} Or give state '{task.state_name}' a mocked response (SFN_MOCK_CONFIG)."
    return TaskFault("Stepwell.UnsupportedResource", f"{task.resource.arn}: {cause}")


def unusable(task: Task, fault: ArgumentFault) -> TaskFault:
    reasons = ", ".join(fault.sentences)
    return TaskFault(
        "States.Runtime", f"The Parameters '{task.input}' could not be used to start the Task: [{reasons}]"
    )
