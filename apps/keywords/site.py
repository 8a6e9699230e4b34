"""The small site that the app reads: the pages in `pages/`, over HTTP.

    GET /footwear/index.html      links to the articles about an industry
    PUT /control                  makes it misbehave; for tests and the demo:

        {"delay_seconds": 2, "fail_next": [500, 503], "lose_next": 1}

Run it with `python -m apps.keywords.site --port 9300`.

Rules that must stay true here:
- It knows nothing of the app: it serves pages, as any site does.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass
class Behaviour:
    """How the site behaves: `fail_next` are the statuses of the next answers, `lose_next` says how many are lost."""

    delay_seconds: float = 0
    fail_next: list[int] = field(default_factory=list)
    lose_next: int = 0
    asked: int = 0  # how many pages were asked for


class Site:
    """The pages, and how they are served."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()

    def asgi(self) -> ASGIApp:
        """The site as an ASGI app."""
        pages = StaticFiles(directory=Path(__file__).parent / "pages", html=True)
        routes = [Route("/control", self._control, methods=["PUT", "GET"]), Mount("/", self._behaving(pages))]
        return Starlette(routes=routes)

    def _behaving(self, app: ASGIApp) -> ASGIApp:
        behaviour = self.behaviour

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            behaviour.asked += 1
            await self._delay()
            if behaviour.fail_next:
                await Response(status_code=behaviour.fail_next.pop(0))(scope, receive, send)
            elif behaviour.lose_next:
                behaviour.lose_next -= 1
                await app(scope, receive, _lost)
                raise ConnectionResetError  # the server closes the connection without an answer
            else:
                await app(scope, receive, send)

        return respond

    async def _delay(self) -> None:
        """Wait as long as is wished for, or until it is no longer wished for."""
        began = time.monotonic()
        while time.monotonic() - began < self.behaviour.delay_seconds:  # noqa: ASYNC110  # wishes change meanwhile
            await asyncio.sleep(0.02)

    async def _control(self, request: Request) -> Response:
        wishes = await request.json() if request.method == "PUT" else {}
        if unknown := wishes.keys() - vars(self.behaviour).keys():
            return JSONResponse({"error": f"there is no {', '.join(sorted(unknown))}"}, 422)
        vars(self.behaviour).update(wishes)
        return JSONResponse(vars(self.behaviour))


async def _lost(_: Message) -> None:
    """An answer that never arrives."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m apps.keywords.site", description="The site that the app reads.")
    parser.add_argument("--port", type=int, default=9300)
    uvicorn.run(Site().asgi(), port=parser.parse_args().port, log_level="critical")


if __name__ == "__main__":
    main()
