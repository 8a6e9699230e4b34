"""A request's JSON body, bounded.

Rules that must stay true here:
- No more is read than may be sent; what is too long is refused as soon as that is known.
- A body that calls itself something else than JSON is refused, but where every site may ask anyway: no form of another
  site is taken for one.
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from starlette.requests import Request

from stepwell.api.jobs.problems import Problem

MAX_INPUT: Final = 262_144
"""Bytes of an execution's input (AWS Step Functions, "Service quotas")."""


async def json_body(request: Request) -> tuple[str, Any]:
    """The body's text and its value; no body is `{}`. Raises Problem."""
    # A page can send a body without a type to another site unasked; a program that leaves it out means JSON.
    unnamed = "nothing" if "origin" in request.headers else "application/json"
    kind = request.headers.get("content-type", unnamed).partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        detail = f"The body is sent as {kind!r}. Send it as application/json."
        raise Problem(415, "not-json", "The body is no JSON", detail, headers={"Accept-Post": "application/json"})
    return await untyped_json_body(request)


async def untyped_json_body(request: Request) -> tuple[str, Any]:
    """The same of a body that may call itself anything: old clients say nothing, or what their library says."""
    body = await _read(request)
    try:
        text = body.decode() or "{}"
        return text, orjson.loads(text)
    except ValueError as fault:
        detail = f"The body cannot be read as JSON: {fault}."
        raise Problem(400, "not-json", "The body is no JSON", detail) from None


async def _read(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MAX_INPUT:
        raise _too_large(declared)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_INPUT:
            raise _too_large(f"more than {MAX_INPUT}")
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(size: str) -> Problem:
    detail = (
        f"The body has {size} bytes; {MAX_INPUT} are taken. Put what is large where the job can fetch it, and send its"
        " address."
    )
    return Problem(413, "too-large", "The body is too large", detail)
