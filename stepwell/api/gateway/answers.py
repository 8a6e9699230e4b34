"""From a function's result to the HTTP response that API Gateway makes of it.

Rules that must stay true here:
- What a function answers wrongly, or raises, is the server's error for the client, and tells it nothing else.

See the API Gateway developer guide: "Output format of a Lambda function for proxy integration" (format 1.0), and
"Create AWS Lambda proxy integrations for HTTP APIs" (format 2.0, whose status may be left out).
"""

from __future__ import annotations

import base64
import binascii

from msgspec import Struct

from stepwell.api.gateway.route import Payload
from stepwell.language.values import Json, dumps

Headers = tuple[tuple[str, str], ...]


class Answer(Struct, frozen=True):
    """A response. A header may be there more than once."""

    status: int
    headers: Headers = ()
    body: bytes = b""


def failed(payload: Payload) -> Answer:
    """What a client gets where the function raised, ran out of time, or answered in no known form."""
    if payload == "2.0":
        return _json(500, {"message": "Internal Server Error"})
    return _json(502, {"message": "Internal server error"})


def answer_of(result: Json, payload: Payload) -> Answer:
    """The response to a function's result."""
    if payload == "2.0" and not (isinstance(result, dict) and "statusCode" in result):
        # HTTP APIs take any result: a text as it is, everything else as JSON.
        text = result if isinstance(result, str) else dumps(result)
        return Answer(200, (("content-type", "application/json"),), text.encode())
    if not isinstance(result, dict):
        return failed(payload)
    try:
        status = int(str(result["statusCode"]))
        body = _body(result.get("body"), bool(result.get("isBase64Encoded")))
        headers = _headers(result)
    except (KeyError, ValueError, TypeError, AttributeError, binascii.Error):
        return failed(payload)
    if not 100 <= status <= 599:
        return failed(payload)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("content-type", "application/json" if payload == "1.0" else "text/plain; charset=utf-8"))
    return Answer(status, headers, body)


def _headers(result: dict[str, Json]) -> Headers:
    plain, many, cookies = (result.get(name) or {} for name in ("headers", "multiValueHeaders", "cookies"))
    if not (isinstance(plain, dict) and isinstance(many, dict) and isinstance(cookies, list | dict)):
        raise TypeError("headers")
    several = [(name, value) for name, values in many.items() for value in (values if isinstance(values, list) else ())]
    known = {name.lower() for name, _ in several}
    return (
        *((name, _text(value)) for name, value in plain.items() if name.lower() not in known),
        *((name, _text(value)) for name, value in several),
        *(("set-cookie", _text(value)) for value in (cookies if isinstance(cookies, list) else ())),
    )


def _body(value: Json, is_base64: bool) -> bytes:
    text = "" if value is None else value if isinstance(value, str) else dumps(value)
    return base64.b64decode(text, validate=True) if is_base64 else text.encode()


def _text(value: Json) -> str:
    text = value if isinstance(value, str) else dumps(value)
    if "\n" in text or "\r" in text:
        raise ValueError("a header has one line")
    return text


def _json(status: int, value: Json) -> Answer:
    return Answer(status, (("content-type", "application/json"),), dumps(value).encode())


def service_answer(status: int, value: Json) -> Answer:
    """The answer of Step Functions to a route that starts an execution."""
    return _json(status, value)
