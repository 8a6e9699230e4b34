"""HTTP routes: the methods and routes that APIs of CloudFormation have as resources of their own, as CDK writes them.

Rules that must stay true here:
- A method's path is that of its chain of AWS::ApiGateway::Resource, from the root.
- A stage of an API is that of the first AWS::ApiGateway::Stage, or Deployment with a stage, that names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stepwell.deploy.api_events import method_of, payload_of
from stepwell.deploy.description import NotRun, RouteSpec, Target
from stepwell.deploy.faults import TemplateError
from stepwell.deploy.intrinsics import text_of
from stepwell.deploy.open_api import integrated
from stepwell.deploy.scope import Scope
from stepwell.language.values import Json

METHOD: Final = "AWS::ApiGateway::Method"
ROUTE: Final = "AWS::ApiGatewayV2::Route"
USED: Final = frozenset(
    {
        "AWS::ApiGateway::Deployment",
        "AWS::ApiGateway::Resource",
        "AWS::ApiGateway::Stage",
        "AWS::ApiGatewayV2::Integration",
        "AWS::ApiGatewayV2::Stage",
        "AWS::Lambda::Permission",
    }
)
"""What these routes are read with, or what only lets them be called: not told as not run."""

_RESOURCE = "AWS::ApiGateway::Resource"
_DEEPEST = 50


def read_method(
    scope: Scope, logical_id: str, properties: Mapping[str, Json], targets: Mapping[str, Target]
) -> RouteSpec | NotRun | None:
    """The route of an AWS::ApiGateway::Method; None of one that only answers preflights. Raises TemplateError."""
    api = _named(properties.get("RestApiId"))
    integration = _integration(scope, logical_id, properties.get("Integration"))
    if str(integration.get("Type", "")).upper() == "MOCK":
        return None
    return _route(
        logical_id,
        api=api,
        stage=_stage(scope, api, "Prod"),
        method=scope.text(properties.get("HttpMethod", "ANY"), f"{logical_id}.HttpMethod"),
        path=_path(scope, properties.get("ResourceId"), logical_id),
        integration=integration,
        targets=targets,
        kind="Api",
    )


def read_route(
    scope: Scope, logical_id: str, properties: Mapping[str, Json], targets: Mapping[str, Target]
) -> RouteSpec | NotRun:
    """The route of an AWS::ApiGatewayV2::Route. Raises TemplateError."""
    api = _named(properties.get("ApiId"))
    key = scope.text(properties.get("RouteKey", "$default"), f"{logical_id}.RouteKey")
    method, _, path = ("ANY", "", "/{proxy+}") if key == "$default" else key.partition(" ")
    aimed = scope.text(properties.get("Target", ""), f"{logical_id}.Target").removeprefix("integrations/")
    integration = next(
        (
            _integration(scope, id, found.get("Properties"))
            for id, found in scope.resources.items()
            if isinstance(found, dict)
            and found.get("Type") == "AWS::ApiGatewayV2::Integration"
            and scope.reference(id, logical_id) == aimed
        ),
        {},
    )
    return _route(
        logical_id,
        api=api,
        stage=_stage(scope, api, "$default"),
        method=method,
        path=path,
        integration=integration,
        targets=targets,
        kind="HttpApi",
    )


def _route(
    logical_id: str,
    *,
    api: str,
    stage: str,
    method: str,
    path: str,
    integration: Mapping[str, Json],
    targets: Mapping[str, Target],
    kind: str,
) -> RouteSpec | NotRun:
    plain = {name[:1].lower() + name[1:]: value for name, value in integration.items()}
    plain.setdefault("uri", plain.get("integrationUri", ""))
    target, sync = integrated(plain, targets)
    if target is None:
        return NotRun("route", logical_id, "it leads to no function or state machine of this template")
    return RouteSpec(
        logical_id=logical_id,
        api=api,
        stage=stage,
        method=method_of(method),
        path=path,
        target=target,
        payload=payload_of(kind, plain.get("payloadFormatVersion")),
        rest=kind == "Api",
        sync=sync,
    )


def _path(scope: Scope, resource: Json, at: str) -> str:
    """The path of a method's ResourceId: a Ref of a resource, or the root of an API."""
    parts: list[str] = []
    while isinstance(resource, dict) and "Ref" in resource:
        found = scope.resources.get(str(resource["Ref"]))
        if not isinstance(found, dict) or found.get("Type") != _RESOURCE or len(parts) > _DEEPEST:
            raise TemplateError(at, "its ResourceId leads to no AWS::ApiGateway::Resource of this template.")
        properties = found.get("Properties")
        assert isinstance(properties, dict)
        parts.append(scope.text(properties.get("PathPart"), f"{resource['Ref']}.PathPart"))
        resource = properties.get("ParentId")
    return "/" + "/".join(reversed(parts))


def _stage(scope: Scope, api: str, default: str) -> str:
    for logical_id, resource in scope.resources.items():
        properties = resource.get("Properties") if isinstance(resource, dict) else None
        if not isinstance(properties, dict) or properties.get("StageName") is None:
            continue
        if api in (_named(properties.get("RestApiId")), _named(properties.get("ApiId"))):
            return scope.text(properties["StageName"], f"{logical_id}.StageName")
    return default


def _integration(scope: Scope, at: str, integration: Json) -> dict[str, Json]:
    """An integration with the members resolved that say what it calls."""
    read = ("IntegrationSubtype", "IntegrationUri", "PayloadFormatVersion", "RequestParameters", "RequestTemplates")
    if not isinstance(integration, dict):
        return {}
    found = {name: integration[name] for name in (*read, "Type", "Uri") if name in integration}
    return {name: text_of(value, at) if name == "Uri" else value for name, value in scope.members(found, at).items()}


def _named(value: Json) -> str:
    """The logical id of a Ref."""
    return str(value["Ref"]) if isinstance(value, dict) and "Ref" in value else ""
