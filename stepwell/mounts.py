"""The HTTP routes that apps bring along, on the server's own port.

Rules that must stay true here:
- The longest path that matches wins.
- A mounted app is started before the first request and ended after the last, by the ASGI lifespan protocol. One that
  does not know that protocol is served all the same.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stepwell.app import AppError, AsgiApp


class MountedApp:
    """An ASGI app at a path. `state` is what its start left for its requests."""

    def __init__(self, path: str, app: AsgiApp | str) -> None:
        """Raises AppError where `app` is a text that names no ASGI app."""
        self.path = path
        self._app: ASGIApp = _import(path, app) if isinstance(app, str) else app
        self._state: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "state": dict(self._state)}, receive, send)

    @asynccontextmanager
    async def started(self) -> AsyncIterator[None]:
        """Start the app, and end it afterwards. Raises AppError where it fails to start."""
        orders: asyncio.Queue[Message] = asyncio.Queue()
        answers: asyncio.Queue[Message] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self._state}
        task = asyncio.ensure_future(_run(self._app, scope, orders.get, answers.put))
        try:
            answer = await _tell("lifespan.startup", task, orders, answers)
            if answer is not None and answer["type"] == "lifespan.startup.failed":
                *_, reason = str(answer.get("message", "")).strip().splitlines() or ["it gives no reason"]
                raise AppError(f"what is mounted at {self.path or '/'!r} failed to start: {reason}")
            try:
                yield
            finally:
                if answer is not None:
                    await _tell("lifespan.shutdown", task, orders, answers)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def mounted(mounts: Mapping[str, AsgiApp | str]) -> list[MountedApp]:
    """The apps of `Stepwell.mounts`, the longest path first. Raises AppError."""
    return [MountedApp(path, app) for path, app in sorted(mounts.items(), key=lambda mount: -len(mount[0]))]


def routes(apps: Sequence[MountedApp]) -> list[Mount]:
    """Mounted apps as routes of the server."""
    return [Mount(app.path, app=app) for app in apps]


@asynccontextmanager
async def started(apps: Sequence[MountedApp]) -> AsyncIterator[None]:
    """Start mounted apps, and end them afterwards. Raises AppError."""
    async with AsyncExitStack() as stack:
        for app in apps:
            await stack.enter_async_context(app.started())
        yield


def _import(path: str, reference: str) -> ASGIApp:
    module, _, attribute = reference.partition(":")
    try:
        app: ASGIApp = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise AppError(
            f"what is mounted at {path or '/'!r}, {reference!r}, cannot be imported: {type(error).__name__}: {error}"
        ) from error
    return app


async def _run(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    with suppress(Exception):  # what an app does that knows no lifespan
        await app(scope, receive, send)


async def _tell(
    order: str, task: asyncio.Future[None], orders: asyncio.Queue[Message], answers: asyncio.Queue[Message]
) -> Message | None:
    """The app's answer to an order; None where it ended without one."""
    await orders.put({"type": order})
    answer = asyncio.ensure_future(answers.get())
    await asyncio.wait((task, answer), return_when=asyncio.FIRST_COMPLETED)
    if answer.done():
        return answer.result()
    answer.cancel()
    return None
