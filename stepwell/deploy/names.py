"""What Ref and GetAtt of a resource give: the same every time, also for resources that are not run here.

Rules that must stay true here:
- Names and ARNs follow from the template alone: no random part, so that definitions resolve to the same text each time.
- What runs here (functions, state machines, activities, connections) is called by its logical id where the template
  gives it no name; everything else by `STACK-LogicalId`, as CloudFormation does it, less the random part.
- A resource of a type that is not known here still has a name, and attributes that look like what they are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from stepwell.api.arns import partition_of
from stepwell.deploy.faults import TemplateError
from stepwell.language.values import Json

if TYPE_CHECKING:
    from stepwell.deploy.scope import Scope


class Naming(NamedTuple):
    """How a type of resource is named. `property` holds its name; `arn` is the end of its ARN after the partition, with
    `{name}`, `{region}`, `{account}`; `ref` is what Ref gives: "name", "arn", "url" or the beginning of an id."""

    property: str
    arn: str
    ref: str = "name"


RUN_HERE: Final = frozenset(
    {
        "AWS::Events::Connection",
        "AWS::Lambda::Function",
        "AWS::Serverless::Function",
        "AWS::Serverless::StateMachine",
        "AWS::StepFunctions::Activity",
        "AWS::StepFunctions::StateMachine",
    }
)

_LAMBDA = "lambda:{region}:{account}:function:{name}"
_MACHINE = "states:{region}:{account}:stateMachine:{name}"
_NAMINGS: Final[Mapping[str, Naming]] = {
    "AWS::ApiGateway::RestApi": Naming("", "apigateway:{region}::/restapis/{name}", ""),
    "AWS::ApiGatewayV2::Api": Naming("", "apigateway:{region}::/apis/{name}", ""),
    "AWS::Athena::WorkGroup": Naming("Name", "athena:{region}:{account}:workgroup/{name}"),
    "AWS::Batch::ComputeEnvironment": Naming(
        "ComputeEnvironmentName", "batch:{region}:{account}:compute-environment/{name}", "arn"
    ),
    "AWS::Batch::JobDefinition": Naming("JobDefinitionName", "batch:{region}:{account}:job-definition/{name}:1", "arn"),
    "AWS::Batch::JobQueue": Naming("JobQueueName", "batch:{region}:{account}:job-queue/{name}", "arn"),
    "AWS::CodeBuild::Project": Naming("Name", "codebuild:{region}:{account}:project/{name}"),
    "AWS::Cognito::UserPool": Naming("", "cognito-idp:{region}:{account}:userpool/{name}", "{region}_"),
    "AWS::DynamoDB::Table": Naming("TableName", "dynamodb:{region}:{account}:table/{name}"),
    "AWS::EC2::SecurityGroup": Naming("", "ec2:{region}:{account}:security-group/{name}", "sg-"),
    "AWS::EC2::Subnet": Naming("", "ec2:{region}:{account}:subnet/{name}", "subnet-"),
    "AWS::EC2::VPC": Naming("", "ec2:{region}:{account}:vpc/{name}", "vpc-"),
    "AWS::ECR::Repository": Naming("RepositoryName", "ecr:{region}:{account}:repository/{name}"),
    "AWS::ECS::Cluster": Naming("ClusterName", "ecs:{region}:{account}:cluster/{name}"),
    "AWS::ECS::TaskDefinition": Naming("Family", "ecs:{region}:{account}:task-definition/{name}:1", "arn"),
    "AWS::Events::ApiDestination": Naming("Name", "events:{region}:{account}:api-destination/{name}"),
    "AWS::Events::Archive": Naming("ArchiveName", "events:{region}:{account}:archive/{name}"),
    "AWS::Events::Connection": Naming("Name", "events:{region}:{account}:connection/{name}"),
    "AWS::Events::EventBus": Naming("Name", "events:{region}:{account}:event-bus/{name}"),
    "AWS::Events::Rule": Naming("Name", "events:{region}:{account}:rule/{name}"),
    "AWS::Glue::Crawler": Naming("Name", "glue:{region}:{account}:crawler/{name}"),
    "AWS::Glue::Job": Naming("Name", "glue:{region}:{account}:job/{name}"),
    "AWS::IAM::ManagedPolicy": Naming("ManagedPolicyName", "iam::{account}:policy/{name}", "arn"),
    "AWS::IAM::Role": Naming("RoleName", "iam::{account}:role/{name}"),
    "AWS::KMS::Key": Naming("", "kms:{region}:{account}:key/{name}", ""),
    "AWS::Kinesis::Stream": Naming("Name", "kinesis:{region}:{account}:stream/{name}"),
    "AWS::KinesisFirehose::DeliveryStream": Naming(
        "DeliveryStreamName", "firehose:{region}:{account}:deliverystream/{name}"
    ),
    "AWS::Lambda::Function": Naming("FunctionName", _LAMBDA),
    "AWS::Lambda::LayerVersion": Naming("LayerName", "lambda:{region}:{account}:layer:{name}:1", "arn"),
    "AWS::Logs::LogGroup": Naming("LogGroupName", "logs:{region}:{account}:log-group:{name}:*"),
    "AWS::S3::Bucket": Naming("BucketName", "s3:::{name}"),
    "AWS::SNS::Topic": Naming("TopicName", "sns:{region}:{account}:{name}", "arn"),
    "AWS::SQS::Queue": Naming("QueueName", "sqs:{region}:{account}:{name}", "url"),
    "AWS::SSM::Parameter": Naming("Name", "ssm:{region}:{account}:parameter/{name}"),
    "AWS::Scheduler::Schedule": Naming("Name", "scheduler:{region}:{account}:schedule/default/{name}"),
    "AWS::Scheduler::ScheduleGroup": Naming("Name", "scheduler:{region}:{account}:schedule-group/{name}"),
    "AWS::SecretsManager::Secret": Naming("Name", "secretsmanager:{region}:{account}:secret:{name}", "arn"),
    "AWS::Serverless::Api": Naming("", "apigateway:{region}::/restapis/{name}", ""),
    "AWS::Serverless::Function": Naming("FunctionName", _LAMBDA),
    "AWS::Serverless::HttpApi": Naming("", "apigateway:{region}::/apis/{name}", ""),
    "AWS::Serverless::LayerVersion": Naming("LayerName", "lambda:{region}:{account}:layer:{name}:1", "arn"),
    "AWS::Serverless::SimpleTable": Naming("TableName", "dynamodb:{region}:{account}:table/{name}"),
    "AWS::Serverless::StateMachine": Naming("Name", _MACHINE, "arn"),
    "AWS::StepFunctions::Activity": Naming("Name", "states:{region}:{account}:activity:{name}", "arn"),
    "AWS::StepFunctions::StateMachine": Naming("StateMachineName", _MACHINE, "arn"),
}
# What SAM appends to a logical id for a resource that it makes of another one; events add their own names.
_MADE = re.compile(r"\.\w+|(Role|Url|Alias|Version|Deployment|EventInvokeConfig)\w*|\w*Stage")
_LAMBDA_TYPES = ("AWS::Serverless::Function", "AWS::Lambda::Function")
_LONGEST_NAME = 64  # of functions and schedules; state machines have 80
_MACHINE_TYPES = ("AWS::Serverless::StateMachine", "AWS::StepFunctions::StateMachine")


def physical_name(scope: Scope, logical_id: str) -> str:
    """The name of a resource of the template. Raises TemplateError."""
    type = _type(scope, logical_id)
    naming = _naming(type)
    given = _property(scope, logical_id, naming.property) if naming.property else None
    if given is not None:
        return scope.text(given, f"{logical_id}.{naming.property}")
    if type in RUN_HERE:
        return fitted(logical_id)
    if naming.ref not in ("name", "arn", "url"):
        return naming.ref.format(region=scope.place.region) + _id(scope, logical_id)
    if type == "AWS::S3::Bucket":
        return f"{scope.place.stack}-{logical_id}".lower()
    return f"{scope.place.stack}-{logical_id}"


def fitted(logical_id: str) -> str:
    """A logical id as a name; one that is too long for a name ends with a hash of the whole."""
    if len(logical_id) <= _LONGEST_NAME:
        return logical_id
    digest = hashlib.sha256(logical_id.encode()).hexdigest()[:8]
    return f"{logical_id[: _LONGEST_NAME - 9]}-{digest}"


def arn(scope: Scope, logical_id: str) -> str:
    """The ARN of a resource of the template. Raises TemplateError."""
    return _arn(scope, _naming(_type(scope, logical_id)).arn, physical_name(scope, logical_id))


def reference(scope: Scope, logical_id: str) -> Json:
    """What `Ref` of a resource gives. Raises TemplateError."""
    type = _type(scope, logical_id)
    if type in ("AWS::Lambda::Version", "AWS::Lambda::Alias"):
        return _qualified(scope, logical_id, "FunctionName", "Name" if type.endswith("Alias") else None)
    if type == "AWS::StepFunctions::StateMachineVersion":
        return f"{_referred(scope, logical_id, 'StateMachineArn')}:1"
    if type == "AWS::StepFunctions::StateMachineAlias":
        return alias_arn(scope, logical_id)
    kind = _naming(type).ref
    name = physical_name(scope, logical_id)
    if kind == "arn":
        return arn(scope, logical_id)
    if kind == "url":
        return f"https://sqs.{scope.place.region}.amazonaws.com/{scope.place.account}/{name}"
    return name


def attribute(scope: Scope, logical_id: str, attribute: str) -> Json:
    """What `Fn::GetAtt` of a resource gives. Raises TemplateError."""
    type = _type(scope, logical_id)
    name = physical_name(scope, logical_id)
    service = type.split("::")[1].lower() if "::" in type else "custom"
    host = f"{service}.{scope.place.region}.amazonaws.com"
    if attribute in ("Version", "FunctionVersion") and "Lambda" in type:
        return "1"
    match attribute:
        case "Arn" | "TopicArn" | "FunctionArn" | "StateMachineArn" | "WorkGroupArn" | "LayerVersionArn":
            return _first_reference(scope, type, logical_id)
        case "Name" | "QueueName" | "TopicName" | "ClusterName" | "TableName" | "RepositoryName" | "BucketName":
            return name
        case "QueueUrl":
            return reference(scope, logical_id)
        case "StreamArn" if type.endswith("::Table"):
            return f"{arn(scope, logical_id)}/stream/2024-01-01T00:00:00.000"
        case "DomainName" if type == "AWS::S3::Bucket":
            return f"{name}.s3.amazonaws.com"
        case "RegionalDomainName" if type == "AWS::S3::Bucket":
            return f"{name}.s3.{scope.place.region}.amazonaws.com"
        case "WebsiteURL" if type == "AWS::S3::Bucket":
            return f"http://{name}.s3-website-{scope.place.region}.amazonaws.com"
        case "ApiEndpoint" | "Endpoint.Address":
            return f"https://{name}.execute-api.{scope.place.region}.amazonaws.com"
    if attribute.endswith("Arn"):
        return f"{_arn(scope, service + ':{region}:{account}:{name}', name)}/{attribute}"
    if attribute.lower().endswith(("url", "uri", "endpoint")):
        return f"https://{name.lower()}.{host}"
    if attribute.endswith(("Port", "Size", "Count")):
        return "1"
    return f"{name}-{attribute}"


def generated_reference(scope: Scope, name: str) -> Json:
    """What `Ref` of a resource gives that SAM makes of another one; None where it makes none of this name."""
    if name in ("ServerlessRestApi", "ServerlessHttpApi"):
        return _id(scope, name)
    made_of, attribute = _made_of(scope, name)
    if made_of is None:
        return None
    type = _type(scope, made_of)
    if attribute in (".Version", ".Alias") and type in _LAMBDA_TYPES:
        version = "1" if attribute == ".Version" else _property(scope, made_of, "AutoPublishAlias")
        return f"{arn(scope, made_of)}:{scope.text(version, made_of)}"
    if attribute == ".Stage" or attribute == "Stage":
        return scope.text(_property(scope, made_of, "StageName") or "Prod", f"{made_of}.StageName")
    if attribute.startswith("Alias") and (type in _MACHINE_TYPES or type in _LAMBDA_TYPES):
        return f"{arn(scope, made_of)}:{scope.text(_property(scope, made_of, 'AutoPublishAlias'), made_of)}"
    return f"{scope.place.stack}-{name.replace('.', '-')}"


def generated_attribute(scope: Scope, name: str, attribute: str) -> Json:
    """What `Fn::GetAtt` of a resource gives that SAM makes of another one; None where it makes none of this name."""
    found = generated_reference(scope, name)
    if found is None:
        return None
    if attribute == "Arn":
        if name.endswith("Role"):
            return _arn(scope, "iam::{account}:role/{name}", str(found))
        return _arn(scope, "cloudformation:{region}:{account}:{name}", str(found))
    if attribute == "ApiEndpoint":
        return f"https://{found}.execute-api.{scope.place.region}.amazonaws.com"
    return f"{found}-{attribute}"


def alias_arn(scope: Scope, logical_id: str) -> str:
    """The ARN of an AWS::StepFunctions::StateMachineAlias. Raises TemplateError."""
    name = _property(scope, logical_id, "Name")
    routes = _property(scope, logical_id, "RoutingConfiguration")
    preference = _property(scope, logical_id, "DeploymentPreference")
    at = f"{logical_id}.RoutingConfiguration"
    version: Json = None
    if isinstance(routes, list) and routes and isinstance(routes[0], dict):
        version = routes[0].get("StateMachineVersionArn")
    elif isinstance(preference, dict):
        version = preference.get("StateMachineVersionArn")
    if version is None:
        raise TemplateError(at, "an alias routes to at least one StateMachineVersionArn.")
    machine = scope.text(version, at).rsplit(":", 1)[0]
    return f"{machine}:{scope.text(name, f'{logical_id}.Name')}" if name is not None else f"{machine}:{logical_id}"


def _made_of(scope: Scope, name: str) -> tuple[str | None, str]:
    """The longest logical id of a serverless resource that a name begins with, and the rest of the name."""
    for logical_id in sorted(scope.resources, key=len, reverse=True):
        if name.startswith(logical_id) and _type(scope, logical_id).startswith("AWS::Serverless::"):
            rest = name.removeprefix(logical_id)
            events = _property(scope, logical_id, "Events")
            if _MADE.fullmatch(rest) or any(map(rest.startswith, events if isinstance(events, dict) else ())):
                return logical_id, rest
    return None, ""


def _first_reference(scope: Scope, type: str, logical_id: str) -> Json:
    if type.endswith(("::Version", "::Alias", "::StateMachineVersion", "::StateMachineAlias")):
        return reference(scope, logical_id)
    return arn(scope, logical_id)


def _qualified(scope: Scope, logical_id: str, property: str, name: str | None) -> str:
    """The ARN of a function's version or alias."""
    function = _referred(scope, logical_id, property)
    if not function.startswith("arn:"):
        function = _arn(scope, _LAMBDA, function)
    qualifier = scope.text(_property(scope, logical_id, name), f"{logical_id}.{name}") if name else "1"
    return f"{function}:{qualifier}"


