"""The HTTP routes. All want `Authorization: Bearer` with the app's token.

    POST /executions                {"PlanId", "ExecutionType": "drill" | "recovery"}   202  the execution
    GET  /executions[?limit=N]      200  {"executions": [...]}, newest first
    GET  /executions/{id}           200  the execution, with each wave's status, job and servers as they are now
    GET  /executions/{id}/events    200  the same as server-sent events, whenever it changes, until it has ended
    POST /executions/{id}/stop      200  the execution; instances that have launched stay
    POST /executions/{id}/resume    202  the execution, going on from the wave that failed

An error is `{"message": …}`.

Rules that must stay true here:
- The record is written before anything is started: an execution that cannot be started is FAILED, never forgotten.
- Who runs an execution is decided when it starts, and stays so until it ends.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import uuid
from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from apps.recovery import machine, polling
from apps.recovery.machine import MachineUnavailable
from apps.recovery.plans import BadPlan, UnknownPlan, ordered_waves
from apps.recovery.records import ENDED, ExecutionRecord, Records, Runner, WaveRecord
from apps.recovery.settings import NotConfigured, Settings, api_token

_log = logging.getLogger(__name__)

EXECUTION_TYPES: Final = ("drill", "recovery")
_LOOK_AGAIN: Final = 0.5  # seconds between two looks at a record that is watched
_MOST: Final = 200


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def start_execution(request: Request) -> Response:
    """Write the record, start the waves, answer at once."""
    settings = _allowed(request)
    plan_id, kind = await _wanted(request)
    try:
        waves = ordered_waves(settings.plans, plan_id)
    except UnknownPlan:
        raise Refused(404, f"There is no plan {plan_id!r}.") from None
    except BadPlan as error:
        raise Refused(422, f"Plan {plan_id!r} cannot be run: {error}.") from error
    records, runner = Records(settings.database), _runner(settings)
    execution = await asyncio.to_thread(records.create, str(uuid.uuid4()), plan_id, kind, waves, runner)
    return JSONResponse(await asyncio.to_thread(_run, execution, settings, records), 202)


async def list_executions(request: Request) -> Response:
    """Newest first."""
    settings = _allowed(request)
    text = request.query_params.get("limit", "50")
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= _MOST:
        raise Refused(400, f"limit is {text!r}: it takes a whole number from 1 to {_MOST}.")
    found = await asyncio.to_thread(Records(settings.database).newest, int(text))
    return JSONResponse({"executions": [_shown(execution) for execution in found]})


async def show_execution(request: Request) -> Response:
    """An execution as it is now."""
    settings = _allowed(request)
    execution = await asyncio.to_thread(_now, request.path_params["id"], settings)
    return JSONResponse(_shown(execution))


async def watch_execution(request: Request) -> Response:
    """Server-sent events: the execution whenever it has changed, the last one when it has ended."""
    settings, id = _allowed(request), request.path_params["id"]
    first = await asyncio.to_thread(_now, id, settings)

    async def events() -> AsyncIterator[bytes]:
        execution, told = first, None
        while True:
            text = json.dumps(_shown(execution))
            if text != told:
                yield f"event: execution\ndata: {text}\n\n".encode()
                told = text
            if execution.status in ENDED:
                return
            await asyncio.sleep(_LOOK_AGAIN)
            execution = await asyncio.to_thread(_now, id, settings)

    return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def stop_execution(request: Request) -> Response:
    """No further wave starts, and nobody asks any more how the one under way stands."""
    settings = _allowed(request)
    return JSONResponse(_shown(await asyncio.to_thread(_stop, request.path_params["id"], settings)))


async def resume_execution(request: Request) -> Response:
    """Go on from the first wave that is not complete, with the servers that have not launched."""
    settings = _allowed(request)
    return JSONResponse(await asyncio.to_thread(_resume, request.path_params["id"], settings), 202)


def _run(execution: ExecutionRecord, settings: Settings, records: Records) -> dict[str, Any]:
    """Hand an execution to whoever runs it; what is answered. Raises Refused."""
    if execution.runner == "handler":
        records.begun(execution.execution_id, None)
        polling.advance(execution.execution_id, records)
    else:
        try:
            records.begun(execution.execution_id, machine.start(execution, settings.machine_arn))
        except MachineUnavailable as error:
            records.end(execution.execution_id, "FAILED", f"It could not be started: {error}")
            _log.error("execution %s could not be started: %s", execution.execution_id, error)
            raise Refused(502, f"Execution {execution.execution_id} could not be started; resume it later.") from error
    return _shown(_found(execution.execution_id, records))


def _now(execution_id: str, settings: Settings) -> ExecutionRecord:
    records = Records(settings.database)
    _found(execution_id, records)
    machine.reconcile(execution_id, records)
    return _found(execution_id, records)


def _stop(execution_id: str, settings: Settings) -> ExecutionRecord:
    records = Records(settings.database)
    execution = _found(execution_id, records)
    if execution.status in ENDED:
        raise Refused(409, f"Execution {execution_id} is {execution.status}: it cannot be stopped.")
    records.end(execution_id, "STOPPED", "Stopped by a client")
    if execution.execution_arn is not None:
        try:
            machine.stop(execution.execution_arn)
        except MachineUnavailable as error:
            raise Refused(
                502, f"Execution {execution_id} is marked as stopped, but its run goes on: {error}"
            ) from error
    return _found(execution_id, records)


def _resume(execution_id: str, settings: Settings) -> dict[str, Any]:
    records = Records(settings.database)
    execution = _found(execution_id, records)
    opened = records.resume(execution_id, _runner(settings))
    if opened is None:
        raise Refused(409, f"Execution {execution_id} is {execution.status}: only FAILED and STOPPED ones are resumed.")
    return _run(opened, settings, records)


def _runner(settings: Settings) -> Runner:
    return "step_functions" if settings.use_step_functions else "handler"


def _found(execution_id: str, records: Records) -> ExecutionRecord:
    execution = records.find(execution_id)
    if execution is None:
        raise Refused(404, f"There is no execution {execution_id!r}.")
    return execution


def _allowed(request: Request) -> Settings:
    """Raises Refused where the caller's token is not the app's."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused(401, "A bearer token is needed.")
    if not hmac.compare_digest(token.encode(), api_token().encode()):
        raise Refused(401, "The token is not valid.")
    return Settings.from_environment()


