"""A task whose function runs on a worker: parked, and told when its outcome is recorded.

Rules that must stay true here:
- The outcome of such a task is recorded when whoever asked for it closes the task: the engine does so after its commit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from stepwell.engine.dispatch import Parked, Task, Told
from stepwell.language.values import loads
from stepwell.tasks.function import FunctionName
from stepwell.tasks.lambda_later import SERVICE, called
from stepwell.tasks.remote import RemoteFunctions

_WAITS = "RequestResponse"


def waits_for_worker(remote: RemoteFunctions, task: Task) -> bool:
    """Whether the task's outcome comes from a worker."""
    named = FunctionName.parse(_function_of(task))
    return named is not None and remote.serves(named.name)


async def run_on_worker(remote: RemoteFunctions, task: Task, outcomes: AsyncIterator[Told]) -> AsyncIterator[Told]:
    """The task's outcomes, behind the word that it is parked."""
    remote.watch(task.idempotency_key)
    try:
        yield Parked()
        async for outcome in outcomes:
            yield outcome
    finally:
        close = getattr(outcomes, "aclose", None)
        if close is not None:
            await close()
        remote.recorded(task.idempotency_key)


def _function_of(task: Task) -> str:
    """The name of the function that a task calls and waits for; empty where it calls none."""
    resource = task.resource
    if resource.kind == "function":
        return resource.arn
    if resource.service == SERVICE:
        return called(task) or ""
    given = loads(task.input) if resource.service == "lambda" else None
    if isinstance(given, dict) and given.get("InvocationType", _WAITS) == _WAITS:
        return str(given.get("FunctionName", ""))
    return ""
