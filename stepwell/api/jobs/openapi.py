"""The jobs API described: OpenAPI 3.1, built from the job types, and a page to try it on.

Rules that must stay true here:
- The document says what the server does: every route, header and status that a client meets, and the very schemas that
  inputs are checked against.
- The page is our own: it loads nothing from elsewhere, and runs under a policy that would not let it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from stepwell import __version__
from stepwell.jobs.arguments import Arguments
from stepwell.jobs.declaration import JobType
from stepwell.jobs.job import STATUSES

_TEMPLATE: Final = "#/components/schemas/{name}"
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)

_SECONDS: Final = {"type": "integer", "description": "Unix seconds"}

_JOB: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["job_id", "job_type", "status", "created_at", "updated_at", "expires_at"],
    "properties": {
        "job_id": {"type": "string", "format": "uuid"},
        "job_type": {"type": "string"},
        "status": {"type": "string", "enum": list(STATUSES)},
        "created_at": _SECONDS,
        "updated_at": _SECONDS,
        "expires_at": _SECONDS,
        "key": {"type": "string", "description": "what the job is limited by beside its type"},
        "position": {"type": "integer", "minimum": 1, "description": "the place in the queue, while the job waits"},
        "progress": {"$ref": "#/components/schemas/Progress"},
        "inputs": {"description": "what the job was started with"},
        "outputs": {"description": "what the job has put out, once it is COMPLETED"},
        "error": {"type": "string", "description": "the name of the error of a job that FAILED or was CANCELLED"},
        "error_message": {"type": "string"},
    },
}

_SCHEMAS: Final[dict[str, Any]] = {
    "Job": _JOB,
    "Progress": {
        "type": "object",
        "required": ["fraction", "at"],
        "properties": {
            "fraction": {"type": "number", "minimum": 0, "maximum": 1},
            "message": {"type": "string"},
            "at": _SECONDS,
        },
    },
    "Started": {
        "type": "object",
        "required": ["job_id", "job_type", "status", "created_at", "expires_at", "links"],
        "properties": {
            "job_id": {"type": "string", "format": "uuid"},
            "job_type": {"type": "string"},
            "status": {"const": "PENDING"},
            "created_at": _SECONDS,
            "expires_at": _SECONDS,
            "links": {
                "type": "object",
                "properties": {
                    "self": {"type": "string", "format": "uri-reference"},
                    "events": {"type": "string", "format": "uri-reference"},
                },
            },
        },
    },
    "Problem": {
        "type": "object",
        "description": "RFC 9457",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": "string", "format": "uri-reference"},
            "errors": {"type": "array", "items": {"type": "object"}},
        },
    },
}


class OpenApi:
    """Made once: nothing of it changes while the server runs."""

    def __init__(self, types: Mapping[str, JobType], signatures: Mapping[str, Arguments]) -> None:
        self._document = orjson.dumps(_document(types, signatures))
        folder = files("stepwell.api.jobs") / "page"
        self._page, self._script, self._style = (
            (folder / name).read_bytes() for name in ("docs.html", "docs.js", "docs.css")
        )

    async def document(self, _: Request) -> Response:
        return Response(self._document, media_type="application/json")

    async def page(self, _: Request) -> Response:
        return _of_page(self._page, "text/html")

    async def script(self, _: Request) -> Response:
        return _of_page(self._script, "text/javascript")

    async def style(self, _: Request) -> Response:
        return _of_page(self._style, "text/css")


def _of_page(content: bytes, kind: str) -> Response:
    headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
    return Response(content, headers=headers, media_type=kind)


def _document(types: Mapping[str, JobType], signatures: Mapping[str, Arguments]) -> Mapping[str, Any]:
    components: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for name, job in types.items():
        input_ = _schema(signatures[name].model.schema(_TEMPLATE), components)
        output = _schema(signatures[name].output.schema(_TEMPLATE), components)
        paths[f"/jobs/{name}"] = {"post": _start(job, input_, output)}
    paths["/jobs"] = {"get": _list(sorted(types))}
    paths["/jobs/{id}"] = {"parameters": [_id()], "get": _get(), "delete": _delete()}
    paths["/jobs/{id}/events"] = {"parameters": [_id()], "get": _events()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Jobs", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": {**components, **_SCHEMAS},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"bearer": []}],  # where the server asks who is calling
    }


def _schema(found: tuple[dict[str, Any], dict[str, Any]], components: dict[str, Any]) -> dict[str, Any]:
    schema, referred = found
    components.update(referred)
    return schema


def _start(job: JobType, input_: dict[str, Any], output: dict[str, Any]) -> dict[str, Any]:
    summary, description = _words(job)
    parameters = [
        _header("Idempotency-Key", "The same key and body give the same answer, for as long as the job is kept."),
        _header("Callback-URL", "An address that hears of the end: the job is posted there as it is then."),
    ]
    started = _json("Started", "The job was taken in.")
    started["headers"] = {
        "Location": {"schema": {"type": "string"}, "description": "the job"},
        "Retry-After": {"schema": {"type": "integer"}, "description": "seconds after which to ask"},
    }
    return {
        "operationId": f"start_{job.name}",
        "summary": summary,
        **({"description": description} if description else {}),
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/json": {"schema": input_}}},
        "responses": {
            "202": started,
            **{status: _problem(said) for status, said in _REFUSALS.items()},
        },
        "x-outputs": output,
    }


_REFUSALS: Final = {
    "400": "The body is no JSON, or a header cannot be used.",
    "413": "The body is too large.",
    "415": "The body is not sent as JSON.",
    "422": "The input does not fit, or the idempotency key was used for another one.",
    "503": "Nothing was done; try again.",
}


def _words(job: JobType) -> tuple[str, str]:
    text = getattr(job.handler, "__doc__", None) or f"Start a job of type {job.name}."
    summary, _, description = " ".join(text.split()).partition(". ")
    return summary.rstrip(".") + ".", description


def _list(types: list[str]) -> dict[str, Any]:
    def query(name: str, description: str, **schema: Any) -> dict[str, Any]:
        return {"name": name, "in": "query", "description": description, "schema": schema}

    page = {
        "type": "object",
        "properties": {
            "jobs": {"type": "array", "items": {"$ref": "#/components/schemas/Job"}},
            "next": {"type": ["string", "null"]},
        },
    }
    return {
        "operationId": "list_jobs",
        "summary": "List jobs, the newest first, without inputs and outputs.",
        "parameters": [
            query("type", "Only of this type.", type="string", enum=types),
            query("status", "Only with this status.", type="string", enum=list(STATUSES)),
            query("key", "Only with this key.", type="string"),
            query("created_after", "Only those made at this time or later, in Unix seconds.", type="number"),
            query("created_before", "Only those made earlier, in Unix seconds.", type="number"),
            query("limit", "How many a page.", type="integer", minimum=1, maximum=100, default=20),
            query("next", "Where to go on: what the last page said.", type="string"),
        ],
        "responses": {
            "200": {"description": "A page.", "content": {"application/json": {"schema": page}}},
            "400": _problem("A filter cannot be used."),
        },
    }


def _get() -> dict[str, Any]:
    return {
        "operationId": "get_job",
        "summary": "Ask for a job, or wait for its end.",
        "parameters": [
            _header("Prefer", "`wait=30` answers once the job has ended, or after 30 seconds (60 at most).")
        ],
        "responses": {"200": _json("Job", "The job as it stands."), "404": _problem("There is no such job.")},
    }


def _delete() -> dict[str, Any]:
    return {
        "operationId": "cancel_job",
        "summary": "Cancel a job; one that has ended stays as it is.",
        "responses": {"200": _json("Job", "The job as it stands now."), "404": _problem("There is no such job.")},
    }


def _events() -> dict[str, Any]:
    return {
        "operationId": "follow_job",
        "summary": "Follow a job: server-sent events, `status` and `progress`, until it has ended.",
        "parameters": [_header("Last-Event-ID", "Only what is newer than this event.")],
        "responses": {
            "200": {"description": "The events.", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
            "204": {"description": "The job has ended, and all of it was told."},
            "404": _problem("There is no such job."),
        },
    }


def _id() -> dict[str, Any]:
    return {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


def _json(schema: str, description: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def _problem(description: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": description, "content": content}
