"""Results of tasks, told by their tokens.

Rules that must stay true here:
- A refused token changes nothing.
- A token is never written into a message or a log.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stepwell.api import faults
from stepwell.api.operations.executions import json_fault
from stepwell.api.request import Answer, Request
from stepwell.engine import errors
from stepwell.engine.tokens import open_token


async def send_task_success(request: Request) -> Answer:
    token, output = request.text("taskToken"), request.text("output")
    with _refusals():
        open_token(token)  # AWS looks at the token before the output (recorded)
    fault = json_fault(output)
    if fault is not None:
        raise faults.invalid_output(fault)
    with _refusals():
        await request.context.engine.send_task_success(token, output)
    return {}


async def send_task_failure(request: Request) -> Answer:
    error, cause = request.optional_text("error"), request.optional_text("cause")
    with _refusals():
        await request.context.engine.send_task_failure(request.text("taskToken"), error, cause)
    return {}


async def send_task_heartbeat(request: Request) -> Answer:
    with _refusals():
        await request.context.engine.send_task_heartbeat(request.text("taskToken"))
    return {}


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except errors.InvalidToken:
        raise faults.invalid_task_token() from None
    except errors.TaskDoesNotExist:
        raise faults.task_does_not_exist() from None
    except errors.TaskTimedOut:
        raise faults.task_timed_out() from None
