"""Results of tasks, told by their tokens.

Rules that must stay true here:
- A refused token changes nothing.
- A token is never written into a message or a log.
- The token of a call that a worker holds for a function is the dispatcher's; all others are the engine's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stepwell.api import faults
from stepwell.api.operations.executions import json_fault
from stepwell.api.request import Answer, Request
from stepwell.engine import errors
from stepwell.engine.tokens import open_token
from stepwell.tasks.lease import call_of
from stepwell.tasks.remote import LeaseLapsed, RemoteFunctions


async def send_task_success(request: Request) -> Answer:
    token, output = request.text("taskToken"), request.text("output")
    remote = _holder(request)
    with _refusals():
        if remote is None:
            open_token(token)  # AWS looks at the token before the output (recorded)
    fault = json_fault(output)
    if fault is not None:
        raise faults.invalid_output(fault)
    with _refusals():
        if remote is not None:
            await remote.succeed(token, output)
        else:
            await request.context.engine.send_task_success(token, output)
    return {}


async def send_task_failure(request: Request) -> Answer:
    error, cause = request.optional_text("error"), request.optional_text("cause")
    token, remote = request.text("taskToken"), _holder(request)
    with _refusals():
        if remote is not None:
            await remote.fail(token, error, cause)
        else:
            await request.context.engine.send_task_failure(token, error, cause)
    return {}


async def send_task_heartbeat(request: Request) -> Answer:
    token, remote = request.text("taskToken"), _holder(request)
    with _refusals():
        if remote is not None:
            await remote.beat(token)
        else:
            await request.context.engine.send_task_heartbeat(token)
    return {}


def _holder(request: Request) -> RemoteFunctions | None:
    """Whose token it is, where it is not the engine's."""
    return None if call_of(request.text("taskToken")) is None else request.context.remote


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except errors.InvalidToken:
        raise faults.invalid_task_token() from None
    except errors.TaskDoesNotExist:
        raise faults.task_does_not_exist() from None
    except (errors.TaskTimedOut, LeaseLapsed):
        raise faults.task_timed_out() from None
