"""What the tests of auth share: a server that asks who is calling, in a thread of its own, and its clock."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from stepwell.api.admission.limits import Limits
from stepwell.api.app import create_app
from stepwell.api.context import open_context
from stepwell.api.server import bind, serve
from stepwell.auth.caller import caller_of
from stepwell.auth.opening import open_auth
from stepwell.auth.table import AuthTable, Elsewhere, KeyTable, TokenTable, digest
from stepwell.engine.engine import Engine
from stepwell.store.open import open_store
from stepwell.tasks.dispatcher import TaskDispatcher
from stepwell.tasks.function import FunctionRegistry
from stepwell.tasks.lambda_service import LambdaService
from tests.patience import PATIENCE

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEYS = {
    "AKIAFULL": KeyTable(SECRET, name="ci"),
    "AKIAREAD": KeyTable("a-second/secret+of-a-reader", "read-only", "auditor"),
    "ASIASESSION": KeyTable("a-third-secret-with-a-session", session_token="the/session+token=="),
}
TOKENS = {
    "ops": TokenTable(sha256=digest("a-token-of-the-operators").hex()),
    "looker": TokenTable(token=Elsewhere(env="LOOKER_TOKEN"), role="read-only"),
}
ENVIRON = {"LOOKER_TOKEN": "a-token-of-who-may-look"}


@dataclass
class Guarded:
    """A server that asks. `skew` moves the clock that signatures are compared with, in seconds."""

    url: str = ""
    skew: float = 0
    stop: Callable[[], None] = field(default=lambda: None)

    def clock(self) -> float:
        return time.time() + self.skew


async def who(request: Request) -> JSONResponse:
    caller = caller_of(request.scope)
    return JSONResponse({"name": caller.name, "role": caller.role, "how": caller.how})


ROUTES = [
    Route("/jobs/{rest:path}", who, methods=["GET", "POST", "OPTIONS"]),
    Route("/logs", who),
    Mount("/guarded", routes=[Route("/x", who)]),
    Mount("/own", routes=[Route("/x", who)]),
]
MOUNTS = {"/guarded": True, "/own": False}


def serve_guarded(table: AuthTable) -> Iterator[Guarded]:
    """A server on a port of its own, in a thread of its own."""
    guarded, ready = Guarded(), threading.Event()

    def tell(host: str, port: int) -> None:
        guarded.url = f"http://{host}:{port}"
        ready.set()

    async def run() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        guarded.stop = lambda: loop.call_soon_threadsafe(stop.set)
        store = await open_store(":memory:")
        engine = Engine(store, TaskDispatcher(LambdaService(FunctionRegistry([]))))
        await engine.start()
        context = await open_context(engine, closing=stop, limits=Limits(overload_delay=PATIENCE))
        auth = open_auth(table, ENVIRON, "stepwell", guarded.clock)
        app = create_app(context, ROUTES, auth, MOUNTS)
        await serve(app, bind("127.0.0.1", 0), stop=stop, grace=2, listening=tell)
        await engine.stop(1)
        await store.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    yield guarded
    guarded.stop()
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Guarded]:
    yield from serve_guarded(AuthTable(KEYS, TOKENS))


@pytest.fixture
def server(shared_server: Guarded) -> Iterator[Guarded]:
    shared_server.skew = 0
    yield shared_server
    shared_server.skew = 0
