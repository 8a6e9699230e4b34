"""Names and values that the machines of a simulated world, and those who start them, agree on."""

from __future__ import annotations

from typing import Any, Final

ARN: Final = "arn:aws:states:us-east-1:123456789012:"
ROLE: Final = "arn:aws:iam::123456789012:role/Orders"
CHILD: Final = ARN + "stateMachine:Child"
QUICK: Final = ARN + "stateMachine:Quick"  # Express
ERRORS: Final = ("A", "B")

INPUT: Final[dict[str, Any]] = {
    "v": 3,
    "n": 4,
    "seconds": 2,
    "share": 50,
    "bytes": 3000,
    "when": "2024-01-01T00:00:10Z",
    "yes": True,
    "text": "x" * 260,
    "word": "a-b",
    "items": [1, "two", {"three": 3.0}],
}
"""What executions and items have. Definitions rest on it."""

GIVEN: Final = INPUT | {"text": "s" * 260}
"""What executions are started with. No definition holds its text: it may be a secret."""

OWN: Final = "$$.Execution.Input"
OUR: Final = "$states.context.Execution.Input"

LONG: Final = 5_000
"""Seconds: what is not meant to time out does not, however long the server is down."""


def machine_arn(name: str) -> str:
    """The ARN of the state machine of a name."""
    return f"{ARN}stateMachine:{name}"


def execution_arn(machine: str, name: str) -> str:
    return f"{ARN}execution:{machine}:{name}"
