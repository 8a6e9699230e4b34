"""HTTP routes: the Api and HttpApi events of SAM's functions and state machines.

Rules that must stay true here:
- A route's path is API Gateway's, without the stage.
- A state machine's route starts an execution with the request's body as its input, as SAM's own integration does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from stepwell.deploy.description import RouteSpec, Target
from stepwell.deploy.faults import TemplateError
from stepwell.deploy.intrinsics import text_of
from stepwell.deploy.scope import Scope
from stepwell.language.values import Json

TYPES: Final = ("Api", "HttpApi")
_IMPLICIT: Final = {"Api": "ServerlessRestApi", "HttpApi": "ServerlessHttpApi"}
_STAGES: Final = {"Api": "Prod", "HttpApi": "$default"}


def read_event(
    scope: Scope, logical_id: str, event: str, kind: str, properties: Mapping[str, Json], target: Target
) -> RouteSpec:
    """An Api or HttpApi event of a function or a state machine. Raises TemplateError."""
    at = f"{logical_id}.Events.{event}"
    api = api_of(properties.get("RestApiId" if kind == "Api" else "ApiId"), _IMPLICIT[kind])
    read = {name: properties[name] for name in ("Path", "Method", "PayloadFormatVersion") if name in properties}
    found = scope.members(read, at)
    if kind == "Api" and not {"Path", "Method"} <= set(found):
        raise TemplateError(at, "an Api event needs Path and Method.")
    return RouteSpec(
        logical_id=f"{logical_id}.{event}",
        api=api,
        stage=stage_of(scope, api, kind),
        method=method_of(text_of(found.get("Method", "ANY"), at)),
        path=text_of(found.get("Path", "/{proxy+}"), at),
        target=target,
        payload=payload_of(kind, found.get("PayloadFormatVersion")),
        rest=kind == "Api",
    )


def api_of(value: Json, implicit: str) -> str:
    """The logical id of the API that an event names."""
    if isinstance(value, dict) and isinstance(value.get("Ref"), str):
        return str(value["Ref"])
    return value if isinstance(value, str) else implicit


def stage_of(scope: Scope, api: str, kind: str) -> str:
    """The stage of an API of the template."""
    resource = scope.resources.get(api)
    properties = resource.get("Properties") if isinstance(resource, dict) else None
    stage = properties.get("StageName") if isinstance(properties, dict) else None
    return _STAGES[kind] if stage is None else scope.text(stage, f"{api}.StageName")


def method_of(text: str) -> str:
    """A method in capitals; `any` and `*` are ANY."""
    method = text.upper()
    return "ANY" if method in ("*", "X-AMAZON-APIGATEWAY-ANY-METHOD") else method


def payload_of(kind: str, version: Json) -> Literal["1.0", "2.0"]:
    """The format of the events of an API: HTTP APIs may choose the older one."""
    return "1.0" if kind == "Api" or str(version) in ("1.0", "1") else "2.0"
