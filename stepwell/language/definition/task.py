"""The Task state.

Rules that must stay true here:
- What a Resource may be is said in `resource`; what an Express workflow may not call is said here.
- A heartbeat is shorter than the time-out, where both are known.
"""

from __future__ import annotations

from stepwell.language.definition import jsonata
from stepwell.language.definition.catch import read_catch
from stepwell.language.definition.legal import JSONATA
from stepwell.language.definition.node import Node
from stepwell.language.definition.number import read_whole
from stepwell.language.definition.payload import read_template
from stepwell.language.definition.retry import read_retry
from stepwell.language.definition.setting import Common, Setting
from stepwell.language.errors import SyntaxFault
from stepwell.language.model import Expression, Resource, Task
from stepwell.language.resource import parse_resource


def read_task(node: Node, common: Common, setting: Setting) -> Task | None:
    """The Task state in an object; None where it cannot be run: a diagnostic says why."""
    resource = _read_resource(node, setting)
    timeout = read_whole(node, "TimeoutSeconds", common.language, 1)
    heartbeat = read_whole(node, "HeartbeatSeconds", common.language, 1)
    _check_heartbeat(node)
    credentials = _read_credentials(node, common)
    retry, catch = read_retry(node), read_catch(node, common.language)
    if resource is None:
        return None
    return Task(
        name=common.name,
        flow=common.flow,
        next=common.next,
        comment=common.comment,
        resource=resource,
        timeout=timeout,
        heartbeat=heartbeat,
        credentials=credentials,
        retry=retry,
        catch=catch,
    )


def _read_resource(node: Node, setting: Setting) -> Resource | None:
    if not node.require("Resource"):
        return None
    arn = node.text("Resource")
    if arn is None:
        return None
    try:
        resource = parse_resource(arn)
    except SyntaxFault as fault:
        node.fault(fault.message, "Resource")
        return None
    if setting.express:
        _check_express(node, resource)
    return resource


def _check_express(node: Node, resource: Resource) -> None:
    """An Express workflow waits for nothing but the answer of a request. The sentences, blanks too, are AWS's."""
    if resource.kind == "activity":
        node.fault("Express state machine does not support Activity ARN", "Resource")
    elif resource.pattern == "waitForTaskToken":
        node.fault("Express state machine does not support '.waitForTaskToken' service integration ", "Resource")
    elif resource.pattern:
        node.fault("Express state machine does not support '.sync' service integration", "Resource")


def _check_heartbeat(node: Node) -> None:
    timeout, heartbeat = node.members.get("TimeoutSeconds"), node.members.get("HeartbeatSeconds")
    if isinstance(timeout, int) and isinstance(heartbeat, int) and heartbeat >= timeout:
        node.fault("'HeartbeatSeconds' must be smaller than 'TimeoutSeconds'", "HeartbeatSeconds")


def _read_credentials(node: Node, common: Common) -> Expression | None:
    if common.language == JSONATA and jsonata.is_expression(node, "Credentials"):
        return jsonata.read_expression(node, "Credentials")
    credentials = node.object("Credentials")
    if credentials is None:
        return None
    by_path = common.language != JSONATA and "RoleArn.$" in credentials
    if not by_path and "RoleArn" not in credentials:
        credentials.fault("The field 'RoleArn' is required but was missing")
        return None
    credentials.allow(("RoleArn.$",) if by_path else ("RoleArn",))
    if common.language == JSONATA:
        return jsonata.read_value(node, "Credentials")
    return read_template(node, "Credentials")
