"""What is wrong with a request, as RFC 9457 has it: `application/problem+json`.

Rules that must stay true here:
- A problem names the field, its value and the way out; what went wrong inside the server is in its log only.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from stepwell.engine.errors import Stopping
from stepwell.jobs.arguments import Fault
from stepwell.store.protocol import StoreError

_log = logging.getLogger("stepwell.api")
_TYPE: Final = "urn:stepwell:problem:"

Handler = Callable[[Request], Awaitable[Response]]


class Problem(Exception):
    """A request that is refused. `kind` is the last part of the problem's type."""

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.body: dict[str, Any] = {
            "type": _TYPE + kind,
            "title": title,
            "status": status,
            "detail": detail,
            **members,
        }
        if errors:
            self.body["errors"] = list(errors)
        self.headers = dict(headers or {})

    def response(self, instance: str) -> Response:
        body = orjson.dumps({**self.body, "instance": instance})
        return Response(body, self.status, self.headers, media_type="application/problem+json")


def invalid_parameter(place: str, name: str, value: str, expected: str) -> Problem:
    """A header or a member of the query (`place`) that cannot be used."""
    return Problem(
        400,
        "invalid-parameter",
        "A parameter cannot be used",
        f"The {place} {name} is {value!r}: it takes {expected}.",
        errors=[{"parameter": name, "in": place, "value": value, "expected": expected}],
    )


def invalid_input(faults: Sequence[Fault], schema: str) -> Problem:
    """An input that does not fit; `schema` is where it is described."""
    errors = []
    for fault in faults:
        error = {"pointer": f"#{fault.pointer}", "detail": fault.detail, "expected": fault.expected}
        errors.append(error if fault.value is None else {**error, "value": fault.value})
    detail = "; ".join(f"{fault.pointer or 'the body'}: {fault.detail}" for fault in faults)
    return Problem(422, "invalid-input", "The input does not fit the job type", detail, errors=errors, schema=schema)


def job_not_found(id_: str) -> Problem:
    detail = f"There is no job {id_!r}: it never was, or its time is over. GET /jobs lists those there are."
    return Problem(404, "job-not-found", "No such job", detail)


def answering(handle: Handler) -> Handler:
    """An endpoint whose problems are answered as such."""

    async def answer(request: Request) -> Response:
        try:
            return await handle(request)
        except Problem as problem:
            return problem.response(request.url.path)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except (Stopping, StoreError) as error:
            return _unavailable(error, request).response(request.url.path)
        except Exception:
            request_id = str(uuid.uuid4())
            _log.exception("request %s: %s %s failed", request_id, request.method, request.url.path)
            detail = f"The request failed inside the server; its log tells more under {request_id}."
            return Problem(500, "internal", "Internal server error", detail).response(request.url.path)

    return answer


def _unavailable(error: Exception, request: Request) -> Problem:
    if not isinstance(error, Stopping):
        _log.error("%s %s refused: %s", request.method, request.url.path, error)
    detail = "The server is shutting down." if isinstance(error, Stopping) else "The store cannot be used now."
    title = "Not available now"
    return Problem(503, "unavailable", title, f"{detail} Try again; nothing was done.", headers={"Retry-After": "2"})
