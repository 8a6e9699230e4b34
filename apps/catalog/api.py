"""The backend's own HTTP routes.

    POST /api/catalogs          {"catalog_name": …}   201  {"catalog": row, "execution_arn": … or null, "message": …}
    GET  /api/catalogs/{name}                         200  {"catalog": row}

Both take the caller's JWT in `Authorization: Bearer`. An error is `{"message": …}`.

Rules that must stay true here:
- The vendor is asked first: no row without a catalog.
- A workflow that cannot be started takes nothing back; the answer says so, and posting the same again starts it.
- A 401 says what the caller can do about it, and nothing more.
"""

from __future__ import annotations

import asyncio
import logging
import re

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OctKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from apps.catalog import database
from apps.catalog.poller import PollNotStarted, start_poll
from apps.catalog.settings import NotConfigured, Settings
from apps.catalog.vendor_client import TokenRejected, Tokens, Vendor, VendorError, vendor

log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_CLAIMS = jwt.JWTClaimsRegistry(exp={"essential": True})


class Unauthorized(Exception):
    """The caller has no token that is good; the message says why."""


class BadRequest(Exception):
    """The body is not what is asked for; the message says what is."""


async def create_catalog(request: Request) -> Response:
    """Have the vendor build a catalog, write its row, start the poll, answer at once."""
    settings = Settings.from_environment()
    token = _caller_token(request, settings)
    name = await _catalog_name(request)
    async with vendor(settings) as session:
        await session.create(name, token)
        tokens = await _lasting(session, token)
    row, arn, message = await asyncio.to_thread(_record_and_start, settings, name, tokens)
    return JSONResponse({"catalog": row, "execution_arn": arn, "message": message}, 201)


async def show_catalog(request: Request) -> Response:
    """The row of a catalog."""
    settings = Settings.from_environment()
    _caller_token(request, settings)
    name = request.path_params["name"]
    row = await asyncio.to_thread(database.find_catalog, settings.database, name)
    if row is None:
        return JSONResponse({"message": f"There is no catalog {name}."}, 404)
    return JSONResponse({"catalog": row})


def _record_and_start(settings: Settings, name: str, tokens: Tokens) -> tuple[database.CatalogRow, str | None, str]:
    row = database.create_catalog(settings.database, name)
    if row["knowledge_base_id"]:
        return row, None, "The catalog is ready."
    try:
        return row, start_poll(row, tokens), "The catalog is being built; its row is filled when it is ready."
    except PollNotStarted as error:
        return row, None, f"The catalog is created, but its workflow could not be started: {error}."


async def _lasting(session: Vendor, token: str) -> Tokens:
    """The caller's token, with one to refresh it where the vendor gives it; a short poll works without."""
    try:
        return Tokens(token, (await session.exchange(token)).refresh)
    except VendorError as error:
        log.warning("no refresh token, the poll ends with the caller's token: %s", error)
        return Tokens(token, None)


def _caller_token(request: Request, settings: Settings) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("A bearer token is needed.")
    try:
        _CLAIMS.validate(jwt.decode(token, OctKey.import_key(settings.jwt_key), algorithms=["HS256"]).claims)
    except ExpiredTokenError:
        raise Unauthorized("The token has expired.") from None
    except (JoseError, ValueError):
        raise Unauthorized("The token is not valid.") from None
    return token


async def _catalog_name(request: Request) -> str:
    try:
        body = await request.json()
    except ValueError:
        body = None
    name = body.get("catalog_name") if isinstance(body, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadRequest("catalog_name is needed: 1 to 63 letters, digits, '-' and '_', a letter or digit first.")
    return name


def _answer(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"message": message}, status, headers)


async def _unauthorized(_: Request, error: Exception) -> Response:
    return _answer(401, str(error), {"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{error}"'})


async def _bad_request(_: Request, error: Exception) -> Response:
    return _answer(400, str(error))


async def _vendor_failed(_: Request, error: Exception) -> Response:
    log.warning("a catalog was not created: %s", error)
    return _answer(502, f"The catalog was not created: {error}.")


async def _vendor_rejects(request: Request, _: Exception) -> Response:
    return await _unauthorized(request, Unauthorized("The vendor does not take the token."))


async def _not_configured(_: Request, error: Exception) -> Response:
    log.error("the catalog app is not set up: %s", error)
    return _answer(500, "The catalog app is not set up.")


api = Starlette(
    routes=[
        Route("/catalogs", create_catalog, methods=["POST"]),
        Route("/catalogs/{name}", show_catalog),
    ],
    exception_handlers={
        Unauthorized: _unauthorized,
        BadRequest: _bad_request,
        TokenRejected: _vendor_rejects,
        VendorError: _vendor_failed,
        NotConfigured: _not_configured,
    },
)
