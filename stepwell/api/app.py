"""The server's ASGI application: guards (of hosts, of overload, of callers), the AWS endpoint, Starlette for the rest.

Rules that must stay true here:
- No request of a foreign host gets any further than the guard, whatever its path.
- Where the server asks who is calling, nothing but the guard of hosts and the gate stands in front of that question.
- The AWS endpoint and the jobs are reached without a framework in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from stepwell.api.context import ApiContext
from stepwell.api.endpoint import AwsEndpoint, answer_fault
from stepwell.api.express import express_routes
from stepwell.api.faults import ApiFault
from stepwell.api.hosts import host_guard
from stepwell.api.jobs.cors import is_of_jobs, with_cors
from stepwell.api.metrics import metrics_routes

if TYPE_CHECKING:
    from stepwell.auth.opening import Auth


def create_app(
    context: ApiContext,
    routes: Sequence[BaseRoute] = (),
    auth: Auth | None = None,
    mounts: Mapping[str, bool] | None = None,
    origins: Sequence[str] = (),
    apis: Mapping[bytes, ASGIApp] | None = None,
    jobs: ASGIApp | None = None,
) -> ASGIApp:
    """The application of a server. `routes` are those of other rooms, beside the AWS endpoint, `/health`,
    `/ready`, `/metrics` and `/express`. `auth` recognises callers; without it nobody is asked. `mounts` tells of the
    paths of mounted apps whether a bearer token is asked for there; `origins` are those whose pages may use the jobs.
    `apis` are AWS's other APIs, by what the target of their operations begins with; `jobs` answers what is at and below
    `/jobs`."""
    aws, others = AwsEndpoint(context), apis or {}
    rest = Starlette(
        routes=[
            Route("/health", _health, methods=["GET"]),
            *metrics_routes(context),
            *express_routes(context),
            *routes,
        ]
    )
    is_allowed = host_guard(context.allowed_hosts)

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/" and scope["method"] == "POST":
            target = _header(scope, b"x-amz-target")
            await others.get(target.partition(b".")[0], aws)(scope, receive, send)
        elif jobs is not None and is_of_jobs(scope):
            await jobs(scope, receive, send)
        else:
            await rest(scope, receive, send)

    named = [found.path for found in rest.routes if isinstance(found, Route)]
    asked: ASGIApp = route
    if auth is not None:
        from stepwell.api.guard import guarded

        asked = guarded(route, auth, context.account, mounts or {}, named)
    inside = with_cors(context.gate.guarding(asked), origins)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await rest(scope, receive, send)
            return
        host = _header(scope, b"host")
        if not is_allowed(host):
            await _refuse_host(scope, send, host)
        else:
            await inside(scope, receive, send)

    return app


def _header(scope: Scope, wanted: bytes) -> bytes:
    """The first header of a name; empty where there is none. Asked twice a request: no generator is made."""
    for name, value in scope["headers"]:
        if name == wanted:
            found: bytes = value
            return found
    return b""


async def _health(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


async def _refuse_host(scope: Scope, send: Send, host: bytes) -> None:
    if scope["type"] != "http":
        await send({"type": "websocket.close", "code": 1008})
        return
    message = (
        f"The host '{host.decode('latin-1')}' is not answered: only loopback names are. To allow it, set "
        "STEPWELL_ALLOWED_HOSTS, or allowed_hosts in stepwell.toml."
    )
    await answer_fault(send, ApiFault("AccessDeniedException", message, 403))
