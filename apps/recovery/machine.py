"""The state machine as a client of AWS Step Functions sees it: boto3, and only the endpoint says that it is not AWS.

Rules that must stay true here:
- An execution is named after its record and attempt: to start it twice is to start it once.
- Where the record and the state machine disagree about an end, the record follows.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from apps.recovery.records import ExecutionRecord, Records, Status

_ENDS: Final[dict[str, Status]] = {
    "FAILED": "FAILED",
    "TIMED_OUT": "FAILED",
    "ABORTED": "STOPPED",
    "SUCCEEDED": "COMPLETED",
}


class MachineUnavailable(Exception):
    """The state machine cannot be reached, or does not exist."""


def start(execution: ExecutionRecord, machine_arn: str) -> str:
    """Start the waves that are left; the ARN of what runs them. Raises MachineUnavailable."""
    left = [wave.definition for wave in execution.waves if wave.status != "COMPLETED"]
    given = {"waves": left, "execution_id": execution.execution_id, "execution_type": execution.execution_type}
    name = f"{execution.execution_id}-{execution.attempt}"
    answer = _call("start_execution", stateMachineArn=machine_arn, name=name, input=json.dumps(given))
    return str(answer["executionArn"])


def stop(arn: str) -> None:
    """Raises MachineUnavailable."""
    _call("stop_execution", executionArn=arn, error="Stopped", cause="Stopped by a client")


def reconcile(execution_id: str, records: Records) -> None:
    """Let a record follow an execution that has ended without telling it. What cannot be asked is left as it is."""
    execution = records.find(execution_id)
    if execution is None or execution.execution_arn is None or execution.status not in ("PENDING", "IN_PROGRESS"):
        return
    try:
        found = _call("describe_execution", executionArn=execution.execution_arn)
    except MachineUnavailable:
        return
    status = _ENDS.get(found["status"])
    if status is not None:
        reason = ": ".join(found[member] for member in ("error", "cause") if found.get(member))
        records.end(execution_id, status, reason or None)


def _call(operation: str, **members: Any) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = getattr(_client(os.environ.get("AWS_ENDPOINT_URL_SFN")), operation)(**members)
    except (ClientError, BotoCoreError) as error:
        raise MachineUnavailable(str(error)) from error
    return answer


@lru_cache(maxsize=2)
def _client(endpoint: str | None) -> Any:
    """A client is slow to make and may be used by all threads; a session may not."""
    config = Config(connect_timeout=5, read_timeout=20)
    return boto3.session.Session().client("stepfunctions", endpoint_url=endpoint, config=config)
