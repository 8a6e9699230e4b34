"""A request and its answer as TestState shows them (API reference, "InspectionData").

Rules that must stay true here:
- What the connection has added is shown only where whoever tests has asked for secrets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from stepwell.engine.dispatch import Watch
from stepwell.tasks.http.answers import Unreadable, body_text, status_text
from stepwell.tasks.http.client import HttpAnswer, HttpRequest
from stepwell.tasks.http.redaction import Redaction


def tell(watch: Watch, sent: HttpRequest, own: HttpRequest, answer: HttpAnswer, redacted: Redaction) -> None:
    """`sent` is the request as it was made, `own` what of it the task says by itself."""
    shown = sent if watch.reveal else own
    response = _response(answer, urlsplit(sent.url).scheme)
    if not watch.reveal:
        response = {name: redacted(text) for name, text in response.items()}
    watch.tell({"request": _request(shown), "response": response})


def _request(request: HttpRequest) -> Mapping[str, str]:
    found = {
        "protocol": urlsplit(request.url).scheme,
        "method": request.method,
        "url": request.url,
        "headers": _headers(request.headers),
    }
    return found if request.body is None else {**found, "body": request.body.decode()}


def _response(answer: HttpAnswer, protocol: str) -> Mapping[str, str]:
    try:
        body = body_text(answer)
    except Unreadable:
        body = ""
    return {
        "protocol": protocol,
        "statusCode": str(answer.status),
        "statusMessage": status_text(answer),
        "headers": _headers(answer.headers),
        "body": body,
    }


def _headers(headers: Iterable[tuple[str, str]]) -> str:
    return f"[{', '.join(f'{name}: {value}' for name, value in headers)}]"
