"""A whole server in this process, whose doors are knocked at with bytes.

Rules that must stay true here:
- It is the server that `stepwell serve` runs, with uvicorn's own reading of HTTP; only the socket is left out.
- A request is answered, or waits as it may, or is not whole; once its client is gone nothing of it is left.
- What the server tells its log as an error is a fault, whatever the client is told.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

import stepwell.serve
from stepwell.settings import Settings
from tests.fuzz.target import SECONDS, Fault

_SHARED_MEMORY: Final = "/dev/shm" if Path("/dev/shm").is_dir() else None
SHOP: Final = Path(__file__).parent / "shop"
PATIENCE: Final = 20.0
"""Seconds of the clock after which a request is said to hang: the machine may have much else to do."""

_HEAD: Final = re.compile(rb"HTTP/1\.1 (\d{3})[^\r]*\r\n(.*?)\r\n\r\n", re.DOTALL)
_WITHOUT_BODY: Final = (b"204", b"304")
_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_INSIDE: Final = (b"Traceback (most recent", b'.py", line', b"/site-packages/", b"stepwell-fuzz-secret")
_MAY_WAIT: Final = re.compile(
    rb"GetActivityTask|StartSyncExecution|TestState|prefer:|/events|/invocations|/flows|/orders|/carts|/trends"
    rb"|^get /jobs/",
    re.IGNORECASE,
)


class World:
    """A server with one thing of each kind; `knock` sends bytes to it."""

    def __init__(self, **settings: Any) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="stepwell-fuzz-", dir=_SHARED_MEMORY)
        self._loop = asyncio.new_event_loop()
        self._settings = settings
        self._end = self._loop.create_future()
        self._errors: list[str] = []
        self.generations = count()
        opened: asyncio.Future[ASGIApp] = self._loop.create_future()

        async def held(app: ASGIApp, *_: object, **__: object) -> None:
            opened.set_result(app)
            await self._end

        self._environment = dict(os.environ)
        os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"  # a service call leads nowhere
        self._listener = _Errors(self._errors)
        logging.getLogger().addHandler(self._listener)
        self._loop.set_exception_handler(lambda _, told: self._errors.append(repr(told)))
        self._serving = self._loop.create_task(self._serve(held))
        self._loop.run_until_complete(asyncio.wait([opened, self._serving], return_when=asyncio.FIRST_COMPLETED))
        if self._serving.done():
            self._serving.result()
        self._config = uvicorn.Config(
            opened.result(),
            loop="none",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
        )
        self._config.load()

    async def _serve(self, held: Callable[..., Any]) -> None:
        ours = stepwell.serve.serve_http
        stepwell.serve.serve_http = held
        folder = Path(self._folder.name)
        here = Path.cwd()
        try:
            settings = Settings(
                **{
                    "app": "tests.fuzz.shop.app",
                    "port": 0,
                    "store": str(folder / "s.db"),
                    "grace": 1.0,
                    "log_level": "error",
                }
                | self._settings
            )
            await stepwell.serve.serve(settings)
        finally:
            os.chdir(here)
            stepwell.serve.serve_http = ours

    def close(self) -> None:
        """Stop the server as a signal does."""
        self._end.set_result(None)
        self._loop.run_until_complete(asyncio.wait_for(self._serving, PATIENCE))
        self._loop.close()
        logging.getLogger().removeHandler(self._listener)
        os.environ.clear()
        os.environ.update(self._environment)
        self._folder.cleanup()

    # -- what is asked

    def call(self, operation: str, **members: Any) -> Any:
        """The answer to a good request of the AWS API."""
        status, _, body = self.knock(aws_request(operation, members), PATIENCE)
        assert status == 200, body
        return json.loads(body)

    def knock(self, data: bytes, patience: float = 0.05) -> tuple[int, bytes, bytes]:
        """Status, head and body of the answer; the status is 0 where none comes. `patience` is for what may wait: then
        the client goes. Raises Fault."""
        self._errors.clear()
        began = time.monotonic()
        answer = self._loop.run_until_complete(self._knock(data, patience))
        if time.monotonic() - began > SECONDS and answer[0]:  # by the clock; once more, by the processor's
            cpu = time.process_time()
            answer = self._loop.run_until_complete(self._knock(data, patience))
            if (took := time.process_time() - cpu) > SECONDS:
                raise Fault(f"it took {took:.1f} s of the processor")
        return answer

    async def _knock(self, data: bytes, patience: float) -> tuple[int, bytes, bytes]:
        state = ServerState()
        protocol: Any = self._config.http_protocol_class(self._config, state, {}, self._loop)
        line = _Line(protocol, headed=data.startswith(b"HEAD "))
        protocol.connection_made(line)
        began = time.monotonic()
        protocol.data_received(data)
        waits = protocol.cycle is None or protocol.cycle.more_body or _MAY_WAIT.search(data) is not None
        patience = patience if waits else PATIENCE
        while not line.answered() and (left := patience - (time.monotonic() - began)) > 0:
            line.told.clear()
            try:
                await asyncio.wait_for(line.told.wait(), left)
            except TimeoutError:
                break
        if not line.answered() and not waits:
            raise Fault(f"there is no answer after {PATIENCE:.0f} s")
        protocol.connection_lost(None)
        if state.tasks:
            _, left_over = await asyncio.wait(list(state.tasks), timeout=PATIENCE)
            for task in left_over:
                task.cancel()
            if left_over:
                raise Fault(f"its client is gone, and the server is still at it after {PATIENCE:.0f} s")
        return self._checked(data, bytes(line.sent))

    def _checked(self, asked: bytes, sent: bytes) -> tuple[int, bytes, bytes]:
        if self._errors:
            raise Fault(f"the log tells of an error: {self._errors[0][:2000]}")
        found = _HEAD.match(sent)
        if found is None:
            return 0, b"", b""
        status, head, body = int(found[1]), found[2], sent[found.end() :]
        if status >= 500:
            raise Fault(f"status {status}: {body[:300]!r}")
        if any(inside in body and inside not in asked for inside in _INSIDE):
            raise Fault(f"the answer tells of the inside: {body[:300]!r}")
        if status >= 400:
            check_refusal(status, head, body)
        return status, head, body


def check_refusal(status: int, head: bytes, body: bytes) -> None:
    """Raises Fault where a refusal does not say what is wrong in a form that its client reads."""
    if b"text/plain" in head.lower():
        if not body and status != 405:
            raise Fault(f"status {status} says nothing")
        return
    try:
        told = json.loads(body)
    except ValueError:
        raise Fault(f"status {status} is no JSON: {body[:200]!r}") from None
    text = told.get("message") or told.get("Message") or told.get("detail") if isinstance(told, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise Fault(f"status {status} has no message: {body[:200]!r}")
    if "__type" in told and not re.fullmatch(r"(com\.amazon\.coral\.service#)?[A-Z][A-Za-z]+", told["__type"]):
        raise Fault(f"{told['__type']!r} is no name of an error")


class _Line(asyncio.Transport):
    """The other end of a connection: what the server sends is kept. `headed` says that only a head is asked for."""

    def __init__(self, protocol: Any, *, headed: bool) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.sent = bytearray()
        self.told = asyncio.Event()
        self._closing = False
        self._protocol = protocol
        self._headed = headed

    def answered(self) -> bool:
        if self._closing:
            return True
        found = _HEAD.match(self.sent)
        if found is None:
            return False
        if self._headed or found[1] in _WITHOUT_BODY:
            return True
        length = _LENGTH.search(found[2])
        return length is not None and len(self.sent) >= found.end() + int(length[1])

    def write(self, data: Any) -> None:
        self.sent += data
        self.told.set()

    def close(self) -> None:
        self._closing = True
        self.told.set()

    def is_closing(self) -> bool:
        return self._closing

    def abort(self) -> None:
        self.close()

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def set_protocol(self, protocol: Any) -> None: ...


class _Errors(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self, told: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        self._told.append(self.format(record))


def aws_request(operation: str, members: Any, *, service: str = "AWSStepFunctions") -> bytes:
    """A good request of an AWS API, as bytes."""
    body = members if isinstance(members, bytes) else json.dumps(members).encode()
    kind = "1.1" if service == "Logs_20140328" else "1.0"
    return http_request(
        "POST", "/", body, {"X-Amz-Target": f"{service}.{operation}", "Content-Type": f"application/x-amz-json-{kind}"}
    )


def http_request(method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """A request as bytes."""
    fields = {"Host": "localhost:8083", **(headers or {}), **({"Content-Length": str(len(body))} if body else {})}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
