"""The HTTP routes of an app, served: a function is called, or an execution started.

Rules that must stay true here:
- Where callers are asked who they are, a preflight, which comes without an answer to that, calls nothing.
- A route stands at its path, and below its stage (`/Prod/orders`) where it has one: URLs of either form lead there.
- What the server serves itself wins over an app's route of the same path.
- A request is read up to API Gateway's 10 MB, and no further.
- A page of a foreign site calls nothing, unless its origin is allowed: a browser tells where a request comes from.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as Route

from stepwell.api.arns import STATE_MACHINE, prefix
from stepwell.api.gateway.answers import Answer, answer_of, failed, service_answer
from stepwell.api.gateway.events import HttpRequest, event_of
from stepwell.api.gateway.route import GatewayRoute
from stepwell.api.origins import own_pages
from stepwell.auth.caller import SCOPE_KEY, STRANGER
from stepwell.engine.trace import trace_of_headers
from stepwell.language.values import Json, dumps, loads
from stepwell.tasks.aws.faults import ServiceFault
from stepwell.tasks.invocation import CallRefused
from stepwell.tasks.lambda_service import FunctionNotFound, LambdaService

MAX_BODY: Final = 10 * 1024 * 1024
_ANY: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


class Api(Protocol):
    """This server's own API of Step Functions."""

    async def call(
        self, operation: str, region: str, members: Mapping[str, object], trace: str | None = None
    ) -> Mapping[str, Json]:
        """Raises ServiceFault."""
        ...


class Front(Struct, frozen=True, kw_only=True):
    """What routes stand in front of. `hosts` are the names that this server is reached by besides loopback's, `origins`
    those whose pages may call; `*` is any."""

    functions: LambdaService
    api: Api
    region: str
    account: str
    hosts: Collection[str] = ()
    origins: Collection[str] = ()


def gateway_routes(routes: Iterable[GatewayRoute], front: Front) -> list[Route]:
    """The routes of a server, for `create_app`."""
    served: list[Route] = []
    for route in sorted(routes, key=lambda route: route.rank):
        endpoint = _endpoint(route, front)
        methods = _ANY if route.method == "ANY" else (route.method, *(("OPTIONS",) if front.origins else ()))
        served.append(Route(route.pattern, endpoint, methods=methods, middleware=_shared(front)))
        if route.stage != "$default":
            path = f"/{route.stage}{route.pattern}"
            for either in dict.fromkeys((path, path.rstrip("/"))):  # a stage's root ends with a slash or not
                served.append(Route(either, endpoint, methods=methods, middleware=_shared(front)))
    # A parameter would match a stage: what has a fixed beginning is tried first.
    return sorted(served, key=lambda route: route.path.startswith("/{"))


def _endpoint(route: GatewayRoute, front: Front) -> Callable[[Request], Awaitable[Response]]:
    may_call = _origins(front)

    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS" and route.method not in ("ANY", "OPTIONS"):
            return _response(service_answer(404, {"message": "Not Found"}))  # no preflight, though it came as one
        if request.method == "OPTIONS" and request.scope.get(SCOPE_KEY) == STRANGER:
            return _response(service_answer(404, {"message": "Not Found"}))  # a preflight, which nobody was asked for
        if not may_call(request.headers.get("origin")):
            message = f"Pages of {request.headers['origin']} may not call this. Allow them with cors_origins"
            return _response(service_answer(403, {"message": message}))
        try:
            body = await _read(request)
        except ClientDisconnect:
            return _response(service_answer(400, {"message": "Bad Request"}))  # nobody reads it
        if body is None:
            return _response(service_answer(413, {"message": "Request Too Long"}))
        trace = trace_of_headers(request.headers)
        if route.machine is not None:
            return _response(await _start(route, front, body, trace))
        return _response(await _call(route, front, _request(route, request, body), trace))

    return answer


def _shared(front: Front) -> Sequence[Middleware] | None:
    """What tells browsers that pages of the allowed origins may read the answers (CORS)."""
    if not front.origins:
        return None
    return [Middleware(CORSMiddleware, allow_origins=front.origins, allow_methods=["*"], allow_headers=["*"])]


def _origins(front: Front) -> Callable[[str | None], bool]:
    """What tells whether the pages of an origin may call; None is a client that is no page."""
    return own_pages(front.hosts, front.origins)


async def _call(route: GatewayRoute, front: Front, request: HttpRequest, trace: str | None) -> Answer:
    assert route.function is not None
    try:
        event = dumps(event_of(route, request, front.account))
        reply = await front.functions.invoke(route.function, event, trace=trace)
    except (CallRefused, FunctionNotFound):
        return failed(route.payload)
    if reply.answer.error is not None:
        return failed(route.payload)
    return answer_of(loads(reply.answer.payload or "null"), route.payload)


async def _start(route: GatewayRoute, front: Front, body: bytes, trace: str | None) -> Answer:
    arn = prefix(front.region, front.account, STATE_MACHINE) + str(route.machine)
    try:
        text = body.decode() or "{}"
    except UnicodeDecodeError:
        return service_answer(400, {"__type": "InvalidExecutionInput", "message": "The body is no UTF-8 text"})
    operation = "StartSyncExecution" if route.sync else "StartExecution"
    try:
        answer = await front.api.call(operation, front.region, {"stateMachineArn": arn, "input": text}, trace)
        return service_answer(200, dict(answer))
    except ServiceFault as fault:
        return service_answer(fault.status, {"__type": fault.code, "message": fault.message})


def _request(route: GatewayRoute, request: Request, body: bytes) -> HttpRequest:
    path = request.url.path
    if route.stage != "$default":
        path = path.removeprefix(f"/{route.stage}") or "/"
    return HttpRequest(
        method=request.method,
        path=path,
        query=tuple(request.query_params.multi_items()),
        query_text=request.url.query,
        headers=tuple(request.headers.items()),
        body=body,
        parameters=tuple(str(request.path_params[f"p{index}"]) for index in range(len(route.parameters))),
        client=request.client.host if request.client else "127.0.0.1",
        protocol=f"HTTP/{request.scope.get('http_version', '1.1')}",
        time=time.time_ns() // 1_000_000,
    )


async def _read(request: Request) -> bytes | None:
    """The body; None where it is too long."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            return None
        parts.append(part)
    return b"".join(parts)


def _response(answer: Answer) -> Response:
    response = Response(answer.body, status_code=answer.status)
    for name, value in answer.headers:
        response.headers.append(name, value)
    return response
