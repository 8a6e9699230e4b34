"""What a schedule starts: the member `Target` of EventBridge Scheduler's API, read.

Rules that must stay true here:
- A target that this server cannot start is refused when the schedule is written, never when it falls due.

See the EventBridge Scheduler User Guide, "Managing targets", "Templated targets", "Universal targets" and "Context
attributes".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from stepwell.schedule.declared import MAX_AGE, MAX_RETRIES

START_EXECUTION = "arn:aws:scheduler:::aws-sdk:sfn:startExecution"

_UNIVERSAL = re.compile(r"arn:aws[a-z-]*:scheduler:::aws-sdk:([a-zA-Z0-9]+):([a-zA-Z0-9]+)")
_MACHINE = re.compile(r"arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:stateMachine:[^:]+(:[^:]+)?")
_FUNCTION = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[^:]+(:[^:]+)?")
_ATTRIBUTE = re.compile(r"<aws\.scheduler\.(scheduled-time|schedule-arn|execution-id|attempt-number)>")

SAMPLE = {
    "scheduled-time": "2030-01-31T08:00:00Z",
    "schedule-arn": "arn",
    "execution-id": "0123456789abcdef",
    "attempt-number": "1",
}
"""Values of the context attributes of some run."""


class UnsupportedTarget(ValueError):
    """A target that this server cannot start; the message says which there are."""


class StartMachine(Struct, frozen=True):
    """An execution is started. `name` is None where the schedule names it."""

    machine_arn: str
    input: str | None
    name: str | None = None


class InvokeFunction(Struct, frozen=True):
    """A function is invoked as an Event, which nobody waits for."""

    function: str
    input: str | None


Start: TypeAlias = StartMachine | InvokeFunction


class Patience(Struct, frozen=True):
    """How long a start that fails is tried again: until so many seconds behind its due time, and so many times."""

    max_age: int
    max_retries: int


def start_of(target: Mapping[str, Any]) -> Start:
    """What is to be started. Raises UnsupportedTarget."""
    arn, input = target["Arn"], target.get("Input")
    if _MACHINE.fullmatch(arn):
        return StartMachine(arn, input)
    if _FUNCTION.fullmatch(arn):
        return InvokeFunction(arn, input)
    universal = _UNIVERSAL.fullmatch(arn)
    if universal is not None and universal[1].lower() == "sfn" and universal[2] == "startExecution":
        return _universal_start(input)
    raise UnsupportedTarget(
        f"the target {arn} cannot be started here: a schedule starts a state machine (its ARN), a function (its ARN),"
        f" or {START_EXECUTION}. To reach another service, start a state machine with a task that calls it"
    )


def _universal_start(text: str | None) -> StartMachine:
    """The arguments of StartExecution, as a universal target's Input has them."""
    try:
        given = json.loads(text or "{}")
    except ValueError:
        given = None
    machine = given.get("StateMachineArn") if isinstance(given, dict) else None
    if not isinstance(machine, str) or _MACHINE.fullmatch(machine) is None:
        raise UnsupportedTarget(
            f"the Input of {START_EXECUTION} must be a JSON object with the StateMachineArn of a state machine, and may"
            " have Input (a text) and Name"
        )
    assert isinstance(given, dict)
    unknown = sorted(given.keys() - {"StateMachineArn", "Input", "Name", "TraceHeader"})
    wrong = [name for name in ("Input", "Name") if not isinstance(given.get(name), str | None)]
    if unknown or wrong:
        raise UnsupportedTarget(
            f"the Input of {START_EXECUTION}: {', '.join(unknown + wrong)} cannot stand there: it takes the texts"
            " StateMachineArn, Input and Name"
        )
    return StartMachine(machine, given.get("Input", "{}"), given.get("Name"))


def patience_of(target: Mapping[str, Any]) -> Patience:
    """The target's RetryPolicy."""
    policy = target.get("RetryPolicy") or {}
    return Patience(
        policy.get("MaximumEventAgeInSeconds", MAX_AGE),
        policy.get("MaximumRetryAttempts", MAX_RETRIES),
    )


def filled(text: str, attributes: Mapping[str, str]) -> str:
    """A text with the context attributes of a run in their places. `attributes` go by the last part of their names."""
    return _ATTRIBUTE.sub(lambda match: attributes[match[1]], text)
