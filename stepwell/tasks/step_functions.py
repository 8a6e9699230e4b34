"""`aws-sdk:sfn:ACTION`: Step Functions itself, which is this very server.

Rules that must stay true here:
- The API is called in process, with the checks that every client's request passes.
- Whoever builds the server says what its API is; until then there is none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from stepwell.engine.dispatch import Outcome, Task
from stepwell.language.values import Json, dumps, loads
from stepwell.tasks.aws.arguments import ArgumentFault, to_arguments
from stepwell.tasks.aws.calls import region_of, unsupported, unusable
from stepwell.tasks.aws.dialect import Sdk
from stepwell.tasks.aws.faults import ServiceFault, TaskFault, Unavailable
from stepwell.tasks.aws.model import ServiceModel
from stepwell.tasks.aws.results import to_result
from stepwell.tasks.aws_service import done, failed


class StepFunctionsApi(Protocol):
    """This server's own API. `model` is that of `service-2.json`."""

    @property
    def model(self) -> Mapping[str, Any]: ...

    async def call(
        self, operation: str, region: str, members: Mapping[str, object], trace: str | None = None
    ) -> Mapping[str, Json]:
        """The answer of an operation to JSON values. Raises ServiceFault."""
        ...


class StepFunctions:
    """Carries out `aws-sdk:sfn:...`."""

    def __init__(self, api: StepFunctionsApi) -> None:
        self._api = api
        self._model = ServiceModel(api.model)
        self._sdk = Sdk()

    async def run(self, task: Task) -> AsyncIterator[Outcome]:
        try:
            result = await self._call(task)
        except TaskFault as fault:
            yield failed(task, fault.error, fault.cause)
        else:
            yield done(task, result)

    async def _call(self, task: Task) -> str:
        """The result's JSON. Raises TaskFault."""
        spelling = self._sdk.spelling
        operation = self._model.operation(task.resource.action)
        if operation is None:
            raise unsupported(task, Unavailable(f"Step Functions has no action {task.resource.action}."))
        try:
            arguments = to_arguments(operation, loads(task.input), spelling, None)
            answer = await self._api.call(operation.name, region_of(task), arguments, task.trace)
        except ArgumentFault as fault:
            raise unusable(task, fault) from fault
        except ServiceFault as refused:
            raise TaskFault(*self._sdk.refused(operation, refused)) from refused
        return dumps(to_result(operation, answer, spelling, self._sdk.time))
