"""Which integration carries out which resource.

Rules that must stay true here:
- One file per integration; this one only chooses.
- A resource that nothing here carries out fails its task at once, with an error that a state machine can catch and a
  cause that says what to do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable

from stepwell.engine.dispatch import Child, Failed, Outcome, Refused, Task, Told
from stepwell.language.model import Resource
from stepwell.tasks.lambda_function import LambdaFunction
from stepwell.tasks.lambda_invoke import LambdaInvoke
from stepwell.tasks.lambda_service import LambdaService
from stepwell.tasks.nested_execution import NestedExecution
from stepwell.tasks.remote_task import run_on_worker, waits_for_worker


class Integration(Protocol):
    """Carries out the tasks of one kind of resource; see `Dispatcher.run`."""

    def run(self, task: Task) -> AsyncIterator[Told]: ...


@runtime_checkable
class JobIntegration(Integration, Protocol):
    """An integration whose tasks submit jobs; see `Dispatcher.withdraw`."""

    async def withdraw(self, task: Task) -> None: ...


class Services(Protocol):
    """Integrations by their keys, as a mapping has them.

    A key is `service:action`, with the pattern after a dot where there is one (`states:startExecution.sync`).
    `aws-sdk:service` stands for all actions of a service, and `aws-sdk` for all services that have no integration of
    their own.
    """

    def get(self, key: str, /) -> Integration | None: ...


class TaskDispatcher:
    """The dispatcher of a server. `services` adds integrations, or puts others in place of those that are here."""

    def __init__(self, functions: LambdaService, services: Services | None = None) -> None:
        self._functions = functions
        self._services: Services = services or {}
        self._function = LambdaFunction(functions)
        invoke = LambdaInvoke(functions)
        self._nested = nested = NestedExecution()
        self._own: Services = {
            "states:startExecution": nested,
            "states:startExecution.sync": nested,
            "states:startExecution.sync:2": nested,
            "states:startExecution.waitForTaskToken": nested,
            "lambda:invoke": invoke,
            "lambda:invoke.waitForTaskToken": invoke,
        }

    async def start(self) -> None:
        """Nothing to make ready: a function's processes are started by its first call."""

    def run(self, task: Task) -> AsyncIterator[Told]:
        outcomes, remote = self._run(task), self._functions.remote
        if remote is None or not waits_for_worker(remote, task):
            return outcomes
        return run_on_worker(remote, task, outcomes)

    def _run(self, task: Task) -> AsyncIterator[Told]:
        if task.resource.kind == "function":
            return self._function.run(task)
        integration = self._integration(task.resource)
        return _unsupported(task) if integration is None else integration.run(task)

    async def withdraw(self, task: Task) -> None:
        integration = self._integration(task.resource)
        if isinstance(integration, JobIntegration):
            await integration.withdraw(task)

    def _integration(self, resource: Resource) -> Integration | None:
        if resource.service.startswith("aws-sdk:"):
            return self._services.get(resource.service) or self._services.get("aws-sdk")
        key = f"{resource.service}:{resource.event_resource}"
        return self._services.get(key) or self._own.get(key)

    def child_outcome(self, resource: Resource, child: Child | Refused) -> Outcome:
        return self._nested.child_outcome(resource, child)

    def answers_activity(self, machine_arn: str, test_case: str | None, state_name: str) -> bool:
        """Activities are for workers."""
        return False

    async def stop(self, grace: float) -> None:
        await self._functions.stop(grace)


async def _unsupported(task: Task) -> AsyncIterator[Outcome]:
    yield Failed(
        "Stepwell.UnsupportedResource",
        f"This server has nothing that carries out {task.resource.arn}. Give state '{task.state_name}' a mocked "
        "response (SFN_MOCK_CONFIG), or call the service from a Lambda function.",
    )
