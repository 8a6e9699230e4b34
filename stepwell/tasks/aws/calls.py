"""One call of one operation of a service: from parameters as a definition writes them to a result as it reads them.

Rules that must stay true here:
- A service is called once; what is repeated is said by the state machine, or by who follows a job.
- Where the service knows repeated calls by a token and the definition gives none, the token is made from the task's
  idempotency key: a task that is carried out again after a crash begins nothing twice.
- Everything here blocks.
"""

from __future__ import annotations

from functools import partial
from uuid import NAMESPACE_URL, uuid5

from msgspec import Struct

from stepwell.engine.dispatch import Task
from stepwell.language.values import Json, dumps, loads
from stepwell.tasks.aws.arguments import ArgumentFault, to_arguments
from stepwell.tasks.aws.client import AwsClients
from stepwell.tasks.aws.dialect import Dialect, Wire
from stepwell.tasks.aws.faults import RoleRefused, ServiceFault, TaskFault, Unavailable, Unreachable
from stepwell.tasks.aws.model import Operation
from stepwell.tasks.aws.results import to_result


class Calls(Struct, frozen=True):
    """Calls in the words of one dialect."""

    clients: AwsClients
    dialect: Dialect

    def for_task(self, task: Task) -> str:
        """The JSON of what the call that a task asks for has answered. Raises TaskFault."""
        dialect = self.dialect
        service, action = dialect.target(task.resource)
        try:
            operation = self.clients.operation(service, action)
        except Unavailable as why:
            raise unsupported(task, why) from why
        try:
            arguments = self._arguments(operation, dialect.prepared(task, loads(task.input), partial(self.ask, task)))
            for name in _token_members(operation):
                arguments.setdefault(name, str(uuid5(NAMESPACE_URL, task.idempotency_key)))
            result, wire = self._made(task, service, operation, arguments)
            return dumps(dialect.answered(task.resource, result, wire))
        except ArgumentFault as fault:
            raise unusable(task, fault) from fault
        except ServiceFault as refused:
            raise TaskFault(*dialect.refused(operation, refused)) from refused
        except Unreachable as unreached:
            raise TaskFault(*dialect.unreached(operation, unreached)) from unreached

    def ask(self, task: Task, action: str, given: Json) -> dict[str, Json]:
        """Another call of the service that a task calls. Raises ServiceFault, Unreachable, TaskFault; and Unavailable
        or ArgumentFault where the service's model does not know what is asked."""
        service, _ = self.dialect.target(task.resource)
        operation = self.clients.operation(service, action)
        return self._made(task, service, operation, self._arguments(operation, given))[0]

    def refused(self, task: Task, action: str, fault: ServiceFault) -> TaskFault:
        """What it means to a task that another call about it was refused."""
        service, _ = self.dialect.target(task.resource)
        return TaskFault(*self.dialect.refused(self.clients.operation(service, action), fault))

    def _arguments(self, operation: Operation, given: Json) -> dict[str, object]:
        return to_arguments(operation, given, self.dialect.spelling, self.dialect.serialised)

    def _made(
        self, task: Task, service: str, operation: Operation, arguments: dict[str, object]
    ) -> tuple[dict[str, Json], Wire]:
        try:
            answer = self.clients.call(
                service, region_of(task), operation, arguments, task.credentials_role, task.trace
            )
        except RoleRefused as refused:
            raise TaskFault("States.Permissions", str(refused)) from refused
        return to_result(operation, answer.members, self.dialect.spelling, self.dialect.time), answer.wire


def region_of(task: Task) -> str:
    return task.execution_arn.split(":")[3]


def unsupported(task: Task, why: Unavailable) -> TaskFault:
    cause = f"{why} Or give state '{task.state_name}' a mocked response (SFN_MOCK_CONFIG)."
    return TaskFault("Stepwell.UnsupportedResource", f"{task.resource.arn}: {cause}")


def unusable(task: Task, fault: ArgumentFault) -> TaskFault:
    reasons = ", ".join(fault.sentences)
    return TaskFault(
        "States.Runtime", f"The Parameters '{task.input}' could not be used to start the Task: [{reasons}]"
    )


def _token_members(operation: Operation) -> list[str]:
    """The members by which the service knows that a call is a repeated one (CodeBuild's has no mark in its model)."""
    members = (operation.input or {}).get("members", {})
    return [name for name, member in members.items() if member.get("idempotencyToken") or name == "idempotencyToken"]