async def _wanted(request: Request) -> tuple[str, str]:
    """Raises Refused."""
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(400, 'The body must be a JSON object: {"PlanId": …, "ExecutionType": "drill"}.')
    plan_id, kind = body.get("PlanId"), body.get("ExecutionType")
    if not isinstance(plan_id, str) or not plan_id:
        raise Refused(400, "PlanId is needed: the id of a plan.")
    if kind not in EXECUTION_TYPES:
        raise Refused(400, f"ExecutionType is {kind!r}: it takes {' or '.join(EXECUTION_TYPES)}.")
    return plan_id, kind


def _shown(execution: ExecutionRecord) -> dict[str, Any]:
    return {
        "execution_id": execution.execution_id,
        "plan_id": execution.plan_id,
        "execution_type": execution.execution_type,
        "status": execution.status,
        "attempt": execution.attempt,
        "runner": execution.runner,
        "execution_arn": execution.execution_arn,
        "error": execution.error,
        "created_at": execution.created_at,
        "updated_at": execution.updated_at,
        "waves": [_shown_wave(wave) for wave in execution.waves],
    }


def _shown_wave(wave: WaveRecord) -> dict[str, Any]:
    return {
        "wave_number": wave.wave_number,
        "status": wave.status,
        "job_id": wave.job_id,
        "job_status": wave.job_status,
        "message": wave.message,
        "server_statuses": wave.server_statuses,
        "failed_servers": wave.failed_servers,
        "ended_at": wave.ended_at,
    }


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    challenge = {"WWW-Authenticate": 'Bearer realm="recovery"'} if error.status == 401 else None
    return JSONResponse({"message": str(error)}, error.status, challenge)


async def _not_configured(_: Request, error: Exception) -> Response:
    _log.error("the recovery app is not set up: %s", error)
    return JSONResponse({"message": "The recovery app is not set up."}, 500)


api = Starlette(
    routes=[
        Route("/executions", start_execution, methods=["POST"]),
        Route("/executions", list_executions),
        Route("/executions/{id}", show_execution),
        Route("/executions/{id}/events", watch_execution),
        Route("/executions/{id}/stop", stop_execution, methods=["POST"]),
        Route("/executions/{id}/resume", resume_execution, methods=["POST"]),
    ],
    exception_handlers={Refused: _refused, NotConfigured: _not_configured},
)
