"""A connection as Amazon EventBridge has it: how a request is authorised, and what is added to each.

Rules that must stay true here:
- A connection holds secrets: it is never shown, logged or put into an error; `secrets` are what must not come back.
- What a connection adds goes before what the task says (AWS Step Functions developer guide, "Merging EventBridge
  connection and HTTP Task definition data").
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Parameter:
    key: str
    value: str = field(repr=False)
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Parameters:
    """What is added to a request: headers, the query, members of the body."""

    headers: tuple[Parameter, ...] = ()
    query: tuple[Parameter, ...] = ()
    body: tuple[Parameter, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(one.value for one in (*self.headers, *self.query, *self.body) if one.secret)


@dataclass(frozen=True, slots=True)
class ApiKey:
    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Basic:
    username: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class OAuth:
    """Client credentials: the token is fetched from `endpoint`, by GET, POST or PUT."""

    endpoint: str
    method: Literal["GET", "POST", "PUT"]
    client_id: str
    client_secret: str = field(repr=False)
    parameters: Parameters = Parameters()


Authorization: TypeAlias = ApiKey | Basic | OAuth


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """`version` is another one after every change."""

    arn: str
    version: str
    authorization: Authorization
    parameters: Parameters = Parameters()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must not come back in a result or an error."""
        match self.authorization:
            case ApiKey(_, value):
                own: tuple[str, ...] = (value,)
            case Basic() as basic:
                own = (basic.password, basic.header.removeprefix("Basic "))
            case OAuth() as oauth:
                own = (oauth.client_secret, *oauth.parameters.secrets)
        return (*own, *self.parameters.secrets)


class ConnectionUnusable(Exception):
    """The connection is missing, or cannot be opened. `error` is AWS's name for the reason."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = f"Events.ConnectionResource.{error}"


class Connections(Protocol):
    """Where connections are found."""

    async def find(self, arn: str) -> Connection:
        """Raises ConnectionUnusable."""
        ...


class NoConnections:
    """There are none."""

    async def find(self, arn: str) -> Connection:
        raise ConnectionUnusable("ResourceNotFound", f"There is no connection {arn}.")


def as_members(parameters: tuple[Parameter, ...]) -> Mapping[str, str]:
    return {one.key: one.value for one in parameters}
