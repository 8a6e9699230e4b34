"""What the tests of jobs share: a server in this process whose handlers end when the test says so.

`house.http` is a client against a port that listens; `house.work` hands out what handlers were asked to do.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from stepwell import Stepwell
from stepwell.api.admission.limits import Limits
from stepwell.api.app import create_app
from stepwell.api.context import ApiContext, open_context, real_now
from stepwell.api.jobs.routes import job_paths, single_routes
from stepwell.api.server import bind, serve
from stepwell.assembly import Place, bind_machines, deploy, make_jobs
from stepwell.engine.dispatch import Failed, Outcome, Succeeded, Task
from stepwell.engine.engine import Engine
from stepwell.jobs.jobs import Jobs
from stepwell.store.open import open_store
from tests.patience import PATIENCE, come

PLACE = Place("us-east-1", "123456789012")


@dataclass
class Work:
    """One run of a handler."""

    task: Task
    outcome: asyncio.Future[Outcome]

    @property
    def input(self) -> Any:
        return json.loads(self.task.input)

    def done(self, output: Any) -> None:
        self.outcome.set_result(Succeeded(json.dumps(output)))

    def failed(self, error: str, message: str) -> None:
        payload = json.dumps({"errorMessage": message, "errorType": error, "stackTrace": ["line 1"]})
        self.outcome.set_result(Failed(error, payload))


class Handlers:
    """A dispatcher whose tasks end when the test says so."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[Work] = asyncio.Queue()
        self.running: list[Work] = []

    async def start(self) -> None:
        pass

    async def run(self, task: Task) -> AsyncIterator[Outcome]:
        work = Work(task, asyncio.get_running_loop().create_future())
        self.running.append(work)
        self.asked.put_nowait(work)
        try:
            yield await work.outcome
        finally:
            self.running.remove(work)

    def answers_activity(self, machine_arn: str, test_case: str | None, state_name: str) -> bool:
        return False

    async def stop(self, grace: float) -> None:
        pass


@dataclass
class House:
    """A server with an app's jobs."""

    context: ApiContext
    jobs: Jobs
    handlers: Handlers
    http: httpx.AsyncClient
    url: str
    closing: asyncio.Event

    async def work(self) -> Work:
        """The next thing that a handler is asked to do."""
        return await asyncio.wait_for(self.handlers.asked.get(), PATIENCE)

    async def post(self, type: str, body: Any = None, **headers: str) -> httpx.Response:
        return await self.http.post(f"/jobs/{type}", json={} if body is None else body, headers=headers)

    async def start(self, type: str, body: Any = None, **headers: str) -> str:
        """The id of a new job."""
        answer = await self.post(type, body, **headers)
        assert answer.status_code == 202, answer.text
        return answer.json()["job_id"]

    async def job(self, id: str, **headers: str) -> dict[str, Any]:
        answer = await self.http.get(f"/jobs/{id}", headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def ended(self, id: str) -> dict[str, Any]:
        """A job, once it has ended."""

        async def look() -> dict[str, Any] | None:
            job = await self.job(id, Prefer="wait=10")
            return job if job["status"] in ("COMPLETED", "FAILED", "CANCELLED") else None

        return await come(look)


@dataclass
class Houses:
    """Opens servers, one after the other on the same store where it is a file."""

    folder: Path
    now: Callable[[], int] = real_now
    origins: tuple[str, ...] = ()
    opened: list[House] = field(default_factory=list)

    @asynccontextmanager
    async def open(self, app: Stepwell, store: str = ":memory:") -> AsyncIterator[House]:
        async with AsyncExitStack() as stack:
            opened = await open_store(store if store == ":memory:" else str(self.folder / store))
            stack.push_async_callback(opened.close)
            handlers, closing = Handlers(), asyncio.Event()
            engine = Engine(opened, handlers)
            context = await open_context(engine, closing=closing, now=self.now, limits=Limits(overload_delay=PATIENCE))
            await deploy(bind_machines(app, PLACE), context)
            jobs = make_jobs(app, context)
            await jobs.start()
            await engine.start()
            stack.push_async_callback(engine.stop, 0)
            jobs.serve()
            stack.push_async_callback(jobs.stop)
            port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            application = create_app(
                context,
                single_routes(jobs, app.job_routes, context),
                origins=self.origins,
                jobs=job_paths(jobs, context),
            )
            serving = asyncio.ensure_future(
                serve(
                    application,
                    bind("127.0.0.1", 0),
                    stop=closing,
                    grace=1,
                    listening=lambda _, number: port.set_result(number),
                )
            )

            async def close() -> None:
                closing.set()
                await asyncio.wait_for(serving, PATIENCE)

            stack.push_async_callback(close)
            url = f"http://127.0.0.1:{await asyncio.wait_for(port, PATIENCE)}"
            client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=PATIENCE))
            yield House(context, jobs, handlers, client, url, closing)


@pytest.fixture
def houses(tmp_path: Path) -> Houses:
    return Houses(tmp_path)
