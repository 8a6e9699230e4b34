"""A Task whose Resource is a Lambda function's own ARN.

Rules that must stay true here:
- The input is the event and the payload is the output, both as the very text that they came in.
- The name of an error is the errorType that the function reports; the cause is the payload as Lambda wrote it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from stepwell.engine.dispatch import Failed, Outcome, Succeeded, Task
from stepwell.tasks.invocation import CallRefused, reported_error
from stepwell.tasks.lambda_service import LambdaService


class LambdaFunction:
    """Carries out `arn:aws:lambda:REGION:ACCOUNT:function:NAME`."""

    def __init__(self, service: LambdaService) -> None:
        self._service = service

    async def run(self, task: Task) -> AsyncIterator[Outcome]:
        try:
            reply = await self._service.invoke(
                task.resource.arn,
                task.input,
                idempotency_key=task.idempotency_key,
                execution_arn=task.execution_arn,
                trace=task.trace,
            )
        except CallRefused as refused:
            yield Failed(f"Lambda.{refused.shape}", refused.cause)
            return
        if reply.answer.error is None:
            yield Succeeded(reply.answer.payload)
        else:
            yield Failed(reported_error(reply.answer.error), reply.answer.payload)
