"""What pages of other origins may do with jobs (CORS), as the settings say.

Rules that must stay true here:
- It stands in front of the question who is calling: a page can read a 401 as any other answer.
- Each answer is the same for every client: CORS decides what a browser lets a page read, and guards nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_EXPOSED: Final = ("Location", "Retry-After", "Preference-Applied", "Link", "WWW-Authenticate")
_SENT: Final = ("Authorization", "Content-Type", "Prefer", "Idempotency-Key", "Callback-URL", "Last-Event-ID")
_CACHED: Final = 600  # seconds that a browser keeps the answer to a preflight


def is_of_jobs(scope: Scope) -> bool:
    """Whether a request is for `/jobs`, or something below it."""
    path: str = scope.get("path", "")
    return scope["type"] == "http" and (path == "/jobs" or path.startswith("/jobs/"))


def with_cors(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """An application whose jobs pages of these origins may use; `*` is any."""
    if not origins:
        return app
    shared = CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=("GET", "POST", "DELETE"),
        allow_headers=_SENT,
        expose_headers=_EXPOSED,
        max_age=_CACHED,
    )

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        await (shared if is_of_jobs(scope) else app)(scope, receive, send)

    return route
