"""What AWS shows of Express executions in CloudWatch Logs, for `stepwell describe`, `history` and `list`.

AWS's own API knows these executions by their start only; so this is no part of it:

    GET /express?stateMachineArn=ARN[&status=S][&after=DATE,KEY]   {"executions": [...], "next": "DATE,KEY" or null}
    GET /express/EXECUTION_ARN                                     the members of DescribeExecution
    GET /express/EXECUTION_ARN/events[?from=ID]                    {"events": [...], "next": ID or null}

Rules that must stay true here:
- Executions and events have the members that they have in AWS's API.
- An asynchronous execution is there from its start on, with its log once it has ended; a synchronous one only where its
  machine asked for a log and there was something to write into it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stepwell.api import arns, faults
from stepwell.api.context import ApiContext
from stepwell.api.faults import ApiFault
from stepwell.api.operations.history import answered_event
from stepwell.api.request import Answer, seconds
from stepwell.api.whole import whole
from stepwell.engine.express import EXPRESS
from stepwell.store.protocol import ExecutionRow, ListPosition

_PAGE: Final = 100  # executions
_EVENTS: Final = 1_000  # ids of events that are looked at together: a log need not have them all


def express_routes(context: ApiContext) -> list[Route]:
    """The routes of a server."""

    async def executions(request: Request) -> Answer:
        return await _executions(context, request)

    async def execution(request: Request) -> Answer:
        return _described(await _row(context, request))

    async def events(request: Request) -> Answer:
        return await _events(context, request)

    return [
        Route("/express", _answering(executions), methods=["GET"]),
        Route("/express/{arn}", _answering(execution), methods=["GET"]),
        Route("/express/{arn}/events", _answering(events), methods=["GET"]),
    ]


def _answering(handle: Callable[[Request], Awaitable[Answer]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        status = 200
        try:
            body = await handle(request)
        except ApiFault as fault:
            status, body = fault.status, {"__type": fault.shape, "message": fault.message}
        return Response(orjson.dumps(body), status, media_type="application/json")

    return answer


async def _executions(context: ApiContext, request: Request) -> Answer:
    arn = arns.unqualified(request.query_params.get("stateMachineArn", ""))
    machine = await context.store.find_machine(arn)
    if machine is None:
        raise faults.machine_does_not_exist(arn)
    if machine.type != EXPRESS:
        raise faults.machine_type_not_supported()
    after = request.query_params.get("after")
    position = None
    if after is not None:
        date, _, key = after.partition(",")
        position = ListPosition(_number(date), _number(key))
    status = request.query_params.get("status")
    rows = await context.store.list_executions(machine.id, status, position, _PAGE + 1)
    answer: Answer = {"executions": [_listed(row) for _, row in rows[:_PAGE]], "next": None}
    if len(rows) > _PAGE:
        last = rows[_PAGE - 1][0]
        answer["next"] = f"{last.date},{last.key}"
    return answer


async def _events(context: ApiContext, request: Request) -> Answer:
    row = await _row(context, request)
    last = row.change.last_event_id
    position = _number(request.query_params.get("from", "1"))
    events: list[Answer] = []
    while not events and position <= last:
        found = await context.engine.history(row.new.key, position, _EVENTS, False)
        events = [answered_event(event) for event in found if event.id < position + _EVENTS]
        position += _EVENTS
    return {"events": [*events], "next": position if position <= last else None}


async def _row(context: ApiContext, request: Request) -> ExecutionRow:
    arn = request.path_params["arn"]
    arns.parts_of(arn, arns.EXPRESS)
    row = await context.store.find_execution(arn)
    if row is None:
        raise faults.execution_does_not_exist(arn)
    return row


def _listed(row: ExecutionRow) -> Answer:
    new, change = row.new, row.change
    answer: Answer = {
        "executionArn": new.arn,
        "stateMachineArn": new.machine_arn,
        "name": new.name,
        "status": change.status,
        "startDate": seconds(new.start_date),
    }
    if change.stop_date is not None:
        answer["stopDate"] = seconds(change.stop_date)
    for member, arn in (("stateMachineVersionArn", new.version_arn), ("stateMachineAliasArn", new.alias_arn)):
        if arn is not None:
            answer[member] = arn
    return answer


def _described(row: ExecutionRow) -> Answer:
    new, change = row.new, row.change
    texts = {
        "input": new.input,
        "output": change.output,
        "error": change.error,
        "cause": change.cause,
        "traceHeader": new.trace_header,
    }
    return {**_listed(row), **{member: text for member, text in texts.items() if text is not None}}


def _number(text: str) -> int:
    number = whole(text)
    if number is None:
        raise faults.validation(f"'{text}' is no number")
    return number
