"""`arn:aws:states:::states:startExecution`, by itself and with `.sync`, `.sync:2`, `.waitForTaskToken`.

Rules that must stay true here:
- Nothing is started here: the engine starts the execution, once, and asks what its start and its end mean.
- Answers and causes have the members, and the order of members, that AWS gives them.

See AWS Step Functions developer guide, "Start a new AWS Step Functions state machine from a running execution".
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from uuid import uuid4

from stepwell.engine.dispatch import (
    Child,
    Failed,
    Outcome,
    Refused,
    StartExecution,
    SubmitFailed,
    Submitted,
    Succeeded,
    Task,
)
from stepwell.language.model import Resource
from stepwell.language.values import Json, dumps, loads
from stepwell.tasks.http.date import http_date

_NAME = re.compile(r"[^\s\x00-\x1f\x7f-\x9f<>{}\[\]?*\"#%\\^|~`$&,;:/]{1,80}")
_SERVICE = "AWSStepFunctions"


class NestedExecution:
    """Carries out `states:startExecution`."""

    async def run(self, task: Task) -> AsyncIterator[Outcome | StartExecution]:
        given = loads(task.input)
        pattern = task.resource.pattern
        refusal = _refusal(given, task.input)
        if refusal is not None:
            yield _failed(task.resource, *refusal)
            return
        assert isinstance(given, dict)
        machine, name, trace = given["StateMachineArn"], given.get("Name"), given.get("TraceHeader")
        input = _input(given)
        if input is None:
            fault = ("InvalidExecutionInput", "Invalid State Machine Execution Input: 'The input is not valid JSON'")
            yield _failed(task.resource, *_service_error(*fault))
            return
        if isinstance(name, str) and not _NAME.fullmatch(name):
            yield _failed(task.resource, *_service_error("InvalidName", f"Invalid Name: '{name}'"))
            return
        yield StartExecution(
            machine_arn=str(machine),
            name=None if name is None else str(name),
            input=input,
            trace_header=None if trace is None else str(trace),
            awaited=pattern in ("sync", "sync:2"),
        )

    def child_outcome(self, resource: Resource, child: Child | Refused) -> Outcome:
        """See `Dispatcher.child_outcome`."""
        if isinstance(child, Refused):
            return _failed(resource, *_refused(child))
        if child.status == "RUNNING":
            answer = dumps(_started(child))
            return Submitted(answer) if resource.pattern else Succeeded(answer)
        description = dumps(_description(child, parsed=resource.pattern == "sync:2"))
        if child.status == "SUCCEEDED":
            return Succeeded(description)
        return Failed("States.TaskFailed", description)


def _failed(resource: Resource, error: str, cause: str) -> Outcome:
    return (SubmitFailed if resource.pattern == "waitForTaskToken" else Failed)(error, cause)


def _refusal(given: Json, text: str) -> tuple[str, str] | None:
    """Why the parameters cannot be used, None where they can."""
    members = given if isinstance(given, dict) else {}
    reason = None
    if members.get("StateMachineArn") is None:
        reason = "The field 'StateMachineArn' is required but was missing"
    for field in ("StateMachineArn", "Name", "TraceHeader"):
        if not isinstance(members.get(field), str | None):
            reason = f"The value for the field '{field}' must be a STRING"
    if reason is None:
        return None
    return "States.Runtime", f"The Parameters '{text}' could not be used to start the Task: [{reason}]"


def _input(given: dict[str, Json]) -> str | None:
    """The text that the execution starts with; None where it is not JSON."""
    value = given.get("Input")
    if value is None:
        return "{}"
    if not isinstance(value, str):
        return dumps(value)
    try:
        loads(value)
    except ValueError:
        return None
    return value


def _refused(refused: Refused) -> tuple[str, str]:
    match refused.why:
        case "missing":
            return _service_error("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{refused.machine_arn}'")
        case "deleting":
            return _service_error("StateMachineDeleting", f"State Machine is being deleted: '{refused.machine_arn}'")
        case "exists":
            return _service_error("ExecutionAlreadyExists", f"Execution Already Exists: '{refused.arn}'")
        case "unsupported":
            why = "This operation is not supported by this type of state machine"
            return _service_error("StateMachineTypeNotSupported", why)
        case "throttled":  # no error of the service's own model: it has the name of their base
            return f"StepFunctions.{_SERVICE}Exception", _cause("ThrottlingException", "Rate exceeded")


def _service_error(code: str, message: str) -> tuple[str, str]:
    """The name and the cause of an error that the service has answered (recorded)."""
    return f"StepFunctions.{code}Exception", _cause(code, message)


def _cause(code: str, message: str) -> str:
    about = f"Service: {_SERVICE}; Status Code: 400; Error Code: {code}; Request ID: {uuid4()}; Proxy: null"
    return f"{message} ({about})"


def _started(child: Child) -> Json:
    request_id = str(uuid4())
    date = http_date()
    kind = "application/x-amz-json-1.0"
    length = str(len(dumps({"executionArn": child.arn, "startDate": child.start_date / 1000})) + len("E9"))
    return {
        "ExecutionArn": child.arn,
        "SdkHttpMetadata": {
            "AllHttpHeaders": {
                "x-amzn-RequestId": [request_id],
                "connection": ["keep-alive"],
                "Content-Length": [length],
                "Date": [date],
                "Content-Type": [kind],
            },
            "HttpHeaders": {
                "connection": "keep-alive",
                "Content-Length": length,
                "Content-Type": kind,
                "Date": date,
                "x-amzn-RequestId": request_id,
            },
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
        "StartDate": child.start_date,
    }


def _description(child: Child, *, parsed: bool) -> Json:
    """DescribeExecution's answer with capitals; input and output as values where `parsed`."""

    def payload(text: str) -> Json:
        return loads(text) if parsed else text

    members: dict[str, Json] = {}
    if child.cause is not None:
        members["Cause"] = child.cause
    if child.error is not None:
        members["Error"] = child.error
    members |= {
        "ExecutionArn": child.arn,
        "Input": payload(child.input),
        "InputDetails": {"Included": True},
        "Name": child.name,
    }
    if child.output is not None:
        members |= {"Output": payload(child.output), "OutputDetails": {"Included": True}}
    members["RedriveCount"] = child.redrive_count
    if child.status == "SUCCEEDED":
        members["RedriveStatus"] = "NOT_REDRIVABLE"
        members["RedriveStatusReason"] = "Execution is SUCCEEDED and cannot be redriven"
    else:
        members["RedriveStatus"] = "REDRIVABLE"
    members |= {
        "StartDate": child.start_date,
        "StateMachineArn": child.machine_arn,
        "Status": child.status,
        "StopDate": child.stop_date,
    }
    if child.trace_header is not None:
        members["TraceHeader"] = child.trace_header
    return members
