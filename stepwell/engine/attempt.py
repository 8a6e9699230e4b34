"""One attempt of a Task state: as the dispatcher is given it, and what its outcomes say to the machine.

Rules that must stay true here:
- The same attempt has the same idempotency key whenever it is dispatched.
"""

from __future__ import annotations

import logging

from stepwell.engine.dispatch import Claimed, Failed, Outcome, SubmitFailed, Submitted, Succeeded, Task, TimedOut
from stepwell.engine.trace import below
from stepwell.machine import stimulus as stimuli
from stepwell.machine.execution import Execution
from stepwell.machine.stimulus import Stimulus
from stepwell.machine.turn import TaskEffect

logger = logging.getLogger("stepwell.engine")


def task_of(execution: Execution, effect: TaskEffect, clock: int | None) -> Task:
    """The task that an effect asks for; `clock` is the present time of the execution's clock where it is virtual."""
    return Task(
        resource=effect.resource,
        input=effect.input,
        token=effect.token,
        execution_arn=execution.arn,
        machine_arn=execution.machine_arn,
        state_name=effect.state_name,
        role_arn=execution.role_arn,
        trace=None if execution.trace is None else below(execution.trace, execution.arn, effect.id),
        idempotency_key=f"{execution.arn}:{effect.id}",
        deadline=effect.deadline,
        test_case=execution.test_case,
        call=effect.call,
        virtual=clock is not None,
        clock=clock,
        brand=execution.opaque,
        submitted=effect.submitted,
        credentials_role=effect.role,
    )


def stimulus_of(path: str, token: str, outcome: Outcome, child: str = "") -> Stimulus:
    """What an outcome says to the frame that holds the token. `child` is the ARN of the execution that it waits for."""
    match outcome:
        case Succeeded():
            return stimuli.TaskSucceeded(path, token, outcome.output)
        case Failed():
            return stimuli.TaskFailed(path, token, outcome.error, outcome.cause)
        case TimedOut():
            return stimuli.TaskTimedOut(path, token, outcome.error, outcome.cause)
        case Submitted():
            return stimuli.TaskSubmitted(path, token, outcome.output, child)
        case SubmitFailed():
            return stimuli.TaskSubmitFailed(path, token, outcome.error, outcome.cause)
        case Claimed():
            return stimuli.ActivityClaimed(path, token, None)


async def close(outcomes: object) -> None:
    """End what the dispatcher still runs for a task; `outcomes` is what it has answered with."""
    end = getattr(outcomes, "aclose", None)
    try:
        if end is not None:
            await end()
    except Exception:
        logger.exception("a defect in the dispatcher at the end of a task")
