"""Connections as an app declares them.

Rules that must stay true here:
- An app holds no secret: it names the environment variable that does, which the server reads when it starts.
- Only light modules of the standard library are imported: worker processes import app modules, and these this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Secret:
    """The value of an environment variable of the server."""

    variable: str


Value: TypeAlias = str | Secret


@dataclass(frozen=True, slots=True)
class ApiKeyHeader:
    """A key that is sent in a header."""

    name: str
    value: Secret


@dataclass(frozen=True, slots=True)
class BasicLogin:
    """A user's name and password."""

    username: str
    password: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """Client credentials of OAuth: `endpoint` is where tokens are issued."""

    endpoint: str
    client_id: str
    client_secret: Secret
    method: Literal["GET", "POST", "PUT"] = "POST"
    headers: Mapping[str, Value] = field(default_factory=dict)
    query: Mapping[str, Value] = field(default_factory=dict)
    body: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredConnection:
    """A connection. `headers`, `query` and `body` are added to every request."""

    name: str
    authorization: ApiKeyHeader | BasicLogin | OAuthClient
    description: str | None = None
    headers: Mapping[str, Value] = field(default_factory=dict)
    query: Mapping[str, Value] = field(default_factory=dict)
    body: Mapping[str, Value] = field(default_factory=dict)

    def missing(self, environ: Mapping[str, str]) -> list[str]:
        """The variables that it names and that are not set."""
        named = dict.fromkeys(secret.variable for secret in self._secrets())
        return [variable for variable in named if not environ.get(variable)]

    def _secrets(self) -> Iterator[Secret]:
        parts: list[Mapping[str, Value]] = [self.headers, self.query, self.body]
        match self.authorization:
            case ApiKeyHeader(_, value):
                yield value
            case BasicLogin(_, password):
                yield password
            case OAuthClient() as oauth:
                yield oauth.client_secret
                parts += [oauth.headers, oauth.query, oauth.body]
        for part in parts:
            yield from (value for value in part.values() if isinstance(value, Secret))

    def members(self, environ: Mapping[str, str]) -> dict[str, Any]:
        """The members of EventBridge's CreateConnection. All variables have to be set (`missing`)."""

        def parameters(headers: Mapping[str, Value], query: Mapping[str, Value], body: Mapping[str, Value]) -> Any:
            kinds = {"HeaderParameters": headers, "QueryStringParameters": query, "BodyParameters": body}
            return {kind: [one(name, value) for name, value in given.items()] for kind, given in kinds.items() if given}

        def one(name: str, value: Value) -> Any:
            secret = isinstance(value, Secret)
            return {"Key": name, "Value": clear(value), "IsValueSecret": secret}

        def clear(value: Value) -> str:
            return environ[value.variable] if isinstance(value, Secret) else value

        own: dict[str, Any]
        match self.authorization:
            case ApiKeyHeader(name, key):
                kind, own = "API_KEY", {"ApiKeyAuthParameters": {"ApiKeyName": name, "ApiKeyValue": clear(key)}}
            case BasicLogin(username, password):
                kind = "BASIC"
                own = {"BasicAuthParameters": {"Username": username, "Password": clear(password)}}
            case OAuthClient() as oauth:
                kind = "OAUTH_CLIENT_CREDENTIALS"
                client = {"ClientID": oauth.client_id, "ClientSecret": clear(oauth.client_secret)}
                own = {
                    "OAuthParameters": {
                        "AuthorizationEndpoint": oauth.endpoint,
                        "HttpMethod": oauth.method,
                        "ClientParameters": client,
                        "OAuthHttpParameters": parameters(oauth.headers, oauth.query, oauth.body),
                    }
                }
        own["InvocationHttpParameters"] = parameters(self.headers, self.query, self.body)
        more = {} if self.description is None else {"Description": self.description}
        return {"Name": self.name, "AuthorizationType": kind, "AuthParameters": own, **more}


class ConnectionDeclarations:
    """The connections of an app."""

    def __init__(self) -> None:
        self._connections: dict[str, DeclaredConnection] = {}

    @property
    def connections(self) -> Mapping[str, DeclaredConnection]:
        """The connections by name."""
        return self._connections

    def connection(
        self,
        name: str,
        authorization: ApiKeyHeader | BasicLogin | OAuthClient,
        *,
        headers: Mapping[str, Value] | None = None,
        query: Mapping[str, Value] | None = None,
        body: Mapping[str, Value] | None = None,
        description: str | None = None,
    ) -> None:
        """Declare a connection for `http:invoke`: how its requests are authorised, and what is added to each.

        A definition names it by `${nameConnectionArn}`. What is secret is a `Secret`, which names a variable of the
        server's environment. docs/http.md tells more. Raises ValueError where the name is taken.
        """
        if name in self._connections:
            raise ValueError(f"There are two connections named {name!r}. Give one of them another name.")
        self._connections[name] = DeclaredConnection(
            name=name,
            authorization=authorization,
            description=description,
            headers=dict(headers or {}),
            query=dict(query or {}),
            body=dict(body or {}),
        )
