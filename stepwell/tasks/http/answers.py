"""An HTTP answer as the result of a task, or as its failure.

Rules that must stay true here:
- The result has the members that AWS gives it: Headers, with a list for each, ResponseBody, StatusCode, StatusText.
- Whoever answers is not trusted: whatever it says of its body, reading that takes linear time.
- What is no text cannot be a result (AWS Step Functions developer guide, "Unsupported HTTP Task responses").
"""

from __future__ import annotations

import codecs
from email.message import Message
from http import HTTPStatus
from typing import Final

from stepwell.language.values import Json, loads
from stepwell.tasks.http.client import MAX_RESPONSE, HttpAnswer

_NO_CHARSETS: Final = frozenset({"idna", "punycode", "raw_unicode_escape", "unicode_escape"})
"""Codecs of Python that no answer is written in; two of them take quadratic time: 12 s for 256 KiB."""

_BINARY: Final = ("application/octet-stream", "image/", "video/", "audio/")


class Unreadable(Exception):
    """The answer cannot be a result. `error` is the name of the task's error."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


def as_result(answer: HttpAnswer, *, lower: bool) -> dict[str, Json]:
    """The result; with `lower` the names of headers are in small letters. Raises Unreadable."""
    headers: dict[str, list[Json]] = {}
    for name, value in answer.headers:
        headers.setdefault(name.lower() if lower else name, []).append(value)
    text = body_text(answer)
    body: Json = text
    kind = _content_type(answer).get_content_type()
    if text and (kind == "application/json" or kind.endswith("+json") or not lower):
        try:
            body = loads(text)
        except ValueError:
            body = text
    return {
        "Headers": dict(headers),
        "ResponseBody": body,
        "StatusCode": answer.status,
        "StatusText": status_text(answer),
    }


def body_text(answer: HttpAnswer) -> str:
    """Raises Unreadable."""
    if len(answer.body) > MAX_RESPONSE:
        raise Unreadable(
            "States.DataLimitExceeded", f"The response body is larger than the maximum of {MAX_RESPONSE} bytes."
        )
    kind = _content_type(answer)
    if answer.body and kind.get_content_type().startswith(_BINARY):
        raise Unreadable("States.Runtime", f"A response of type {kind.get_content_type()} is not supported.")
    try:
        charset = codecs.lookup(str(kind.get_param("charset", "utf-8"))).name
        if charset.replace("-", "_") in _NO_CHARSETS:
            raise LookupError(charset)
        return answer.body.decode(charset)
    except (ValueError, LookupError):  # ValueError is a name with a null in it, too
        raise Unreadable("States.Runtime", "The response body cannot be read as text.") from None


def status_text(answer: HttpAnswer) -> str:
    if answer.reason:
        return answer.reason
    try:
        return HTTPStatus(answer.status).phrase
    except ValueError:
        return ""


def _content_type(answer: HttpAnswer) -> Message:
    message = Message()
    message["Content-Type"] = next(
        (value for name, value in answer.headers if name.lower() == "content-type"), "text/plain"
    )
    return message
