"""Serving an ASGI application: uvicorn, run from within.

Rules that must stay true here:
- Signals are not handled here: whoever calls `serve` sets `stop`.
- Nothing of a request is logged here.
- A request that the end of the grace period cuts off is answered: 503, in a form that AWS's clients read.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from stepwell.api.connection import Connection, look_after, most_connections

BACKLOG = 2048


class _Server(uvicorn.Server):
    """uvicorn's server, without its handling of signals; `ready` is set once connections are taken."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int) -> socket.socket:
    """A socket on a name or an address, IPv4 before IPv6 where a name stands for both; the port is a free one for 0.

    From now on nobody else is given that port. Raises OSError where the address cannot be listened on.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound


async def serve(
    app: ASGIApp,
    bound: socket.socket,
    *,
    stop: asyncio.Event,
    grace: float = 10.0,
    patience: float = 30.0,
    listening: Callable[[str, int], None] | None = None,
) -> None:
    """Serve on a socket that was bound, until `stop` is set; then let running requests end within `grace` seconds.

    `patience` is how many seconds a client may keep the server waiting. `listening` is told the address and the port
    once connections are taken. The socket is closed at the end. Raises OSError where it cannot be listened on.
    """
    try:
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    config = uvicorn.Config(
        _answering_to_the_end(app, stop),
        loop="none",
        http=type("_Connection", (Connection,), {"allowed": most_connections()}),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=max(1, round(grace)),
    )
    server = _Server(config)
    running = asyncio.ensure_future(server.serve(sockets=[bound]))
    looking = asyncio.ensure_future(look_after(server.server_state.connections, patience))
    try:
        await _first(running, server.ready)
        if server.started and listening is not None:
            name, port = bound.getsockname()[:2]
            listening(name, port)
        await _first(running, stop)
    finally:
        server.should_exit = True
        await running
        looking.cancel()


def _answering_to_the_end(app: ASGIApp, stop: asyncio.Event) -> ASGIApp:
    """The app, with an answer for requests that are cancelled because the server stops."""
    cut_off = JSONResponse({"__type": "ServiceUnavailable", "message": "The server is shutting down"}, 503)

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            if not stop.is_set():
                raise
            with suppress(RuntimeError):  # the app had begun to answer
                await cut_off(scope, receive, send)

    return answered


async def _first(running: asyncio.Future[None], event: asyncio.Event) -> None:
    """Wait until the event is set or the server has ended by itself."""
    waiting = asyncio.ensure_future(event.wait())
    either: set[asyncio.Future[None] | asyncio.Future[Literal[True]]] = {running, waiting}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
