"""The parameters of an `http:invoke` task as a request, with what its connection adds.

Rules that must stay true here:
- Headers that HTTP or AWS keep for themselves are refused (AWS Step Functions developer guide, "HTTP Task fields").
- What the connection says goes before what the task says.
"""

from __future__ import annotations

from typing import Final, cast

from msgspec import Struct

from stepwell.language.values import Json, dumps
from stepwell.tasks.http.client import MAX_RESPONSE, HttpRequest
from stepwell.tasks.http.connection import ApiKey, Basic, Connection, as_members
from stepwell.tasks.http.encoding import ARRAY_FORMATS, ArrayFormat, form_encoded, text_of
from stepwell.tasks.http.urls import with_query

METHODS: Final = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD")

_FORBIDDEN: Final = frozenset(
    {
        "a-im",
        "accept-charset",
        "accept-datetime",
        "accept-encoding",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-md5",
        "date",
        "expect",
        "forwarded",
        "from",
        "host",
        "http2-settings",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "max-forwards",
        "origin",
        "pragma",
        "proxy-authorization",
        "range",
        "referer",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
        "warning",
    }
)
_FORBIDDEN_BEGINNINGS: Final = ("x-forwarded-", "x-amz-", "x-amzn-")
_JSON: Final = "application/json;charset=UTF-8"
_FORM: Final = "application/x-www-form-urlencoded"


class Unusable(Exception):
    """The parameters cannot be used; `reasons` are AWS's sentences."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(", ".join(reasons))
        self.reasons = reasons


class HttpCall(Struct, frozen=True):
    """What a task asks for. `arrays` says how arrays in a URL-encoded body are named, None where it is not."""

    url: str
    method: str
    connection_arn: str | None
    headers: dict[str, str]
    query: dict[str, str | list[str]]
    body: Json
    has_body: bool
    arrays: ArrayFormat | None

    @classmethod
    def read(cls, given: Json) -> HttpCall:
        """Raises Unusable."""
        members = given if isinstance(given, dict) else {}
        reasons = [
            f"The field '{name}' is required but was missing"
            for name in ("ApiEndpoint", "Method")
            if members.get(name) is None
        ]
        reasons += [
            f"The value for the field '{name}' must be a STRING"
            for name in ("ApiEndpoint", "Method")
            if not isinstance(members.get(name), str | None)
        ]
        reasons += [f"The field '{name}' is not supported by Step Functions" for name in members.keys() - _FIELDS]
        if reasons:
            raise Unusable(*reasons)
        method = str(members["Method"]).upper()
        if method not in METHODS:
            raise Unusable(f"The value for the field 'Method' must be one of {', '.join(METHODS)}")
        return cls(
            url=str(members["ApiEndpoint"]),
            method=method,
            connection_arn=_connection_arn(members),
            headers=_headers(_object(members, "Headers")),
            query={name: _query_value(value) for name, value in _object(members, "QueryParameters").items()},
            body=members.get("RequestBody"),
            has_body=members.get("RequestBody") is not None,
            arrays=_arrays(members),
        )

    def request(self, connection: Connection | None, token: str | None, region: str) -> HttpRequest:
        """The request, authorised by the connection; `token` is that of OAuth. Raises Unusable."""
        headers = {
            "User-Agent": f"Amazon|StepFunctions|HttpInvoke|{region}",
            "Range": f"bytes=0-{MAX_RESPONSE}",
            **self.headers,
        }
        query, body = dict(self.query), self.body
        if connection is not None:
            for one in connection.parameters.headers:
                _put(headers, one.key, one.value)
            query |= as_members(connection.parameters.query)
            body = self._with(connection)
            match connection.authorization:
                case ApiKey(name, value):
                    _put(headers, name, value)
                case Basic() as basic:
                    _put(headers, "Authorization", basic.header)
                case _:
                    _put(headers, "Authorization", f"Bearer {token}")
        content = None
        if body is not None:
            content = self._content(headers, body)
        return HttpRequest(self.method, with_query(self.url, query), tuple(headers.items()), content)

    def _with(self, connection: Connection) -> Json:
        added = connection.parameters.body
        if not added:
            return self.body
        if self.has_body and not isinstance(self.body, dict):
            raise Unusable("The connection has body parameters, so the field 'RequestBody' must be an OBJECT")
        own = self.body if isinstance(self.body, dict) else {}
        return {**own, **as_members(added)}

    def _content(self, headers: dict[str, str], body: Json) -> bytes:
        """The body's bytes; its type is put into the headers where they have none."""
        if self.arrays is not None:
            _put(headers, "Content-Type", _FORM)
            try:
                return form_encoded(body, self.arrays).encode()
            except ValueError as error:
                raise Unusable(f"The value of the field 'RequestBody' has an invalid format: {error}") from error
        kind = next((value for name, value in headers.items() if name.lower() == "content-type"), None)
        if kind is None:
            headers["Content-Type"] = kind = _JSON
        if isinstance(body, str) and "json" not in kind.lower():
            return body.encode()
        return dumps(body).encode()


_FIELDS: Final = frozenset(
    (
        "ApiEndpoint",
        "Authentication",
        "Headers",
        "InvocationConfig",
        "Method",
        "QueryParameters",
        "RequestBody",
        "Transform",
    )
)


def _put(headers: dict[str, str], name: str, value: str) -> None:
    """Set a header, in the place of one whose name differs in capitals only."""
    for known in [known for known in headers if known.lower() == name.lower()]:
        del headers[known]
    headers[name] = value


def _object(members: dict[str, Json], name: str) -> dict[str, Json]:
    value = members.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Unusable(f"The value for the field '{name}' must be an OBJECT")
    return value


def _connection_arn(members: dict[str, Json]) -> str | None:
    for field in ("Authentication", "InvocationConfig"):
        arn = _object(members, field).get("ConnectionArn")
        if isinstance(arn, str):
            return arn
        if arn is not None:
            raise Unusable("The value for the field 'ConnectionArn' must be a STRING")
    raise Unusable("The field 'ConnectionArn' is required but was missing")


def _headers(given: dict[str, Json]) -> dict[str, str]:
    refused = [name for name in given if name.lower() in _FORBIDDEN or name.lower().startswith(_FORBIDDEN_BEGINNINGS)]
    if refused:
        raise Unusable(*(f"The header '{name}' cannot be set in the field 'Headers'" for name in refused))
    return {
        name: ",".join(map(text_of, value)) if isinstance(value, list) else text_of(value)
        for name, value in given.items()
    }


def _query_value(value: Json) -> str | list[str]:
    return [text_of(item) for item in value] if isinstance(value, list) else text_of(value)


def _arrays(members: dict[str, Json]) -> ArrayFormat | None:
    transform = _object(members, "Transform")
    encoding = transform.get("RequestBodyEncoding")
    if encoding not in (None, "NONE", "URL_ENCODED"):
        raise Unusable("The value for the field 'RequestBodyEncoding' must be one of NONE, URL_ENCODED")
    arrays = _object(transform, "RequestEncodingOptions").get("ArrayFormat", "INDICES")
    if arrays not in ARRAY_FORMATS:
        raise Unusable(f"The value for the field 'ArrayFormat' must be one of {', '.join(ARRAY_FORMATS)}")
    return cast(ArrayFormat, arrays) if encoding == "URL_ENCODED" else None
