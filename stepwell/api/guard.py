"""The layer in front of all routes that asks who is calling, where the server is set up to ask.

Rules that must stay true here:
- A request goes on with its caller in its scope (`stepwell.auth.caller.caller_of`), or it is answered here.
- The body of a signed request is read once, up to a limit, and only when the rest of its signature is right.
- An AWS client is refused in the form of its protocol, any other by a problem (RFC 9457) with a challenge (RFC 6750).
- A browser's preflight carries no credential and is let through: it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stepwell.api.doors import Door, doors
from stepwell.api.endpoint import ClientGone, read_body
from stepwell.api.faults import ApiFault
from stepwell.api.permissions import denied, reads
from stepwell.auth.caller import SCOPE_KEY, STRANGER, Caller
from stepwell.auth.opening import Auth
from stepwell.auth.refusal import BearerRefused, KeysUnavailable, SignatureRefused
from stepwell.auth.signatures import SignedRequest

LARGEST: Final = 6 * 1024 * 1024 + 65_536
"""Bytes of a signed request: an event of AWS Lambda is the largest."""

_CORAL: Final = "com.amazon.coral.service#"
_MISSING: Final = "MissingAuthenticationTokenException"


def guarded(app: ASGIApp, auth: Auth, account: str, mounts: Mapping[str, bool], routes: Iterable[str] = ()) -> ASGIApp:
    """An application that asks who is calling before `app`. `mounts`, `routes`: see `doors`."""
    find = doors(mounts, routes)
    gate = _Gate(app, auth, account)

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/":
            target, *more = [value for name, value in scope["headers"] if name == b"x-amz-target"] or [b""]
            if more:  # whoever reads the request further in might take the other one
                await _refuse_aws(send, target, "IncompleteSignatureException", "'X-Amz-Target' must not be repeated.")
                return
        else:
            target = b""  # the path tells the operation, whatever the header says
        door = find(scope, target)
        if door.credential == "none" or _is_preflight(scope):
            await app(_known(scope, STRANGER), receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif _is_signed(scope, door):
            await gate.signed(door, target, scope, receive, send)
        else:
            await gate.bearer(door, scope, receive, send)

    return guard


class _Gate:
    def __init__(self, app: ASGIApp, auth: Auth, account: str) -> None:
        self._app = app
        self._auth = auth
        self._account = account

    async def signed(self, door: Door, target: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        request = _signed_request(scope)
        try:
            claim = self._auth.signatures.claim(request, door.service)
            length = request.headers.get("content-length", "")
            body = await read_body(receive, length.encode("latin-1"), LARGEST)
            caller = self._auth.signatures.verify(claim, request, body)
        except SignatureRefused as refused:
            await _refuse_aws(send, target, refused.shape, refused.message)
            return
        except ApiFault as fault:
            await _refuse_aws(send, target, fault.shape, fault.message, fault.status)
            return
        except ClientGone:
            return
        if caller.role != "full" and not reads(scope, target):
            text = denied(scope, target, body, caller.name, claim.service, claim.region, self._account)
            await _refuse_aws(send, target, "AccessDeniedException", text)
            return
        await self._app(_known(scope, caller), _again(body, receive), send)

    async def bearer(self, door: Door, scope: Scope, receive: Receive, send: Send) -> None:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        try:
            caller = await self._auth.bearers.caller(given.decode("latin-1"))
            if caller.role != "full" and not reads(scope, b""):
                raise BearerRefused("insufficient_scope", f"{caller.name!r} may only read".replace('"', "'"))
        except BearerRefused as refused:
            challenge = (b"www-authenticate", refused.challenge.encode("latin-1", "replace"))
            # `stepwell` commands sign when they are told that a signature would do.
            more = {"__type": _MISSING} if door.credential == "either" and refused.error is None else {}
            await _problem(send, refused.status, refused.message, challenge, **more)
        except KeysUnavailable as unavailable:
            detail = "Tokens cannot be verified at the moment: their issuer's keys cannot be read"
            await _problem(send, 503, detail, (b"retry-after", b"%d" % unavailable.retry_after))
        else:
            await self._app(_known(scope, caller), receive, send)


def _signed_request(scope: Scope) -> SignedRequest:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    return SignedRequest(scope["method"], path, query, headers)


def _is_signed(scope: Scope, door: Door) -> bool:
    if door.credential == "either":
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        return given.startswith(b"AWS4") or b"X-Amz-Signature=" in scope["query_string"]
    return door.credential == "sigv4"


def _is_preflight(scope: Scope) -> bool:
    return scope.get("method") == "OPTIONS" and any(
        name == b"access-control-request-method" for name, _ in scope["headers"]
    )


def _known(scope: Scope, caller: Caller) -> Scope:
    return {**scope, SCOPE_KEY: caller}


def _again(body: bytes, receive: Receive) -> Receive:
    """What hands out a body that has been read, and then what comes behind it."""
    whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return whole.pop() if whole else await receive()

    return next_message


async def _refuse_aws(send: Send, target: bytes, shape: str, message: str, status: int | None = None) -> None:
    """As AWS's services answer: 400 with the type in the body where a target names the operation, else 403 with the
    type in a header."""
    body = {"__type": _CORAL + shape, "message": message}
    kind = b"application/x-amz-json-1.0" if target else b"application/json"
    if not target and shape == "AccessDeniedException":
        body["Message"] = body.pop("message")
    await _answer(
        send, status or (400 if target else 403), orjson.dumps(body), kind, [(b"x-amzn-errortype", shape.encode())]
    )


async def _problem(send: Send, status: int, detail: str, header: tuple[bytes, bytes], **members: str) -> None:
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}
    await _answer(send, status, orjson.dumps(body), b"application/problem+json", [header])


async def _answer(send: Send, status: int, payload: bytes, kind: bytes, more: list[tuple[bytes, bytes]]) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(payload)), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": payload})
