"""Who is told of executions, and what could not be delivered, for `stepwell notify` and for operators.

Rules that must stay true here:
- A foreign page cannot have executions told to itself, nor undo or repeat what was told: its origin is refused, and a
  body must be JSON, which a browser asks about first.
- A channel is shown as it was written: it names secrets, and holds none.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stepwell.api.arns import STATE_MACHINE, prefix
from stepwell.api.context import ApiContext
from stepwell.api.origins import own_pages
from stepwell.api.whole import whole
from stepwell.notify.channel import InvalidChannel
from stepwell.notify.declaration import rule_of
from stepwell.notify.declared import ENDS, DeclaredNotice
from stepwell.notify.post import Post
from stepwell.notify.rules import Rules
from stepwell.store.notices import DeliveryRow, RuleRow

_MAX_BODY = 65_536
_PAGE = 1_000


_Answer: TypeAlias = Callable[[Request], Awaitable[Response]]


class _Sent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule as it is sent; see `DeclaredNotice`."""

    machine: str = "*"
    webhook: str | None = None
    topic: str | None = None
    bus: str | None = None
    secret: str | None = None
    on: tuple[str, ...] = ENDS


def notification_routes(rules: Rules, post: Post, context: ApiContext) -> list[Route]:
    """The routes of a server, for `create_app`."""
    routes, own = _Notifications(rules, post, context), own_pages(context.allowed_hosts)

    def guarded(answer: _Answer) -> _Answer:
        async def answered(request: Request) -> Response:
            origin = request.headers.get("origin")
            if not own(origin):
                return _refused("AccessDeniedException", f"Pages of {origin} may not use notifications", 403)
            try:
                return await answer(request)
            except ClientDisconnect:
                return Response(status_code=400)  # nobody reads it

        return answered

    return [
        Route("/notifications/rules", guarded(routes.rules), methods=["GET"]),
        Route("/notifications/rules", guarded(routes.add), methods=["POST"]),
        Route("/notifications/rules/{id}", guarded(routes.remove), methods=["DELETE"]),
        Route("/notifications/dead", guarded(routes.dead), methods=["GET"]),
        Route("/notifications/dead", guarded(routes.drop), methods=["DELETE"]),
        Route("/notifications/dead/retry", guarded(routes.retry), methods=["POST"]),
        Route("/notifications/dead/{id}", guarded(routes.drop), methods=["DELETE"]),
        Route("/notifications/dead/{id}/retry", guarded(routes.retry), methods=["POST"]),
    ]


class _Notifications:
    def __init__(self, rules: Rules, post: Post, context: ApiContext) -> None:
        self._rules = rules
        self._post = post
        self._context = context

    async def rules(self, _: Request) -> Response:
        return JSONResponse({"rules": [_rule(row) for row in self._rules.rows]})

    async def add(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _refused("UnsupportedMediaType", "The Content-Type must be application/json", 415)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_BODY:
                return _refused("RequestTooLarge", f"A rule has at most {_MAX_BODY} bytes", 413)
        try:
            sent = msgspec.json.decode(body, type=_Sent)
            declared = DeclaredNotice(**msgspec.structs.asdict(sent))
            row = rule_of(declared, self._machine_arn, self._context.now())
        except (msgspec.DecodeError, UnicodeDecodeError, InvalidChannel) as fault:
            return _refused("ValidationException", str(fault), 400)
        return JSONResponse(_rule(await self._rules.add(row)))

    def _machine_arn(self, name: str) -> str:
        return prefix(self._context.region, self._context.account, STATE_MACHINE) + name

    async def remove(self, request: Request) -> Response:
        text = request.path_params["id"]
        number = whole(text)
        if number is not None and await self._rules.remove(number):
            return JSONResponse({})
        return _refused("ResourceNotFound", f"There is no rule {text}", 404)

    # -- the dead

    async def dead(self, request: Request) -> Response:
        text = request.query_params.get("after", "0")
        after = whole(text)
        if after is None:
            return _refused("ValidationException", f"after {text!r}: it takes a whole number", 400)
        rows = await self._context.store.notices.dead(after, _PAGE + 1)
        more = {"next": rows[_PAGE - 1].id} if len(rows) > _PAGE else {}
        return JSONResponse({"dead": [_delivery(row) for row in rows[:_PAGE]], **more})

    async def retry(self, request: Request) -> Response:
        return await self._counted(request, self._post.retry)

    async def drop(self, request: Request) -> Response:
        return await self._counted(request, self._context.store.notices.drop)

    async def _counted(self, request: Request, act: Callable[[int | None], Awaitable[int]]) -> Response:
        """What `act` does to one dead delivery, or to all."""
        text = request.path_params.get("id")
        number = None if text is None else whole(text)
        count = 0 if text is not None and number is None else await act(number)
        if text is not None and not count:
            return _refused("ResourceNotFound", f"There is no dead delivery {text}", 404)
        return JSONResponse({"count": count})


def _refused(shape: str, message: str, status: int) -> Response:
    return JSONResponse({"__type": shape, "message": message}, status)


def _rule(row: RuleRow) -> dict[str, object]:
    return {
        "id": row.id,
        "machine": row.machine,
        "on": list(row.statuses),
        **json.loads(row.channel),
        "declared": row.declared,
        "created": row.created / 1000,
    }


def _delivery(row: DeliveryRow) -> dict[str, object]:
    return {
        "id": row.id,
        "eventId": row.event_id,
        **json.loads(row.channel),
        "created": row.created / 1000,
        "died": None if row.died is None else row.died / 1000,
        "attempts": row.attempts,
        "error": row.error,
    }