def _referred(scope: Scope, logical_id: str, property: str) -> str:
    value = _property(scope, logical_id, property)
    if value is None:
        raise TemplateError(logical_id, f"it has no {property}.")
    return scope.text(value, f"{logical_id}.{property}")


def _naming(type: str) -> Naming:
    known = _NAMINGS.get(type)
    if known is not None:
        return known
    *_, service, kind = ["custom", *type.lower().split("::")]
    return Naming("", f"{service}:{{region}}:{{account}}:{kind}/{{name}}")


def _type(scope: Scope, logical_id: str) -> str:
    resource = scope.resources[logical_id]
    return str(resource.get("Type", "")) if isinstance(resource, dict) else ""


def _property(scope: Scope, logical_id: str, name: str) -> Json:
    resource = scope.resources[logical_id]
    properties = resource.get("Properties") if isinstance(resource, dict) else None
    return properties.get(name) if isinstance(properties, dict) else None


def _arn(scope: Scope, end: str, name: str) -> str:
    """`end` may hold the name of a type, which is any text: no template of Python's."""
    place = scope.place
    located = end.replace("{region}", place.region).replace("{account}", place.account)
    return f"arn:{partition_of(place.region)}:{located.replace('{name}', name)}"


def _id(scope: Scope, logical_id: str) -> str:
    """Ten letters and digits that follow from stack and logical id."""
    return hashlib.sha256(f"{scope.place.stack}/{logical_id}".encode()).hexdigest()[:10]
