"""The ASGI apps that an app brings along: their start, their end, their state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from stepwell.app import AppError
from stepwell.mounts import mounted, routes, started


def asgi(text: str, said: list[str] | None = None, fails: bool = False) -> Starlette:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        if fails:
            raise RuntimeError("no database")
        if said is not None:
            said.append(f"{text} starts")
        yield {"text": text}
        if said is not None:
            said.append(f"{text} ends")

    async def tell(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{request.state.text} {request.scope['root_path']} {request.url.path}")

    return Starlette(routes=[Route("/{rest:path}", tell)], lifespan=lifespan)


async def get(mounts: dict[str, Any], path: str) -> str:
    apps = mounted(mounts)
    server = Starlette(routes=routes(apps))
    async with started(apps), httpx.AsyncClient(transport=httpx.ASGITransport(server), base_url="http://a") as client:
        return (await client.get(path)).text


async def test_the_longest_path_wins_and_the_root_takes_the_rest() -> None:
    mounts = {"": asgi("root"), "/api": asgi("api"), "/api/admin": asgi("admin")}
    assert await get(mounts, "/api/admin/x") == "admin /api/admin /api/admin/x"
    assert await get(mounts, "/api/x") == "api /api /api/x"
    assert await get(mounts, "/apiary") == "root  /apiary"


async def test_apps_start_before_and_end_after_in_reverse() -> None:
    said: list[str] = []
    async with started(mounted({"/a": asgi("a", said), "/bb": asgi("bb", said)})):
        said.append("serving")
    assert said == ["bb starts", "a starts", "serving", "a ends", "bb ends"]


async def test_an_app_that_fails_to_start_stops_the_server_and_ends_what_has_started() -> None:
    said: list[str] = []
    with pytest.raises(AppError, match="what is mounted at '/b' failed to start: RuntimeError: no database"):
        async with started(mounted({"/aa": asgi("aa", said), "/b": asgi("b", fails=True)})):
            said.append("serving")
    assert said == ["aa starts", "aa ends"]


async def test_an_app_that_knows_no_lifespan_is_served_all_the_same() -> None:
    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await PlainTextResponse("plain")(scope, receive, send)

    assert await get({"/plain": plain}, "/plain/x") == "plain"


def test_an_app_that_is_named_by_text_must_be_there() -> None:
    with pytest.raises(
        AppError, match="what is mounted at '/x', 'nowhere:app', cannot be imported: ModuleNotFoundError"
    ):
        mounted({"/x": "nowhere:app"})
