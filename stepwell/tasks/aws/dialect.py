"""How Step Functions words what goes into a service and what comes out.

Rules that must stay true here:
- Names and causes of errors are those of AWS's SDK for Java 2.x, by which `aws-sdk:...` is called.
- An error that the service's model knows has the name of its exception; all others have the name of their base.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from datetime import UTC, datetime
from typing import Protocol, TypeAlias

from msgspec import Struct

from stepwell.engine.dispatch import Task
from stepwell.language.model import Resource
from stepwell.language.values import Json
from stepwell.tasks.aws import names
from stepwell.tasks.aws.faults import ServiceFault, Unreachable
from stepwell.tasks.aws.model import Operation


class Wire(Struct, frozen=True):
    """The answer as it came: its status, its headers in order with the names that they had, and the request's id."""

    status: int
    headers: Mapping[str, str]
    request_id: str


Ask: TypeAlias = Callable[[str, Json], dict[str, Json]]
"""Calls another action of the service, by its name and parameters, and answers its result."""


class Dialect(Protocol):
    @property
    def serialised(self) -> Container[str] | None:
        """Names the members that take any JSON for text; None stands for all."""
        ...

    def spelling(self, member: str) -> str: ...

    def time(self, value: datetime) -> Json:
        """A time in a result."""
        ...

    def target(self, resource: Resource) -> tuple[str, str]:
        """The service and its action that a resource stands for."""
        ...

    def prepared(self, task: Task, given: Json, ask: Ask) -> Json:
        """The parameters of the call, with what Step Functions itself puts into them."""
        ...

    def answered(self, resource: Resource, result: dict[str, Json], wire: Wire) -> Json:
        """The task's result. Raises TaskFault."""
        ...

    def refused(self, operation: Operation, fault: ServiceFault) -> tuple[str, str]:
        """Error and cause."""
        ...

    def unreached(self, operation: Operation, fault: Unreachable) -> tuple[str, str]: ...


class Sdk:
    """`aws-sdk:SERVICE:ACTION`."""

    serialised: Container[str] | None = None

    def spelling(self, member: str) -> str:
        return names.sdk_member(member)

    def time(self, value: datetime) -> Json:
        """ISO 8601 in UTC with no fraction, or three digits or six of it, as Java writes an Instant."""
        time = value.astimezone(UTC).replace(tzinfo=None)
        if time.microsecond == 0:
            return time.isoformat(timespec="seconds") + "Z"
        return time.isoformat(timespec="milliseconds" if time.microsecond % 1000 == 0 else "microseconds") + "Z"

    def target(self, resource: Resource) -> tuple[str, str]:
        return resource.service.removeprefix("aws-sdk:"), resource.action

    def prepared(self, task: Task, given: Json, ask: Ask) -> Json:
        return given

    def answered(self, resource: Resource, result: dict[str, Json], wire: Wire) -> Json:
        return result

    def refused(self, operation: Operation, fault: ServiceFault) -> tuple[str, str]:
        service = names.service_name(operation.model.service_id)
        shape = operation.error_shape(fault.code)
        error = f"{service}Exception" if shape is None else names.pascal(names.exception_name(shape))
        about = [f"Service: {service}", f"Status Code: {fault.status}", f"Request ID: {fault.request_id}"]
        if fault.extended_request_id:
            about.append(f"Extended Request ID: {fault.extended_request_id}")
        message = "null" if fault.message is None else fault.message
        return f"{service}.{error}", f"{message} ({', '.join(about)}) (SDK Attempt Count: 1)"

    def unreached(self, operation: Operation, fault: Unreachable) -> tuple[str, str]:
        service = names.service_name(operation.model.service_id)
        return f"{service}.SdkClientException", f"{fault} (SDK Attempt Count: 1)"
