"""Express executions, which AWS's API does not show: their ends and logs, from the server's own pages.

Rules that must stay true here:
- An Express execution is named by its ARN: its name is not its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from stepwell.commands.endpoint import Endpoint

_SOONEST, _LATEST = 0.02, 1.0  # seconds between two questions


def is_express(arn: str) -> bool:
    """Whether it is the ARN of an Express execution."""
    return arn.split(":")[5:6] == ["express"]


def describe(endpoint: Endpoint, arn: str) -> dict[str, Any]:
    """An execution as far as it is known. Raises Refused."""
    return endpoint.get(f"/express/{arn}")


def events(endpoint: Endpoint, arn: str) -> Iterator[dict[str, Any]]:
    """The log of an execution that has ended: the events that its machine's logging asks for. Raises Refused."""
    position: int | None = 1
    while position is not None:
        page = endpoint.get(f"/express/{arn}/events", **{"from": position})
        yield from page["events"]
        position = page["next"]


def executions(endpoint: Endpoint, machine_arn: str, status: str | None) -> Iterator[dict[str, Any]]:
    """The executions of a machine that are kept, newest first. Raises Refused."""
    after: str | None = None
    while True:
        page = endpoint.get("/express", stateMachineArn=machine_arn, status=status, after=after)
        yield from page["executions"]
        after = page["next"]
        if after is None:
            return


def wait_for_end(endpoint: Endpoint, arn: str) -> dict[str, Any]:
    """An execution, once it has ended. Nothing of it is told before."""
    pause = _SOONEST
    while True:
        found = describe(endpoint, arn)
        if found["status"] != "RUNNING":
            return found
        time.sleep(pause)
        pause = min(pause * 2, _LATEST)
