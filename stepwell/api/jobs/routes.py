"""Where clients find jobs.

Rules that must stay true here:
- A path answers OPTIONS, and 405 with what it allows to anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from stepwell.api.context import ApiContext
from stepwell.api.jobs.events import JobEvents
from stepwell.api.jobs.openapi import OpenApi
from stepwell.api.jobs.problems import Handler, Problem, answering
from stepwell.api.jobs.resource import JobResource
from stepwell.api.jobs.single_route import SingleRoute
from stepwell.auth.opening import Auth
from stepwell.jobs.arguments import Arguments, Model
from stepwell.jobs.declaration import JobRoute
from stepwell.jobs.jobs import Jobs


def job_routes(
    jobs: Jobs,
    single: Mapping[str, JobRoute],
    context: ApiContext,
    auth: Auth | None = None,
) -> list[BaseRoute]:
    """The routes of a server, for `create_app`; none where there are no job types.

    `auth` recognises the callers of single routes: nobody else asks there.
    """
    if not jobs.types:
        return []
    signatures = {name: _signature(jobs, name) for name in jobs.types}
    models = {name: arguments.model for name, arguments in signatures.items()}
    resource = JobResource(jobs, models, context)
    events = JobEvents(jobs, context)
    openapi = OpenApi(jobs.types, signatures)

    def at(path: str, **handlers: Handler) -> BaseRoute:
        return Route(path, _Methods(handlers))

    found: list[BaseRoute] = [
        at("/jobs", GET=resource.list),
        at("/jobs/openapi.json", GET=openapi.document),
        at("/jobs/docs", GET=openapi.page),
        at("/jobs/docs.js", GET=openapi.script),
        at("/jobs/docs.css", GET=openapi.style),
        at("/jobs/{name}", GET=resource.get, POST=resource.post, DELETE=resource.delete),
        at("/jobs/{name}/events", GET=events.get),
    ]
    for path, route in single.items():
        app = SingleRoute(route, jobs.types[route.job], models[route.job], jobs, context, auth)
        found.append(Route(path, app))
    return found


def _signature(jobs: Jobs, name: str) -> Arguments:
    job = jobs.types[name]
    if job.handler is not None:
        return Arguments.of(job.handler)
    return Arguments(Model(job.input or Any), Model(job.output or Any))


class _Methods:
    """The ASGI app of one path: a handler a method."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = {method: answering(handle) for method, handle in handlers.items()}
        if "GET" in handlers:
            self._handlers["HEAD"] = self._handlers["GET"]
        self._allowed = {"Allow": ", ".join(sorted((*self._handlers, "OPTIONS")))}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        await (await self._response(request))(scope, receive, send)

    async def _response(self, request: Request) -> Response:
        handle = self._handlers.get(request.method)
        if handle is not None:
            return await handle(request)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=self._allowed)
        detail = f"{request.method} is not served at {request.url.path}. There are: {self._allowed['Allow']}."
        title = "No such method here"
        return Problem(405, "no-such-method", title, detail, headers=self._allowed).response(request.url.path)
