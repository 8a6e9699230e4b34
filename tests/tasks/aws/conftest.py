"""An endpoint of one's own for AWS services: it takes requests over HTTP and gives the answers that a test lays out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stepwell.engine.dispatch import Outcome, Task
from stepwell.language.resource import parse_resource
from stepwell.tasks.aws.client import AwsClients
from stepwell.tasks.aws_service import aws_integrations
from stepwell.tasks.dispatcher import TaskDispatcher
from stepwell.tasks.function import FunctionRegistry
from stepwell.tasks.lambda_service import LambdaService

pytest.importorskip("boto3")

JSON = "application/x-amz-json-1.0"
XML = "text/xml"


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Endpoint:
    """`requests` are those that came; each takes the next of `answers`."""

    url: str
    requests: list[Request] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)

    def answer(self, body: str | bytes, status: int = 200, type: str = JSON, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body.encode() if isinstance(body, str) else body
        if "x-amz-request-id" not in named:  # the name that Amazon S3 gives it
            named = {"x-amzn-RequestId": "r-1", **named}
        self.answers.append((status, {"Content-Type": type, **named}, content))

    @property
    def environ(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL": self.url}


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    found = Endpoint("")

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found.requests.append(Request(self.command, self.path, dict(self.headers), body))
            status, headers, content = found.answers.pop(0)
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = handle_any  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def call(task: Callable[..., Task], endpoint: Endpoint) -> Callable[..., object]:
    """`await call("sqs:sendMessage", '{...}')`: the outcome of a task, from the endpoint or by the rules given."""

    async def outcome(resource: str, input: str = "{}", clients: AwsClients | None = None) -> Outcome:
        clients = clients or AwsClients([], endpoint.environ)
        dispatcher = TaskDispatcher(LambdaService(FunctionRegistry()), aws_integrations(clients))
        asked = task(parse_resource(f"arn:aws:states:::{resource}"), input)
        (found,) = [outcome async for outcome in dispatcher.run(asked)]
        return found

    return outcome
