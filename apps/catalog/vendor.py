"""A stand-in for the vendor: a real HTTP server that speaks the vendor's protocol.

    POST /api/v1/catalogs?apply=true  {"name": …}  201  the catalog; 200 when it is there already
    GET  /api/v1/catalogs/{name}                   200  {"id", "name", "status", "kb_name", "data_source_name"}
    POST /oauth/token                              200  grants client_credentials, token exchange, refresh_token

The API wants a JWT (`Authorization: Bearer`), the token route the client's id and secret (HTTP Basic). Without
`apply=true` a catalog is only checked, not built. `PUT /control` makes it misbehave; it is for tests and the demo:

    {"build_seconds": 60, "delay_seconds": 2, "fail_next": [500, 429], "lose_next": 1}

Run it with `python -m apps.catalog.vendor --port 9100`; `VENDOR_JWT_KEY`, `VENDOR_CLIENT_ID` and `VENDOR_CLIENT_SECRET`
must be set, `VENDOR_BUILD_SECONDS` (25) and `VENDOR_TOKEN_SECONDS` (3600) may be.

Rules that must stay true here:
- It knows nothing of the app: only what a vendor's server would know.
- A lost answer is lost after the work is done, as on a real network.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import uvicorn
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_CLAIMS = jwt.JWTClaimsRegistry(exp={"essential": True}, sub={"essential": True})


@dataclass
class Behaviour:
    """How the API behaves: `fail_next` are the statuses of the next answers, `lose_next` says how many are lost."""

    build_seconds: float
    delay_seconds: float = 0
    fail_next: list[int] = field(default_factory=list)
    lose_next: int = 0


class VendorServer:
    """The vendor's whole state, in memory, and its routes."""

    def __init__(
        self,
        jwt_key: str,
        client: tuple[str, str],
        build_seconds: float = 25,
        token_seconds: int = 3600,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.behaviour = Behaviour(build_seconds)
        self._key = OctKey.import_key(jwt_key)
        self._client = client
        self._token_seconds = token_seconds
        self._clock = clock
        self._catalogs: dict[str, tuple[str, float]] = {}  # name: (id, when its build began, by the clock)
        self._refresh_tokens: dict[str, str] = {}  # refresh token: subject

    def asgi(self) -> ASGIApp:
        """The server as an ASGI app."""
        routes = [
            Route("/api/v1/catalogs", self._create, methods=["POST"]),
            Route("/api/v1/catalogs/{name}", self._show),
            Route("/oauth/token", self._token, methods=["POST"]),
            Route("/control", self._control, methods=["PUT"]),
        ]
        return Misbehaving(Starlette(routes=routes), self.behaviour)

    def issue(self, subject: str, seconds: int | None = None) -> str:
        """A token for `subject` that lives for `seconds`."""
        now = int(time.time())
        lifetime = self._token_seconds if seconds is None else seconds
        claims = {"sub": subject, "iat": now, "exp": now + lifetime, "jti": str(uuid.uuid4())}
        return jwt.encode({"alg": "HS256"}, claims, self._key)

    async def _create(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        name = (await request.json()).get("name")
        if not isinstance(name, str) or not name:
            return _error(422, "name is needed")
        if request.query_params.get("apply") != "true":
            return JSONResponse({"name": name, "status": "VALID"})
        known = name in self._catalogs
        self._catalogs.setdefault(name, (f"cat-{secrets.token_hex(6)}", self._clock()))
        return JSONResponse(self._catalog(name), 200 if known else 201)

    async def _show(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        name = request.path_params["name"]
        return JSONResponse(self._catalog(name)) if name in self._catalogs else _error(404, f"no catalog {name}")

    async def _token(self, request: Request) -> Response:
        basic = base64.b64encode(":".join(self._client).encode()).decode()
        if not secrets.compare_digest(request.headers.get("Authorization", ""), f"Basic {basic}"):
            return _refused("invalid_client", 401)
        form = dict(parse_qsl((await request.body()).decode()))
        grant = form.get("grant_type")
        if grant == "client_credentials":
            return JSONResponse(self._grant("operator"))
        if grant == "refresh_token":
            subject = self._refresh_tokens.get(form.get("refresh_token", ""))
            return _refused("invalid_grant") if subject is None else JSONResponse(self._grant(subject))
        if grant == _EXCHANGE:
            subject = self._subject(form.get("subject_token", ""))
            if subject is None:
                return _refused("invalid_grant")
            refresh_token = secrets.token_urlsafe(32)
            self._refresh_tokens[refresh_token] = subject
            return JSONResponse({**self._grant(subject), "refresh_token": refresh_token})
        return _refused("unsupported_grant_type")

    async def _control(self, request: Request) -> Response:
        wishes = await request.json()
        if unknown := wishes.keys() - vars(self.behaviour).keys():
            return _error(422, f"there is no {', '.join(sorted(unknown))}")
        vars(self.behaviour).update(wishes)
        return Response(status_code=204)

    def _catalog(self, name: str) -> dict[str, str]:
        """A catalog as it stands: the knowledge base is named first, its data source when all is built."""
        catalog_id, began = self._catalogs[name]
        done = (self._clock() - began) / self.behaviour.build_seconds if self.behaviour.build_seconds else 1.0
        return {
            "id": catalog_id,
            "name": name,
            "status": "READY" if done >= 1 else "BUILDING",
            "kb_name": f"kb-{name}" if done >= 0.5 else "",
            "data_source_name": f"ds-{name}" if done >= 1 else "",
        }

    def _grant(self, subject: str) -> dict[str, object]:
        token = self.issue(subject)
        return {"access_token": token, "token_type": "Bearer", "expires_in": self._token_seconds}

    def _subject(self, token: str) -> str | None:
        """Whose token it is, None when it is not good."""
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"]).claims
            _CLAIMS.validate(claims)
        except (JoseError, ValueError):
            return None
        return str(claims["sub"])

    def _refusal(self, request: Request) -> Response | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer" and self._subject(token) is not None:
            return None
        return _error(401, "the token is missing, not valid, or has expired")


class Misbehaving:
    """Puts delays, failures and lost answers in front of the API."""

    def __init__(self, inner: ASGIApp, behaviour: Behaviour) -> None:
        self._inner = inner
        self._behaviour = behaviour

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._inner(scope, receive, send)
            return
        await asyncio.sleep(self._behaviour.delay_seconds)
        if self._behaviour.fail_next:
            await _error(self._behaviour.fail_next.pop(0), "as you wished")(scope, receive, send)
        elif self._behaviour.lose_next > 0:
            self._behaviour.lose_next -= 1
            await self._inner(scope, receive, _headers_only(send))
        else:
            await self._inner(scope, receive, send)


def _headers_only(send: Send) -> Send:
    """Sends a body's headers and never the body: the server then cuts the connection."""

    async def lossy(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)

    return lossy


def _refused(error: str, status: int = 400) -> Response:
    return JSONResponse({"error": error}, status)


def _error(status: int, message: str) -> Response:
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "1"}}.get(status)
    return JSONResponse({"error": {"message": message}}, status, headers)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m apps.catalog.vendor")
    parser.add_argument("--port", type=int, default=9100)
    port = parser.parse_args().port
    server = VendorServer(
        os.environ["VENDOR_JWT_KEY"],
        (os.environ["VENDOR_CLIENT_ID"], os.environ["VENDOR_CLIENT_SECRET"]),
        float(os.environ.get("VENDOR_BUILD_SECONDS", "25")),
        int(os.environ.get("VENDOR_TOKEN_SECONDS", "3600")),
    )
    uvicorn.run(server.asgi(), port=port, log_level="warning")


if __name__ == "__main__":
    main()
