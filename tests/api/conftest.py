"""What the tests of the API share.

`aws("DescribeActivity", {...})` calls an application in this process; `client` is boto3 against a server that listens.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

import boto3
import httpx
import pytest
from botocore.config import Config

from stepwell.api.admission.limits import Limits
from stepwell.api.app import create_app
from stepwell.api.context import ApiContext, open_context, real_now
from stepwell.api.server import bind, serve
from stepwell.engine.dispatch import Outcome, Submitted, Task
from stepwell.engine.engine import Engine, EngineSettings
from stepwell.store.open import open_store
from tests.patience import PATIENCE

ACCOUNT = "123456789012"
REGION = "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/x"


class Callbacks:
    """A dispatcher whose calls are all taken, and whose ends come by token."""

    def __init__(self) -> None:
        self.tasks: asyncio.Queue[Task] = asyncio.Queue()

    async def start(self) -> None:
        pass

    async def run(self, task: Task) -> AsyncIterator[Outcome]:
        self.tasks.put_nowait(task)
        yield Submitted("{}")

    def answers_activity(self, machine_arn: str, test_case: str | None, state_name: str) -> bool:
        return False

    async def stop(self, grace: float) -> None:
        pass


@dataclass
class Aws:
    """The endpoint of one application on a store of its own. `skew` moves its clock, in milliseconds."""

    callbacks: Callbacks = field(default_factory=Callbacks)
    skew: int = 0
    context: ApiContext | None = None
    http: httpx.AsyncClient | None = None

    async def post(self, operation: str, body: object, **headers: str) -> httpx.Response:
        assert self.http is not None
        sent = {"x-amz-target": f"AWSStepFunctions.{operation}", "content-type": "application/x-amz-json-1.0"}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.http.post("/", content=content, headers=sent | headers)

    async def __call__(self, operation: str, /, **members: object) -> dict:
        """The answer to a call that succeeds."""
        answer = await self.post(operation, members)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def fault(self, operation: str, /, **members: object) -> tuple[str, str]:
        """The name and the message of the error that a call is refused with."""
        answer = await self.post(operation, members)
        assert answer.status_code == 400, answer.text
        body = answer.json()
        return body["__type"], body["message"]

    async def create(self, name: str = "orders", definition: object = None, **members: object) -> str:
        """The ARN of a new machine."""
        text = json.dumps(definition or PASS)
        made = await self("CreateStateMachine", name=name, definition=text, roleArn=ROLE, **members)
        return made["stateMachineArn"]

    async def start(self, machine: str, **members: object) -> str:
        """The ARN of a new execution."""
        return (await self("StartExecution", stateMachineArn=machine, **members))["executionArn"]

    async def ended(self, execution: str) -> dict:
        """The description of an execution, once it has ended."""
        assert self.context is not None
        row = await self.context.store.find_execution(execution)
        while row is not None and row.change.status == "RUNNING":
            await self.context.engine.wait_for_turn(row.new.key, row.change.last_event_id, 5)
            row = await self.context.store.find_execution(execution)
        return await self("DescribeExecution", executionArn=execution)


def one_state(**state: object) -> dict:
    """The definition of a machine with one state, `A`."""
    return {"StartAt": "A", "States": {"A": {**state, "End": True}}}


PASS = one_state(Type="Pass", Result={"a": 1})
WAIT = one_state(Type="Wait", Seconds=3600)
CALLBACK = one_state(
    Type="Task",
    Resource="arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    Parameters={"MessageBody": {"Token.$": "$$.Task.Token"}},
)


@pytest.fixture
def definitions() -> dict[str, dict]:
    """The definitions that the tests run."""
    return {"pass": PASS, "wait": WAIT, "callback": CALLBACK}


@pytest.fixture
def engine_settings() -> EngineSettings:
    """The settings of the engine behind `aws`."""
    return EngineSettings()


@pytest.fixture
async def aws(engine_settings: EngineSettings) -> AsyncIterator[Aws]:
    found = Aws()
    store = await open_store(":memory:")
    engine = Engine(store, found.callbacks, engine_settings)
    await engine.start()
    found.context = await open_context(
        engine, now=lambda: real_now() + found.skew, limits=Limits(overload_delay=PATIENCE)
    )
    transport = httpx.ASGITransport(create_app(found.context), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as found.http:
        yield found
    await engine.stop(1)
    await store.close()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a server on a port of its own, in a thread of its own."""
    found: list[str] = []
    ready = threading.Event()
    stops: list[Callable[[], None]] = []

    def tell(host: str, port: int) -> None:
        found.append(f"http://{host}:{port}")
        ready.set()

    async def run() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        stops.append(lambda: loop.call_soon_threadsafe(stop.set))
        store = await open_store(":memory:")
        engine = Engine(store, Callbacks())
        await engine.start()
        context = await open_context(engine, closing=stop, limits=Limits(overload_delay=PATIENCE))
        await serve(create_app(context), bind("127.0.0.1", 0), stop=stop, grace=2, listening=tell)
        await engine.stop(1)
        await store.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    yield found[0]
    stops[0]()
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def sfn(server: str) -> Callable[..., object]:
    """Makes boto3 clients of the server: `sfn(region="eu-west-1")`."""

    def make(region: str = REGION) -> object:
        return boto3.client(
            "stepfunctions",
            endpoint_url=server,
            region_name=region,
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            config=Config(retries={"max_attempts": 0}, parameter_validation=False),
        )

    return make
