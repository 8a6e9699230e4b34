"""The optimised integrations: services that Step Functions calls in words of its own.

Rules that must stay true here:
- Names and causes of errors are those of AWS's SDK for Java 1.x (recorded), but for EventBridge and the services that
  came later, which are called by the SDK 2.x.
- Which of their actions there are is said in `stepwell.language.integrations`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from stepwell.engine.dispatch import Task
from stepwell.language.model import Resource
from stepwell.language.values import Json, dumps, loads
from stepwell.tasks.aws import names
from stepwell.tasks.aws.dialect import Ask, Dialect, Sdk, Wire
from stepwell.tasks.aws.faults import ServiceFault, TaskFault, Unreachable
from stepwell.tasks.aws.model import Operation


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

    def time(self, value: datetime) -> Json:
        """Milliseconds since 1970."""
        return round(value.timestamp() * 1000)

    def target(self, resource: Resource) -> tuple[str, str]:
        return resource.service, resource.action

    def prepared(self, task: Task, given: Json, ask: Ask) -> Json:
        return given

    def answered(self, resource: Resource, result: dict[str, Json], wire: Wire) -> Json:
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


class Newer(Sdk):
    """An optimised integration that calls its service through the SDK 2.x."""

    def spelling(self, member: str) -> str:
        return names.capital(member)


class PutEvents(Newer):
    """`events:putEvents` (AWS Step Functions developer guide, "Add EventBridge events with Step Functions")."""

    def prepared(self, task: Task, given: Json, ask: Ask) -> Json:
        """The ARNs of execution and state machine are added to each entry's Resources."""
        entries = given.get("Entries") if isinstance(given, dict) else None
        if not isinstance(given, dict) or not isinstance(entries, list):
            return given
        own: list[Json] = [task.execution_arn, task.machine_arn]
        return {**given, "Entries": [_with_resources(entry, own) for entry in entries]}

    def answered(self, resource: Resource, result: dict[str, Json], wire: Wire) -> Json:
        if result.get("FailedEntryCount"):
            raise TaskFault("EventBridge.FailedEntry", dumps(result))
        return result


def _with_resources(entry: Json, own: list[Json]) -> Json:
    if not isinstance(entry, dict):
        return entry
    named = entry.get("Resources")
    return {**entry, "Resources": [*(named if isinstance(named, list) else []), *own]}


class Ecs(Optimised):
    """`ecs:runTask`: what was not run fails the task, where the task has to wait for it (AWS Step Functions developer
    guide, "Run Amazon ECS or Fargate tasks with Step Functions")."""

    def answered(self, resource: Resource, result: dict[str, Json], wire: Wire) -> Json:
        answer = super().answered(resource, result, wire)
        if resource.pattern and (result.get("Failures") or not result.get("Tasks")):
            raise TaskFault("AmazonECS.Unknown", dumps(answer))
        return answer


class Bedrock(Newer):
    """`bedrock:invokeModel` takes and gives JSON (AWS Step Functions developer guide, "Invoke and customize Amazon
    Bedrock models with Step Functions")."""

    def target(self, resource: Resource) -> tuple[str, str]:
        return ("bedrockruntime" if resource.action == "invokeModel" else "bedrock"), resource.action

    def answered(self, resource: Resource, result: dict[str, Json], wire: Wire) -> Json:
        if resource.action != "invokeModel":
            return result
        body = result.get("Body")
        try:
            read = loads(body) if isinstance(body, str) else body
        except ValueError:
            read = body
        return {"Body": read, "ContentType": result.get("ContentType")}


