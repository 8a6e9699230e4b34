"""What the tests of tasks share: a service with the functions that a test names, stopped at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from stepwell.engine.dispatch import Task
from stepwell.language.model import Resource
from stepwell.tasks.function import Function, FunctionRegistry
from stepwell.tasks.kinds.python_callable import PythonCallable
from stepwell.tasks.lambda_service import LambdaService
from stepwell.tasks.logs import FunctionLogLine
from stepwell.tasks.remote_calls import AwsLambda

HANDLERS = str(Path(__file__).parent / "handlers")
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:orders"


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., LambdaService]]:
    """`serve("plain:echo", timeout=1)`: a service with one function, called `f`."""
    services: list[LambdaService] = []

    def start(handler: str, *, path: tuple[str, ...] = (HANDLERS,), **fields: object) -> LambdaService:
        function = Function(name="f", code=PythonCallable(handler=handler, path=path), **fields)
        services.append(LambdaService(FunctionRegistry([function])))
        return services[-1]

    yield start
    for service in services:
        await service.stop(0)


@pytest.fixture
def lines() -> list[FunctionLogLine]:
    """What the functions of the test have written, without the frames of calls."""
    return []


def is_frame(line: FunctionLogLine) -> bool:
    """Whether a line is Lambda's own: START, END or REPORT."""
    return line.message.startswith(tuple(f"{word} RequestId: {line.request_id}" for word in ("START", "END", "REPORT")))


@pytest.fixture
async def functions(lines: list[FunctionLogLine]) -> AsyncIterator[Callable[..., LambdaService]]:
    """`functions(one=CODE, two=CODE, timeout=1)`: a service with functions of any kind, by name."""
    services: list[LambdaService] = []

    def start(*, aws: AwsLambda | None = None, **given: object) -> LambdaService:
        limits = {
            name: given.pop(name)
            for name in ("timeout", "concurrency", "environment", "memory", "events")
            if name in given
        }
        registry = FunctionRegistry(Function(name=name, code=code, **limits) for name, code in given.items())
        services.append(
            LambdaService(registry, on_log=lambda line: None if is_frame(line) else lines.append(line), aws=aws)
        )
        return services[-1]

    yield start
    for service in services:
        await service.stop(0)


@pytest.fixture
def task() -> Callable[..., Task]:
    """A task of state `Work`, with the fields that a test names."""

    def build(resource: Resource, input: str = "{}", **fields: object) -> Task:
        return Task(
            resource=resource,
            input=input,
            token="token",
            execution_arn="arn:aws:states:us-east-1:123456789012:execution:orders:1",
            machine_arn=MACHINE,
            state_name="Work",
            role_arn="arn:aws:iam::123456789012:role/r",
            idempotency_key="key-1",
            **fields,
        )

    return build
