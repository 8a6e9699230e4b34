"""HTTP routes: the integrations of an OpenAPI document that an API of the template is defined by.

Rules that must stay true here:
- Of integrations there are functions (`aws_proxy`), and StartExecution and StartSyncExecution of a state machine with
  the request's body as the input; mapping templates are not carried out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from stepwell.deploy import document
from stepwell.deploy.api_events import method_of, payload_of, stage_of
from stepwell.deploy.description import NotRun, RouteSpec, Target
from stepwell.deploy.faults import TemplateError
from stepwell.deploy.scope import Scope
from stepwell.language.values import Json

TYPES: Final = {
    "AWS::Serverless::Api": "Api",
    "AWS::ApiGateway::RestApi": "Api",
    "AWS::Serverless::HttpApi": "HttpApi",
    "AWS::ApiGatewayV2::Api": "HttpApi",
}
INTEGRATION: Final = "x-amazon-apigateway-integration"

_FUNCTION = re.compile(r"function:([A-Za-z0-9-_]+)(?::[^/]+)?/invocations")
_MACHINE = re.compile(r"arn:[a-z-]+:states:[a-z0-9-]*:\d*:stateMachine:[A-Za-z0-9-_]+")


def read_api(
    scope: Scope, logical_id: str, kind: str, properties: Mapping[str, Json], targets: Mapping[str, Target]
) -> Sequence[RouteSpec | NotRun]:
    """The routes of an API's own document; none where it has none. `targets` are by ARN. Raises TemplateError."""
    paths = _document(scope, logical_id, properties).get("paths")
    found: list[RouteSpec | NotRun] = []
    for path, methods in paths.items() if isinstance(paths, dict) else ():
        for method, operation in methods.items() if isinstance(methods, dict) else ():
            integration = operation.get(INTEGRATION) if isinstance(operation, dict) else None
            if not isinstance(integration, dict) or str(integration.get("type")).lower() == "mock":
                continue
            target, sync = integrated(integration, targets)
            named = f"{logical_id} {method.upper()} {path}"
            if target is None:
                found.append(NotRun("route", named, "it leads to no function or state machine of this template"))
                continue
            found.append(
                RouteSpec(
                    logical_id=logical_id,
                    api=logical_id,
                    stage=stage_of(scope, logical_id, kind),
                    method=method_of(method),
                    path="/{proxy+}" if path == "$default" else path,
                    target=target,
                    payload=payload_of(kind, integration.get("payloadFormatVersion")),
                    rest=kind == "Api",
                    sync=sync,
                )
            )
    return found


def integrated(integration: Mapping[str, Json], targets: Mapping[str, Target]) -> tuple[Target | None, bool]:
    """What an integration calls, and whether its answer is waited for; None where it is not of this template."""
    uri = str(integration.get("uri", integration.get("Uri", "")))
    action = f"{uri} {integration.get('integrationSubtype', integration.get('IntegrationSubtype', ''))}"
    function = _FUNCTION.search(uri)
    if function is not None:
        name = function[1]
        return next((target for target in targets.values() if target == Target(kind="function", name=name)), None), True
    if "StartExecution" in action or "StartSyncExecution" in action:
        named = _MACHINE.search(str(integration))
        return (targets.get(named[0]) if named else None), "StartSyncExecution" in action
    return targets.get(uri), True


def _document(scope: Scope, logical_id: str, properties: Mapping[str, Json]) -> dict[str, Json]:
    for name in ("DefinitionBody", "Body"):
        if name in properties:
            return scope.members(properties[name], f"{logical_id}.{name}")
    uri = properties.get("DefinitionUri")
    if not isinstance(uri, str) or uri.startswith("s3://"):
        return {}
    at = f"{logical_id}.DefinitionUri"
    path = scope.folder / uri
    scope.files.append(path)
    found = document.read_document(document.read_text(path, at), str(path), at)
    if not isinstance(found, dict):
        raise TemplateError(at, f"{path} holds no OpenAPI document.")
    return scope.members(found, at)
