"""The parameters of a connection as EventBridge's API has them.

Rules that must stay true here:
- What is shown (`shown`) holds no secret; which members are secret is said here only.
- A member that the API has and this server does not use (`ConnectivityParameters`) is passed over.

See Amazon EventBridge API reference, "CreateConnectionAuthRequestParameters".
"""

from __future__ import annotations

from typing import Literal

import msgspec

from stepwell.language.values import Json
from stepwell.tasks.http.connection import ApiKey, Authorization, Basic, Connection, OAuth, Parameter, Parameters


class _Shape(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    pass


class _Parameter(_Shape, frozen=True):
    key: str
    value: str | None = None
    is_value_secret: bool = False


class HttpParameters(_Shape, frozen=True):
    header_parameters: tuple[_Parameter, ...] = ()
    query_string_parameters: tuple[_Parameter, ...] = ()
    body_parameters: tuple[_Parameter, ...] = ()

    def clear(self) -> Parameters:
        return Parameters(
            _clear(self.header_parameters), _clear(self.query_string_parameters), _clear(self.body_parameters)
        )

    def shown(self) -> HttpParameters:
        return HttpParameters(
            _shown(self.header_parameters), _shown(self.query_string_parameters), _shown(self.body_parameters)
        )


def _clear(given: tuple[_Parameter, ...]) -> tuple[Parameter, ...]:
    return tuple(Parameter(one.key, one.value or "", one.is_value_secret) for one in given)


def _shown(given: tuple[_Parameter, ...]) -> tuple[_Parameter, ...]:
    return tuple(_Parameter(one.key, None, True) if one.is_value_secret else one for one in given)


class _ApiKey(_Shape, frozen=True):
    api_key_name: str
    api_key_value: str | None = None


class _Basic(_Shape, frozen=True):
    username: str
    password: str | None = None


class _Client(_Shape, frozen=True):
    id: str = msgspec.field(name="ClientID")
    secret: str | None = msgspec.field(name="ClientSecret", default=None)


class _OAuth(_Shape, frozen=True):
    authorization_endpoint: str
    http_method: Literal["GET", "POST", "PUT"]
    client_parameters: _Client
    http_parameters: HttpParameters | None = msgspec.field(name="OAuthHttpParameters", default=None)


class AuthParameters(_Shape, frozen=True):
    api_key: _ApiKey | None = msgspec.field(name="ApiKeyAuthParameters", default=None)
    basic: _Basic | None = msgspec.field(name="BasicAuthParameters", default=None)
    oauth: _OAuth | None = msgspec.field(name="OAuthParameters", default=None)
    invocation: HttpParameters | None = msgspec.field(name="InvocationHttpParameters", default=None)

    def shown(self) -> AuthParameters:
        """Without what is secret."""
        oauth = self.oauth
        return AuthParameters(
            api_key=None if self.api_key is None else _ApiKey(self.api_key.api_key_name),
            basic=None if self.basic is None else _Basic(self.basic.username),
            oauth=None
            if oauth is None
            else _OAuth(
                oauth.authorization_endpoint,
                oauth.http_method,
                _Client(oauth.client_parameters.id),
                None if oauth.http_parameters is None else oauth.http_parameters.shown(),
            ),
            invocation=None if self.invocation is None else self.invocation.shown(),
        )

    def connection(self, arn: str, version: str, kind: str) -> Connection:
        """Raises ValueError where what the kind of authorization needs is missing."""
        invocation = self.invocation or HttpParameters()
        authorization = self._authorization(kind)
        return Connection(arn=arn, version=version, authorization=authorization, parameters=invocation.clear())

    def _authorization(self, kind: str) -> Authorization:
        if kind == "API_KEY" and self.api_key is not None and self.api_key.api_key_value is not None:
            return ApiKey(self.api_key.api_key_name, self.api_key.api_key_value)
        if kind == "BASIC" and self.basic is not None and self.basic.password is not None:
            return Basic(self.basic.username, self.basic.password)
        oauth = self.oauth
        if kind == "OAUTH_CLIENT_CREDENTIALS" and oauth is not None and oauth.client_parameters.secret is not None:
            client, more = oauth.client_parameters, oauth.http_parameters or HttpParameters()
            endpoint, method = oauth.authorization_endpoint, oauth.http_method
            return OAuth(endpoint, method, client.id, client.secret or "", more.clear())
        needed = {"API_KEY": "ApiKeyAuthParameters", "BASIC": "BasicAuthParameters"}.get(kind, "OAuthParameters")
        raise ValueError(f"AuthParameters.{needed} is required, with all of its members, for the type {kind}")


def read(given: Json) -> AuthParameters:
    """Raises msgspec.ValidationError, whose text names members and no value."""
    return msgspec.convert(given, AuthParameters)


def written(parameters: AuthParameters) -> dict[str, Json]:
    """By the names of the API; what is not there is left out."""
    found: dict[str, Json] = msgspec.to_builtins(parameters)
    return found
