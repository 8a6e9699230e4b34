"""A connection on which nothing more comes is closed in the end; one whose request is being worked on never is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from stepwell.api.connection import Connection

REST, PATIENCE = 75, 30
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Place:
    """A server with one client; what it is asked is answered when it may be."""

    def __init__(self) -> None:
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()
        self.may_answer.set()
        self.connection: Connection
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.set()
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    def make(self) -> Connection:
        config = uvicorn.Config(
            self.app, loop="none", interface="asgi3", lifespan="off", log_config=None, timeout_keep_alive=REST
        )
        config.load()
        self.connection = Connection(config, ServerState(), {})
        return self.connection

    async def answer(self) -> None:
        async with asyncio.timeout(30):
            assert (await self.reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")

    def look(self, seconds: float) -> bool:
        """Look at the connection as if so many seconds had passed. Whether it stays."""
        self.connection.look(asyncio.get_running_loop().time() + seconds, PATIENCE)
        return not self.connection.transport.is_closing()


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    made = Place()
    server = await asyncio.get_running_loop().create_server(made.make, "127.0.0.1", 0)
    try:
        made.reader, made.writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        made.writer.write(REQUEST)
        yield made
    finally:
        made.writer.close()
        server.close()


async def test_a_connection_that_rests_is_closed_after_its_time() -> None:
    async with place() as here:
        await here.answer()
        assert here.look(REST - 5)
        assert not here.look(REST + 5)
        async with asyncio.timeout(30):
            assert await here.reader.read() == b""


async def test_the_time_begins_anew_with_each_answer() -> None:
    async with place() as here:
        await here.answer()
        here.writer.write(REQUEST)
        await here.answer()
        assert here.look(REST - 5)


async def test_a_connection_whose_request_takes_long_is_left_alone() -> None:
    async with place() as here:
        here.may_answer.clear()
        async with asyncio.timeout(30):
            await here.asked.wait()
        assert here.look(100 * REST)
        here.may_answer.set()
        await here.answer()


async def test_a_request_that_has_begun_before_the_last_answer_is_left_alone() -> None:
    async with place() as here:
        here.may_answer.clear()
        async with asyncio.timeout(30):
            await here.asked.wait()
        here.writer.write(REQUEST[:20])
        await asyncio.sleep(0)
        async with asyncio.timeout(30):
            while here.connection._began is None:  # noqa: ASYNC110 - until what was sent has come
                await asyncio.sleep(0)
        here.may_answer.set()
        await here.answer()
        here.asked.clear()
        here.may_answer.clear()
        here.writer.write(REQUEST[20:])
        async with asyncio.timeout(30):
            await here.asked.wait()
        assert here.look(100 * REST)
        here.may_answer.set()
        await here.answer()
