"""How Step Functions words what goes into a service and what comes out: for SDK integrations, and for optimised ones.

Rules that must stay true here:
- Names and causes of errors are those of AWS's SDK for Java that Step Functions calls the service with: 2.x for
  `aws-sdk:...` and EventBridge, 1.x for the other optimised integrations (recorded).
- An error that the service's model knows has the name of its exception; all others have the name of their base.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Protocol

from stepwell.engine.dispatch import Task
from stepwell.language.values import Json, dumps
from stepwell.tasks.aws import names
from stepwell.tasks.aws.faults import ServiceFault, TaskFault, Unreachable
from stepwell.tasks.aws.model import Operation


@dataclass(frozen=True, slots=True)
class Wire:
    """The answer as it came: its status, its headers in order with the names that they had, and the request's id."""

    status: int
    headers: Mapping[str, str]
    request_id: str


class Dialect(Protocol):
    @property
    def serialised(self) -> Container[str] | None:
        """Names the members that take any JSON for text; None stands for all."""
        ...

    def spelling(self, member: str) -> str: ...

    def prepared(self, task: Task, given: Json) -> Json:
        """The parameters with what Step Functions itself puts into them."""
        ...

    def answered(self, result: dict[str, Json], wire: Wire) -> Json:
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

    def prepared(self, task: Task, given: Json) -> Json:
        return given

    def answered(self, result: dict[str, Json], wire: Wire) -> Json:
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


@dataclass(frozen=True, slots=True)
class Optimised:
    """An optimised integration. `prefix` begins the names of its errors, `service` stands in their causes, and `base`
    is the name of those that the model does not know."""

    prefix: str
    service: str
    base: str
    serialised: Container[str] | None

    def spelling(self, member: str) -> str:
        return names.capital(member)

    def prepared(self, task: Task, given: Json) -> Json:
        return given

    def answered(self, result: dict[str, Json], wire: Wire) -> Json:
        about: dict[str, Json] = {
            "SdkHttpMetadata": {
                "AllHttpHeaders": {name: [value] for name, value in wire.headers.items()},
                "HttpHeaders": dict(sorted(wire.headers.items(), key=lambda header: header[0].lower())),
                "HttpStatusCode": wire.status,
            },
            "SdkResponseMetadata": {"RequestId": wire.request_id},
        }
        return dict(sorted({**result, **about}.items()))

    def refused(self, operation: Operation, fault: ServiceFault) -> tuple[str, str]:
        shape = operation.error_shape(fault.code)
        error = self.base if shape is None else names.capital(names.exception_name(shape))
        about = (
            f"Service: {self.service}; Status Code: {fault.status}; Error Code: {fault.code}; "
            f"Request ID: {fault.request_id}; Proxy: null"
        )
        return f"{self.prefix}.{error}", f"{'null' if fault.message is None else fault.message} ({about})"

    def unreached(self, operation: Operation, fault: Unreachable) -> tuple[str, str]:
        return f"{self.prefix}.SdkClientException", str(fault)


class PutEvents(Sdk):
    """`events:putEvents` (AWS Step Functions developer guide, "Add EventBridge events with Step Functions")."""

    def spelling(self, member: str) -> str:
        return names.capital(member)

    def prepared(self, task: Task, given: Json) -> Json:
        """The ARNs of execution and state machine are added to each entry's Resources."""
        entries = given.get("Entries") if isinstance(given, dict) else None
        if not isinstance(given, dict) or not isinstance(entries, list):
            return given
        own: list[Json] = [task.execution_arn, task.machine_arn]
        return {**given, "Entries": [_with_resources(entry, own) for entry in entries]}

    def answered(self, result: dict[str, Json], wire: Wire) -> Json:
        if result.get("FailedEntryCount"):
            raise TaskFault("EventBridge.FailedEntry", dumps(result))
        return result


def _with_resources(entry: Json, own: list[Json]) -> Json:
    if not isinstance(entry, dict):
        return entry
    named = entry.get("Resources")
    return {**entry, "Resources": [*(named if isinstance(named, list) else []), *own]}


OPTIMISED: Mapping[str, Dialect] = {
    "dynamodb": Optimised("DynamoDB", "AmazonDynamoDBv2", "AmazonDynamoDBException", frozenset()),
    "events": PutEvents(),
    "sns": Optimised("SNS", "AmazonSNS", "AmazonSNSException", frozenset({"Message"})),
    "sqs": Optimised("SQS", "AmazonSQS", "AmazonSQSException", frozenset({"MessageBody"})),
}
"""The optimised integrations that are calls of one operation, by service."""
