"""Where clients find jobs.

Rules that must stay true here:
- A path answers OPTIONS, and 405 with what it allows to anything else.
- What is below `/jobs` is told from the parts of the path, without a framework in between: it is asked for most often.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from stepwell.api.context import ApiContext
from stepwell.api.jobs.events import JobEvents
from stepwell.api.jobs.openapi import OpenApi
from stepwell.api.jobs.problems import Handler, Problem, answering
from stepwell.api.jobs.resource import JobResource
from stepwell.api.jobs.single_route import SingleRoute
from stepwell.jobs.arguments import Arguments, Model
from stepwell.jobs.declaration import JobRoute
from stepwell.jobs.jobs import Jobs

if TYPE_CHECKING:
    from stepwell.auth.opening import Auth


def job_paths(jobs: Jobs, context: ApiContext) -> ASGIApp | None:
    """What answers `/jobs` and all below it; None where there are no job types."""
    if not jobs.types:
        return None
    signatures = {name: _signature(jobs, name) for name in jobs.types}
    resource = JobResource(jobs, {name: arguments.model for name, arguments in signatures.items()}, context)
    openapi = OpenApi(jobs.types, signatures)
    named = {
        "/jobs": _Methods(GET=resource.list),
        "/jobs/openapi.json": _Methods(GET=openapi.document),
        "/jobs/docs": _Methods(GET=openapi.page),
        "/jobs/docs.js": _Methods(GET=openapi.script),
        "/jobs/docs.css": _Methods(GET=openapi.style),
    }
    one = _Methods(GET=resource.get, POST=resource.post, DELETE=resource.delete)
    events = _Methods(GET=JobEvents(jobs, context).get)
    nowhere = _Methods()

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"].removesuffix("/")
        found = named.get(path)
        if found is None:
            name, *below = path[len("/jobs/") :].split("/")
            scope["path_params"] = {"name": name}
            found = nowhere if not name else one if not below else events if below == ["events"] else nowhere
        await found(scope, receive, send)

    return route


def single_routes(
    jobs: Jobs, single: Mapping[str, JobRoute], context: ApiContext, auth: Auth | None = None
) -> list[BaseRoute]:
    """The single routes of an app. `auth` recognises their callers: nobody else asks there."""
    found: list[BaseRoute] = []
    for path, route in single.items():
        job = jobs.types[route.job]
        found.append(Route(path, SingleRoute(route, job, _signature(jobs, route.job).model, jobs, context, auth)))
    return found


def _signature(jobs: Jobs, name: str) -> Arguments:
    job = jobs.types[name]
    if job.handler is not None:
        return Arguments.of(job.handler)
    return Arguments(Model(job.input or Any), Model(job.output or Any))


class _Methods:
    """The ASGI app of one path: a handler a method; without any, there is nothing."""

    def __init__(self, **handlers: Handler) -> None:
        self._handlers = {method: answering(handle) for method, handle in handlers.items()}
        if "GET" in handlers:
            self._handlers["HEAD"] = self._handlers["GET"]
        self._allowed = {"Allow": ", ".join(sorted((*self._handlers, "OPTIONS")))}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        await (await self._response(request))(scope, receive, send)

    async def _response(self, request: Request) -> Response:
        if not self._handlers:
            detail = f"Nothing is served at {request.url.path}. /jobs/docs shows what there is."
            return Problem(404, "not-found", "No such address", detail).response(request.url.path)
        handle = self._handlers.get(request.method)
        if handle is not None:
            return await handle(request)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=self._allowed)
        detail = f"{request.method} is not served at {request.url.path}. There are: {self._allowed['Allow']}."
        title = "No such method here"
        return Problem(405, "no-such-method", title, detail, headers=self._allowed).response(request.url.path)
