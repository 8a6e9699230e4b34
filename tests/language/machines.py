"""Definitions to test with, and what is found in them."""

from __future__ import annotations

import json
from typing import Any

from stepwell.language.definition import validate_definition
from stepwell.language.scope import Scope

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:a"
PASS: dict[str, Any] = {"Type": "Pass", "End": True}
TASK: dict[str, Any] = {"Type": "Task", "Resource": FUNCTION, "End": True}
ONE_PASS: dict[str, Any] = {"StartAt": "Inner", "States": {"Inner": PASS}}
MAP: dict[str, Any] = {"Type": "Map", "ItemProcessor": ONE_PASS, "End": True}
DISTRIBUTED: dict[str, Any] = {
    **MAP,
    "ItemProcessor": {**ONE_PASS, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}},
}
CHOICE_RULE: dict[str, Any] = {"Variable": "$.x", "StringEquals": "a", "Next": "Done"}


def machine(state: dict[str, Any], **fields: Any) -> str:
    """A machine of the state S; where S needs a state to go to, that is Done."""
    states: dict[str, Any] = {"S": state}
    if "Done" in json.dumps(state):
        states["Done"] = {"Type": "Succeed"}
    return json.dumps({"StartAt": "S", "States": states, **fields})


def faults(text: str, **options: Any) -> list[tuple[str, str | None]]:
    """The message and location of each error."""
    return [(found.message, found.location) for found in validate_definition(text, **options)]


def codes(text: str) -> list[tuple[str, str | None]]:
    return [(found.code, found.location) for found in validate_definition(text)]


def warnings(state: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(found.code, found.location) for found in validate_definition(machine(state), severity="WARNING")]


def nothing(value: Any = None) -> Scope:
    class NoRandomness:
        def uuid4(self) -> str:
            raise AssertionError

        def uniform(self) -> float:
            raise AssertionError

    return Scope(value, dict, NoRandomness(), {})
