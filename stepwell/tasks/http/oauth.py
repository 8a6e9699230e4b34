"""Tokens by OAuth client credentials, fetched when they are needed and kept while they are good.

Rules that must stay true here:
- Many tasks that need the same token wait for one request.
- A token is in memory only, and goes with the version of its connection.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from stepwell.language.values import Json, dumps, loads
from stepwell.tasks.http.client import BadRequest, HttpAnswer, HttpRequest, NoAnswer, send
from stepwell.tasks.http.connection import Connection, ConnectionUnusable, OAuth, as_members
from stepwell.tasks.http.encoding import form_encoded
from stepwell.tasks.http.targets import NotAllowed, Targets, Unresolved
from stepwell.tasks.http.urls import with_query

_EARLY: Final = 30.0  # seconds before its end at which a token is no longer used
_UNTOLD: Final = 300.0  # seconds that a token is good for where its server does not say
_KEPT: Final = 1_000  # tokens


@dataclass(frozen=True, slots=True)
class Token:
    text: str = field(repr=False)
    until: float


class Tokens:
    """`clock` is a monotonic one, in seconds."""

    def __init__(self, targets: Targets, clock: Callable[[], float] = time.monotonic) -> None:
        self._targets = targets
        self._clock = clock
        self._found: OrderedDict[tuple[str, str], Token] = OrderedDict()
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    async def token(self, connection: Connection, oauth: OAuth, *, but: str | None = None) -> str:
        """A token that is good, and is not `but`, which was refused. Raises ConnectionUnusable, NotInstalled."""
        key = (connection.arn, connection.version)
        lock = self._locks.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                found = self._found.get(key)
                if found is None or found.until <= self._clock() or found.text == but:
                    found = self._found[key] = await self._fetched(oauth)
                    while len(self._found) > _KEPT:
                        self._found.popitem(last=False)
                return found.text
        finally:
            if not lock.locked():
                self._locks.pop(key, None)

    async def _fetched(self, oauth: OAuth) -> Token:
        try:
            target = await self._targets.find(oauth.endpoint)
            answer = await send(_request(oauth), target)
        except (NotAllowed, Unresolved, NoAnswer, BadRequest, ValueError) as error:
            raise _unusable(str(error)) from error
        return _token(answer, self._clock())


def _request(oauth: OAuth) -> HttpRequest:
    credentials = {"client_id": oauth.client_id, "client_secret": oauth.client_secret}
    headers = dict(as_members(oauth.parameters.headers))
    body: dict[str, Json] = {"grant_type": "client_credentials", **credentials, **as_members(oauth.parameters.body)}
    query = dict(as_members(oauth.parameters.query))
    if oauth.method == "GET":
        url = with_query(oauth.endpoint, {**query, **{name: str(value) for name, value in body.items()}})
        return HttpRequest("GET", url, tuple(headers.items()))
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), None)
    if kind is None:
        headers["Content-Type"] = kind = "application/x-www-form-urlencoded"
    text = dumps(body) if "json" in kind.lower() else form_encoded(body, "REPEAT")
    return HttpRequest(oauth.method, with_query(oauth.endpoint, query), tuple(headers.items()), text.encode())


def _token(answer: HttpAnswer, now: float) -> Token:
    if answer.status != 200:
        raise _unusable(f"the authorization endpoint answered {answer.status}")
    try:
        given = loads(answer.body.decode())
    except ValueError:
        given = None
    text = given.get("access_token") if isinstance(given, dict) else None
    if not isinstance(text, str) or not isinstance(given, dict):
        raise _unusable("the authorization endpoint answered no access_token")
    seconds = given.get("expires_in")
    try:
        lifetime = float(seconds) if isinstance(seconds, int | float | str) else _UNTOLD
    except ValueError:
        lifetime = _UNTOLD
    return Token(text, now + max(0.0, lifetime - _EARLY))


def _unusable(why: str) -> ConnectionUnusable:
    return ConnectionUnusable("InvalidConnectionState", f"The connection could not be authorized: {why}.")
