"""Step Functions itself as a service that tasks call: this server's own API, without HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from stepwell.api.context import open_context
from stepwell.api.in_process import InProcessApi
from stepwell.engine.engine import Engine
from stepwell.store.open import open_store
from stepwell.tasks.dispatcher import TaskDispatcher
from stepwell.tasks.function import FunctionRegistry
from stepwell.tasks.lambda_service import LambdaService
from stepwell.tasks.step_functions import StepFunctions
from tests.api.conftest import PASS, REGION, ROLE, one_state


class Server:
    """Runs machines whose tasks call the API of the very server that runs them."""

    def __init__(self, api: InProcessApi, engine: Engine) -> None:
        self.api = api
        self.engine = engine

    async def call(self, operation: str, **members: Any) -> dict[str, Any]:
        return dict(await self.api.call(operation, REGION, members))

    async def create(self, name: str, definition: object) -> str:
        made = await self.call("CreateStateMachine", name=name, definition=json.dumps(definition), roleArn=ROLE)
        return str(made["stateMachineArn"])

    async def run(self, action: str, parameters: object) -> dict[str, Any]:
        """The description of an execution whose one task has called the action."""
        state = one_state(Type="Task", Resource=f"arn:aws:states:::aws-sdk:sfn:{action}", Parameters=parameters)
        machine = await self.create(f"call-{action}", state)
        started = await self.call("StartExecution", stateMachineArn=machine)
        await self.engine.wait_for_end(started["executionArn"], 5)
        return await self.call("DescribeExecution", executionArn=started["executionArn"])


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    api = InProcessApi()
    dispatcher = TaskDispatcher(LambdaService(FunctionRegistry()), {"aws-sdk:sfn": StepFunctions(api)})
    store = await open_store(":memory:")
    engine = Engine(store, dispatcher)
    api.bind(await open_context(engine))
    await engine.start()
    yield Server(api, engine)
    await engine.stop(1)
    await store.close()


async def test_an_execution_is_started_with_any_json_as_its_input() -> None:
    async with serving() as server:
        target = await server.create("target", one_state(Type="Pass"))
        ended = await server.run("startExecution", {"StateMachineArn": target, "Name": "n", "Input": {"key": "value"}})
        assert ended["status"] == "SUCCEEDED", ended
        answer = json.loads(ended["output"])
        assert list(answer) == ["ExecutionArn", "StartDate"]
        assert answer["StartDate"].endswith("Z")
        await server.engine.wait_for_end(answer["ExecutionArn"], 5)
        child = await server.call("DescribeExecution", executionArn=answer["ExecutionArn"])
        assert json.loads(child["output"]) == {"key": "value"}


async def test_members_of_lists_have_capitals_too() -> None:
    async with serving() as server:
        target = await server.create("target", PASS)
        ended = await server.run("tagResource", {"ResourceArn": target, "Tags": [{"Key": "a", "Value": "1"}]})
        assert ended["output"] == "{}"
        assert (await server.call("ListTagsForResource", resourceArn=target))["tags"] == [{"key": "a", "value": "1"}]


@pytest.mark.parametrize(
    ("action", "parameters", "error", "cause"),
    [
        (
            "sendTaskSuccess",
            {"TaskToken": "none", "Output": "{}"},
            "Sfn.InvalidTokenException",
            "Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: ",
        ),
        (
            "describeExecution",
            {"ExecutionArn": f"arn:aws:states:{REGION}:123456789012:execution:none:none"},
            "Sfn.ExecutionDoesNotExistException",
            f"Execution Does Not Exist: 'arn:aws:states:{REGION}:123456789012:execution:none:none' (Service: Sfn, ",
        ),
        ("startExecution", {}, "States.Runtime", "The Parameters '{}' could not be used to start the Task: "),
        ("fly", {}, "Stepwell.UnsupportedResource", "arn:aws:states:::aws-sdk:sfn:fly: Step Functions has no action"),
    ],
)
async def test_a_refusal_fails_the_task_as_the_sdk_tells_it(
    action: str, parameters: object, error: str, cause: str
) -> None:
    async with serving() as server:
        ended = await server.run(action, parameters)
        assert ended["status"] == "FAILED"
        assert ended["error"] == error
        assert ended["cause"].startswith(cause)
        if error.startswith("Sfn."):
            assert ended["cause"].endswith(") (SDK Attempt Count: 1)")
