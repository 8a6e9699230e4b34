"""Follows an execution on a running server.

Rules that must stay true here:
- The server is asked for what is new only, and less often the longer nothing happens.
"""

from __future__ import annotations

import re
import time
from typing import IO, Any

from stepwell.commands.endpoint import Endpoint
from stepwell.commands.progress import Progress, Step
from stepwell.commands.screen import open_screen

_SOONEST, _LATEST = 0.1, 1.0  # seconds between two questions
_TICK = 0.1  # seconds between two looks at the clock
_NESTED = re.compile(r"\w+EventDetails")


def read_step(event: dict[str, Any]) -> Step:
    """An event of GetExecutionHistory."""
    details: dict[str, Any] = next((value for member, value in event.items() if _NESTED.fullmatch(member)), {})
    return Step(event["id"], event.get("previousEventId", 0), event["type"], round(event["timestamp"] * 1000), details)


def follow(endpoint: Endpoint, arn: str, stream: IO[str]) -> str:
    """Show an execution from its first event until it has ended; the answer is its status."""
    from stepwell.commands.timing import Timing, execution_context

    execution = endpoint.call("DescribeExecution", executionArn=arn)
    machine = endpoint.call("DescribeStateMachineForExecution", executionArn=arn)
    context = execution_context(arn, execution["name"], execution.get("input", "{}"))
    progress = Progress(open_screen(stream), Timing(machine["definition"], context))
    pause = _SOONEST
    try:
        while True:
            steps = _steps_after(endpoint, arn, progress.last_id)
            progress.show(steps)
            if progress.status is not None:
                return progress.status
            pause = _SOONEST if steps else min(pause * 2, _LATEST)
            again = time.monotonic() + pause
            while time.monotonic() < again:
                progress.tick(time.time_ns() // 1_000_000)
                time.sleep(_TICK)
    finally:
        progress.close()


def _steps_after(endpoint: Endpoint, arn: str, last_id: int) -> list[Step]:
    """The events behind an id. A page's token cannot be kept for later, so they are read from the newest one back."""
    if last_id == 0:
        return [read_step(event) for event in endpoint.pages("GetExecutionHistory", "events", executionArn=arn)]
    found: list[Step] = []
    for event in endpoint.pages("GetExecutionHistory", "events", executionArn=arn, reverseOrder=True, maxResults=20):
        if event["id"] <= last_id:
            break
        found.append(read_step(event))
    return found[::-1]
