"""A `.sync` task as the engine carries it out: dispatched, then dispatched anew until its job has ended."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from msgspec.structs import replace

from stepwell.engine.dispatch import JobSubmitted, StillRunning, Task, Told
from stepwell.language.resource import parse_resource
from stepwell.tasks.aws.client import AwsClients
from stepwell.tasks.aws_service import aws_integrations
from stepwell.tasks.dispatcher import TaskDispatcher
from stepwell.tasks.function import FunctionRegistry
from stepwell.tasks.lambda_service import LambdaService

Follow: TypeAlias = Callable[..., Awaitable[list[Told]]]


def follower(task: Callable[..., Task], environ: dict[str, str]) -> Follow:
    """`await follow("batch:submitJob.sync", {...})`: all that is said of a task, the pauses left out."""

    async def follow(resource: str, given: Any, most: int = 20) -> list[Told]:
        services = aws_integrations(AwsClients([], environ))
        dispatcher = TaskDispatcher(LambdaService(FunctionRegistry()), services)
        asked = task(parse_resource(f"arn:aws:states:::{resource}"), json.dumps(given))
        said: list[Told] = []
        for _ in range(most):
            (word,) = [word async for word in dispatcher.run(asked)]
            said.append(word)
            if isinstance(word, JobSubmitted):
                asked = replace(asked, submitted=word.output)
            elif isinstance(word, StillRunning):
                asked = replace(asked, looks=asked.looks + 1)
            else:
                break
        return said

    return follow
