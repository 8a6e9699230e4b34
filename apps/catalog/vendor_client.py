"""The vendor's API as this app uses it.

Rules that must stay true here:
- No message of an error holds a token, or text that the vendor sent.
- A lost answer may be asked for again: creating a catalog with `apply=true` twice is the same as once.
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from apps.catalog.settings import Settings

TIMEOUT_SECONDS = 10.0
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


class VendorError(Exception):
    """The vendor could not be reached, or answered with an error."""


class TokenRejected(VendorError):
    """The vendor does not take the token: it has expired, or was never good."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What calls the vendor in the caller's name. `refresh` is None where the vendor gave none."""

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Build:
    """How far the vendor is: both names are non-empty when the catalog is ready."""

    kb_name: str
    data_source_name: str

    @property
    def ready(self) -> bool:
        return bool(self.kb_name and self.data_source_name)


@dataclass(frozen=True, slots=True)
class Vendor:
    """One session with the vendor; get it from `vendor()`."""

    http: httpx.AsyncClient
    client: tuple[str, str]

    async def create(self, name: str, token: str) -> None:
        """Have a catalog built; answers at once. A lost answer is asked for once more. Raises VendorError."""
        request = self.http.build_request(
            "POST", "/api/v1/catalogs", params={"apply": "true"}, json={"name": name}, headers=_bearer(token)
        )
        try:
            _check(await self.http.send(request))
        except httpx.RemoteProtocolError:
            _check(await self.http.send(request))

    async def status(self, name: str, token: str) -> Build:
        """How far the build of a catalog is. Raises VendorError."""
        response = await self.http.get(f"/api/v1/catalogs/{name}", headers=_bearer(token))
        catalog = _json(_check(response))
        return Build(str(catalog.get("kb_name") or ""), str(catalog.get("data_source_name") or ""))

    async def exchange(self, token: str) -> Tokens:
        """The caller's token with a refresh token beside it, to work on when the caller has gone (RFC 8693).

        Raises VendorError.
        """
        form = {
            "grant_type": _EXCHANGE,
            "subject_token": token,
            "subject_token_type": _ACCESS_TOKEN,
            "scope": "offline_access",
        }
        return _tokens(_check(await self.http.post("/oauth/token", data=form, auth=self.client)))

    async def refresh(self, refresh_token: str) -> Tokens:
        """A new access token (RFC 6749, section 6). Raises VendorError."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        fresh = _tokens(_check(await self.http.post("/oauth/token", data=form, auth=self.client)))
        return Tokens(fresh.access, fresh.refresh or refresh_token)


@asynccontextmanager
async def vendor(settings: Settings) -> AsyncIterator[Vendor]:
    """A session with the vendor. Every failure of transport inside it becomes a VendorError."""
    async with httpx.AsyncClient(base_url=settings.vendor_url, timeout=TIMEOUT_SECONDS, verify=_tls()) as http:
        try:
            yield Vendor(http, settings.vendor_client)
        except httpx.TransportError as error:
            raise VendorError(f"the vendor cannot be reached: {type(error).__name__}") from None


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # takes 20 ms to build, so once a process


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _check(response: httpx.Response) -> httpx.Response:
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise TokenRejected("the vendor does not take the token")
    if response.is_error:
        raise VendorError(f"the vendor answered {response.status_code}")
    return response


def _tokens(response: httpx.Response) -> Tokens:
    answer = _json(response)
    access, refresh = answer.get("access_token"), answer.get("refresh_token")
    if not isinstance(access, str):
        raise VendorError("the vendor's answer holds no access token")
    return Tokens(access, refresh if isinstance(refresh, str) else None)


def _json(response: httpx.Response) -> dict[str, object]:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise VendorError("the vendor's answer is no JSON object")
    return answer
