"""From an HTTP request to the event that API Gateway hands to a function.

Rules that must stay true here:
- A member that has nothing to say is null in format 1.0, and left out in format 2.0.
- A body that is text is handed on as it is; any other is base64.

See the API Gateway developer guide: "Input format of a Lambda function for proxy integration", and "Create AWS Lambda
proxy integrations for HTTP APIs".
"""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Sequence
from urllib.parse import unquote

from msgspec import Struct

from stepwell.api.gateway.route import GatewayRoute
from stepwell.language.values import Json

Pairs = Sequence[tuple[str, str]]


class HttpRequest(Struct, frozen=True, kw_only=True):
    """A request as it came. `path` is below the stage, decoded once; `parameters` are the path's, in order; `time` is
    in milliseconds since 1970."""

    method: str
    path: str
    query: Pairs
    query_text: str
    headers: Pairs
    body: bytes
    parameters: tuple[str, ...]
    client: str
    protocol: str
    time: int

    def header(self, name: str) -> str:
        """The last header of this name (lower case); empty where there is none."""
        return next((value for key, value in reversed(self.headers) if key.lower() == name), "")


def event_of(route: GatewayRoute, request: HttpRequest, account: str) -> dict[str, Json]:
    """The event that the route's function gets."""
    return _version_2(route, request, account) if route.payload == "2.0" else _version_1(route, request, account)


def _version_1(route: GatewayRoute, request: HttpRequest, account: str) -> dict[str, Json]:
    body, is_base64 = _body(request.body)
    stage_path = request.path if route.stage == "$default" else f"/{route.stage}{request.path}"
    event: dict[str, Json] = {} if route.rest else {"version": "1.0"}
    return {
        **event,
        "resource": route.path,
        "path": request.path,
        "httpMethod": request.method,
        "headers": dict(request.headers) or None,
        "multiValueHeaders": _many(request.headers) or None,
        "queryStringParameters": dict(request.query) or None,
        "multiValueQueryStringParameters": _many(request.query) or None,
        "pathParameters": _path_parameters(route, request) or None,
        "stageVariables": None,
        "requestContext": {
            "accountId": account,
            "apiId": route.api,
            "domainName": request.header("host"),
            "domainPrefix": route.api,
            "extendedRequestId": (request_id := str(uuid.uuid4())),
            "httpMethod": request.method,
            "identity": {"sourceIp": request.client, "userAgent": request.header("user-agent") or None},
            "path": stage_path,
            "protocol": request.protocol,
            "requestId": request_id,
            "requestTime": _clf_time(request.time),
            "requestTimeEpoch": request.time,
            "resourceId": route.key,
            "resourcePath": route.path,
            "stage": route.stage,
        },
        "body": body,
        "isBase64Encoded": is_base64,
    }


def _version_2(route: GatewayRoute, request: HttpRequest, account: str) -> dict[str, Json]:
    body, is_base64 = _body(request.body)
    key = "$default" if route.key == "ANY /{proxy+}" else route.key
    cookies: list[Json] = [part for name, value in request.headers if name.lower() == "cookie" for part in [value]]
    headers = {name: ",".join(values) for name, values in _joined(request.headers).items() if name != "cookie"}
    event: dict[str, Json] = {
        "version": "2.0",
        "routeKey": key,
        "rawPath": request.path,
        "rawQueryString": request.query_text,
        "cookies": [part.strip() for value in cookies for part in str(value).split(";")],
        "headers": {**headers},
        "queryStringParameters": {name: ",".join(values) for name, values in _joined(request.query, False).items()},
        "requestContext": {
            "accountId": account,
            "apiId": route.api,
            "domainName": request.header("host"),
            "domainPrefix": route.api,
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": request.protocol,
                "sourceIp": request.client,
                "userAgent": request.header("user-agent"),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": key,
            "stage": route.stage,
            "time": _clf_time(request.time),
            "timeEpoch": request.time,
        },
        "body": body,
        "pathParameters": _path_parameters(route, request),
        "isBase64Encoded": is_base64,
    }
    left_out = ("cookies", "queryStringParameters", "body", "pathParameters")
    return {name: value for name, value in event.items() if value or name not in left_out}


def _path_parameters(route: GatewayRoute, request: HttpRequest) -> dict[str, Json]:
    return dict(zip(route.parameters, (unquote(value) for value in request.parameters), strict=True))


def _body(body: bytes) -> tuple[str | None, bool]:
    if not body:
        return None, False
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


def _many(pairs: Pairs) -> dict[str, Json]:
    together: dict[str, Json] = {}
    for name, values in _joined(pairs, False).items():
        together[name] = [*values]
    return together


def _joined(pairs: Pairs, lower: bool = True) -> dict[str, list[str]]:
    together: dict[str, list[str]] = {}
    for name, value in pairs:
        together.setdefault(name.lower() if lower else name, []).append(value)
    return together


def _clf_time(milliseconds: int) -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(milliseconds / 1000))