class Emr(Optimised):
    """Amazon EMR's actions have names and members of Step Functions' own: one cluster, one step (AWS Step Functions
    developer guide, "Create and manage Amazon EMR clusters with Step Functions")."""

    def target(self, resource: Resource) -> tuple[str, str]:
        return "emr", _EMR_ACTIONS[resource.action]

    def prepared(self, task: Task, given: Json, ask: Ask) -> Json:
        if not isinstance(given, dict):
            return given
        found = dict(given)
        match task.resource.action:
            case "terminateCluster" | "setClusterTerminationProtection":
                _rename(found, "ClusterId", "JobFlowIds", listed=True)
            case "addStep":
                _rename(found, "ClusterId", "JobFlowId")
                _rename(found, "Step", "Steps", listed=True)
            case "cancelStep":
                _rename(found, "StepId", "StepIds", listed=True)
            case "modifyInstanceFleetByName":
                fleet = _of_name(
                    ask("listInstanceFleets", _cluster(found)), "InstanceFleets", found, "InstanceFleetName"
                )
                found["InstanceFleet"] = _with_id(found.get("InstanceFleet"), "InstanceFleetId", fleet)
            case "modifyInstanceGroupByName":
                group = _of_name(
                    ask("listInstanceGroups", _cluster(found)), "InstanceGroups", found, "InstanceGroupName"
                )
                found["InstanceGroups"] = [_with_id(found.pop("InstanceGroup", None), "InstanceGroupId", group)]
        return found

    def answered(self, resource: Resource, result: dict[str, Json], wire: Wire) -> Json:
        found = dict(result)
        match resource.action:
            case "createCluster":
                _rename(found, "JobFlowId", "ClusterId")
            case "addStep":
                steps = found.pop("StepIds", None)
                found["StepId"] = steps[0] if isinstance(steps, list) and steps else None
            case "cancelStep":
                infos = found.pop("CancelStepsInfoList", None)
                found["CancelStepsInfo"] = infos[0] if isinstance(infos, list) and infos else None
        return super().answered(resource, found, wire)


_EMR_ACTIONS: Final[Mapping[str, str]] = {
    "addStep": "addJobFlowSteps",
    "cancelStep": "cancelSteps",
    "createCluster": "runJobFlow",
    "modifyInstanceFleetByName": "modifyInstanceFleet",
    "modifyInstanceGroupByName": "modifyInstanceGroups",
    "setClusterTerminationProtection": "setTerminationProtection",
    "terminateCluster": "terminateJobFlows",
}


def _rename(members: dict[str, Json], name: str, to: str, *, listed: bool = False) -> None:
    if name in members:
        value = members.pop(name)
        members[to] = [value] if listed else value


def _cluster(given: dict[str, Json]) -> Json:
    return {"ClusterId": given.get("ClusterId")}


def _of_name(listing: dict[str, Json], kind: str, given: dict[str, Json], member: str) -> str:
    """The id of the fleet or group that a parameter, which is taken out, names. Raises TaskFault."""
    name, items = given.pop(member, None), listing.get(kind)
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and item.get("Name") == name:
            return str(item.get("Id"))
    raise TaskFault("States.Runtime", f"The cluster {given.get('ClusterId')} has no {member} '{name}'")


def _with_id(value: Json, member: str, id: str) -> Json:
    return {**value, member: id} if isinstance(value, dict) else value


_NONE: Final[frozenset[str]] = frozenset()

OPTIMISED: Final[Mapping[str, Dialect]] = {
    "athena": Optimised("Athena", "AmazonAthena", "AmazonAthenaException", _NONE),
    "batch": Optimised("Batch", "AWSBatch", "AWSBatchException", _NONE),
    "bedrock": Bedrock(),
    "codebuild": Optimised("CodeBuild", "AWSCodeBuild", "AWSCodeBuildException", _NONE),
    "databrew": Optimised("DataBrew", "AWSGlueDataBrew", "AWSGlueDataBrewException", _NONE),
    "dynamodb": Optimised("DynamoDB", "AmazonDynamoDBv2", "AmazonDynamoDBException", _NONE),
    "ecs": Ecs("ECS", "AmazonECS", "AmazonECSException", _NONE),
    "eks": Optimised("EKS", "AmazonEKS", "AmazonEKSException", _NONE),
    "elasticmapreduce": Emr("ElasticMapReduce", "AmazonElasticMapReduce", "AmazonElasticMapReduceException", _NONE),
    "emr-containers": Optimised("EMRContainers", "AmazonEMRContainers", "AmazonEMRContainersException", _NONE),
    "emr-serverless": Newer(),
    "events": PutEvents(),
    "glue": Optimised("Glue", "AWSGlue", "AWSGlueException", _NONE),
    "mediaconvert": Newer(),
    "sagemaker": Optimised("SageMaker", "AmazonSageMaker", "AmazonSageMakerException", _NONE),
    "sns": Optimised("SNS", "AmazonSNS", "AmazonSNSException", frozenset({"Message"})),
    "sqs": Optimised("SQS", "AmazonSQS", "AmazonSQSException", frozenset({"MessageBody"})),
}
"""The optimised integrations that are calls of a service's operations, by service."""

NOT_CALLS: Final = frozenset({"eks:call", "eks:runJob"})
"""Actions of theirs that are requests to a Kubernetes cluster."""
