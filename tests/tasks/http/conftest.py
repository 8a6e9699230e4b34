"""An API of somebody else: it takes requests over HTTP, and answers as a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from msgspec.structs import replace

from stepwell.engine.dispatch import Outcome, Task
from stepwell.language.resource import parse_resource
from stepwell.tasks.http.connection import Basic, Connection, ConnectionUnusable
from stepwell.tasks.http.targets import Targets
from stepwell.tasks.http_invoke import HttpInvoke
from tests.patience import PATIENCE

ARN = "arn:aws:events:us-east-1:123456789012:connection/vendor/1"


@dataclass
class Got:
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: str


Reply = tuple[int, dict[str, str], bytes]


@dataclass
class Api:
    """`reply` answers requests, of which `got` are those that came."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    reply: Callable[[Got], Reply] = lambda got: (200, {"Content-Type": "application/json"}, b"{}")

    def answer(self, body: Any, status: int = 200, type: str = "application/json", **headers: str) -> None:
        content = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        self.reply = lambda _: (status, {"Content-Type": type, **headers}, content)

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0


@pytest.fixture
def api() -> Iterator[Api]:
    found = Api()

    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            query = parse_qsl(parts.query, keep_blank_values=True)
            found.got.append(Got(self.command, parts.path, query, dict(self.headers), body))
            status, headers, content = found.reply(found.got[-1])
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - what http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@dataclass
class Known:
    """The connections that there are."""

    connections: dict[str, Connection] = field(default_factory=dict)

    async def find(self, arn: str) -> Connection:
        if arn not in self.connections:
            raise ConnectionUnusable("ResourceNotFound", f"There is no connection {arn}.")
        return self.connections[arn]


@pytest.fixture
def connections() -> Known:
    return Known({ARN: Connection(arn=ARN, version="1", authorization=Basic("me", "password-of-mine"))})


Invoke = Callable[..., Awaitable[Outcome]]


@pytest.fixture
def invoke(task: Callable[..., Task], api: Api, connections: Known) -> Invoke:
    """`await invoke(RequestBody={...})`: the outcome of a POST to the API, with what a test says otherwise."""
    integration = HttpInvoke(connections, Targets(["127.0.0.1"]))

    async def call(integration: HttpInvoke = integration, trace: str | None = None, **given: Any) -> Outcome:
        usual = {"ApiEndpoint": f"{api.url}/orders", "Method": "POST", "Authentication": {"ConnectionArn": ARN}}
        asked = task(parse_resource("arn:aws:states:::http:invoke"), json.dumps({**usual, **given}))
        (outcome,) = [outcome async for outcome in integration.run(replace(asked, trace=trace))]
        return outcome

    return call
