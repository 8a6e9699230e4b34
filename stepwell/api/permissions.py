"""What a role may do, in the names of AWS's operations.

Rules that must stay true here:
- A caller who may only read gets what describes, lists and gets, and nothing that takes work from somebody or changes
  anything. What is not known to read, writes.
"""

from __future__ import annotations

from typing import Final

import orjson
from starlette.types import Scope

from stepwell.api.arns import partition_of

_READS: Final = ("Describe", "List", "Get", "Filter")
_TAKES_WORK: Final = frozenset({"GetActivityTask"})
_READING_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_ARNS: Final = (
    *("stateMachineArn", "executionArn", "activityArn", "mapRunArn"),
    *("stateMachineAliasArn", "stateMachineVersionArn", "resourceArn"),
)
_LAMBDA_ACTIONS: Final = {"POST": "InvokeFunction", "GET": "GetFunction"}


def reads(scope: Scope, target: bytes) -> bool:
    """Whether a request changes nothing."""
    if target:
        operation = target.rpartition(b".")[2].decode("latin-1")
        return operation.startswith(_READS) and operation not in _TAKES_WORK
    return scope["method"] in _READING_METHODS


def denied(scope: Scope, target: bytes, body: bytes, user: str, service: str, region: str, account: str) -> str:
    """AWS's text for a caller who may not do what a request asks for."""
    operation = target.rpartition(b".")[2].decode("latin-1") or _rest_action(scope, service)
    action = f"{service}:{operation}"
    partition = partition_of(region)
    resource = _resource(scope, body, f"arn:{partition}:{service}:{region}:{account}:", service, operation)
    return (
        f"User: arn:{partition}:iam::{account}:user/{user} is not authorized to perform: {action} on resource: "
        f"{resource} because no identity-based policy allows the {action} action"
    )


def _rest_action(scope: Scope, service: str) -> str:
    if service == "lambda":
        return _LAMBDA_ACTIONS.get(scope["method"], "InvokeFunction")
    verb = {"POST": "Create", "PUT": "Update", "DELETE": "Delete"}.get(scope["method"], scope["method"])
    return f"{verb}ScheduleGroup" if scope["path"].startswith("/schedule-groups") else f"{verb}Schedule"


def _resource(scope: Scope, body: bytes, prefix: str, service: str, operation: str) -> str:
    if service == "lambda":
        name = scope["path"].split("/")[3:4]
        return name[0] if name and name[0].startswith("arn:") else f"{prefix}function:{name[0] if name else '*'}"
    if service != "states":
        return f"{prefix}*"
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError:
        members = None
    if isinstance(members, dict):
        for member in _ARNS:
            arn = members.get(member)
            if isinstance(arn, str):
                return arn
        if operation in ("CreateStateMachine", "CreateActivity") and isinstance(members.get("name"), str):
            kind = "activity" if operation == "CreateActivity" else "stateMachine"
            return f"{prefix}{kind}:{members['name']}"
    return f"{prefix}{'activity' if 'Activit' in operation else 'stateMachine'}:*"
