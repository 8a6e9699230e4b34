"""Calls of functions that nobody waits for (InvocationType Event): kept as executions, carried out as their task.

Rules that must stay true here:
- A call is taken only once it is kept: no end of the server loses it, and what it has left of its attempts it keeps.
- All attempts of a call have one request id; what the function answers goes nowhere.
- Attempts and the time between them are those of AWS Lambda (developer guide, "How Lambda handles errors and retries
  with asynchronous invocation"): two more after an error of the function, one and two minutes later; for six hours
  where the fault is not the function's.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Final

from stepwell.engine.dispatch import Failed, Outcome, Succeeded, Task
from stepwell.tasks.invocation import CallRefused
from stepwell.tasks.lambda_service import LambdaService
from stepwell.tasks.later_call import LaterCall

SERVICE: Final = "aws-sdk:stepwell"
RESOURCE: Final = f"arn:aws:states:::{SERVICE}:invokeLater"

DEFINITION: Final = json.dumps(
    {
        "Comment": "A call of a function that nobody waits for",
        "StartAt": "Invoke",
        "States": {
            "Invoke": {
                "Type": "Task",
                "Resource": RESOURCE,
                "Retry": [
                    {
                        "ErrorEquals": ["Lambda.ServiceException"],
                        "IntervalSeconds": 1,
                        "BackoffRate": 2,
                        "MaxDelaySeconds": 300,
                        "MaxAttempts": 79,
                    },
                    {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60, "BackoffRate": 2, "MaxAttempts": 2},
                ],
                "End": True,
            }
        },
    }
)


class InvokeLater:
    """Carries out `RESOURCE`: one attempt of a kept call."""

    def __init__(self, functions: LambdaService) -> None:
        self._functions = functions

    async def run(self, task: Task) -> AsyncIterator[Outcome]:
        call = LaterCall.read(task.input)
        try:
            reply = await self._functions.invoke(
                call.name,
                call.event,
                qualifier=call.qualifier,
                client_context=call.client_context,
                idempotency_key=task.idempotency_key,
                execution_arn=call.execution_arn or task.execution_arn,
                request_id=call.request_id,
            )
        except CallRefused as refused:
            yield Failed(f"Lambda.{refused.shape}", refused.cause)
            return
        if reply.answer.error is None:
            yield Succeeded("null")
        else:
            yield Failed(reply.answer.error, reply.answer.payload)
