"""Executions: started, stopped, redriven, described, listed.

Rules that must stay true here:
- Input and output are answered as the very text that they were.
- Where an execution stands is read from the store: what is answered here is durable.
"""

from __future__ import annotations

import orjson

from stepwell.api import arns, configuration, faults
from stepwell.api.clock import clock_of
from stepwell.api.long_poll import while_wanted
from stepwell.api.machines import DELETING, INITIAL_REVISION, target_of
from stepwell.api.names import check_name, draw_name
from stepwell.api.operations.definitions import reference_members
from stepwell.api.operations.state_machines import configuration_members
from stepwell.api.request import Answer, Request, seconds
from stepwell.engine import errors
from stepwell.engine.express import EXPRESS, express_arn
from stepwell.engine.map_run.progress import Progress, decode
from stepwell.engine.redrive import child_refusal, refusal
from stepwell.engine.requests import StartRequest
from stepwell.engine.trace import trace_of
from stepwell.language.values import Json
from stepwell.store.protocol import ExecutionRow, ListPosition


async def start_execution(request: Request) -> Answer:
    start = await requested_start(request)
    if request.context.quotas is not None:
        request.context.quotas.take_start(start.machine.type)
    if request.context.open_executions is not None and start.machine.type != EXPRESS:
        await request.context.open_executions.take()
    try:
        started = await request.context.engine.start_execution(start)
    except errors.ExecutionAlreadyExists:
        raise faults.execution_already_exists(start.arn) from None
    except errors.TooManyExecutions:
        raise faults.throttling() from None
    return {"executionArn": started.arn, "startDate": seconds(started.start_date)}


async def requested_start(request: Request) -> StartRequest:
    """The execution that a request asks for, with an ARN of its machine's type.

    Raises InvalidArn, StateMachineDoesNotExist, StateMachineDeleting, InvalidName, InvalidExecutionInput.
    """
    arn = request.text("stateMachineArn")
    target = await target_of(request, arn)
    machine = target.machine
    if machine.status == DELETING:
        raise faults.machine_deleting(arn)
    name = request.optional_text("name")
    name = draw_name(request.context.engine.drawn) if name is None else check_name(name)
    text = request.optional_text("input")
    if text is None:
        text = "{}"
    else:
        fault = json_fault(text)
        if fault is not None:
            raise faults.invalid_execution_input(fault)
    trace_header = request.optional_text("traceHeader")
    clock = clock_of(request.clock, trace_header, request.context.clock)
    if request.test_case is not None:
        request.context.mocked_cases.ask(machine.arn, request.test_case)
    arn_of = express_arn if machine.type == EXPRESS else arns.execution_arn
    return StartRequest(
        machine=machine,
        arn=arn_of(machine.arn, name),
        name=name,
        input=text,
        trace_header=trace_header,
        trace=trace_of(*request.trace[:2], trace_header or request.trace[2]),
        version_arn=target.version_arn,
        alias_arn=target.alias_arn,
        test_case=request.test_case,
        virtual=clock != "real",
        tokens_hold_clock=clock == "virtual-held",
    )


async def stop_execution(request: Request) -> Answer:
    arn = _execution_arn(request)
    try:
        stopped = await request.context.engine.stop_execution(
            arn, request.optional_text("error"), request.optional_text("cause")
        )
    except errors.ExecutionDoesNotExist:
        raise faults.execution_does_not_exist(arn) from None
    return {"stopDate": seconds(stopped)}


async def redrive_execution(request: Request) -> Answer:
    arn = _execution_arn(request)
    if request.context.open_executions is not None:
        await request.context.open_executions.take()
    try:
        redriven = await request.context.engine.redrive_execution(arn, request.optional_text("clientToken"))
    except errors.ExecutionDoesNotExist:
        raise faults.execution_does_not_exist(arn) from None
    except errors.ExecutionNotRedrivable as reason:
        raise faults.execution_not_redrivable(str(reason)) from None
    return {"redriveDate": seconds(redriven)}


async def describe_execution(request: Request) -> Answer:
    row = await execution_of(request)
    if request.wait and row.change.status == "RUNNING":
        await while_wanted(request, request.context.engine.wait_for_end(row.new.arn, request.wait))
        row = await execution_of(request)
    new, change = row.new, row.change
    included = request.optional_text("includedData") != "METADATA_ONLY"
    answer: Answer = {
        "executionArn": new.arn,
        "stateMachineArn": new.machine_arn,
        "name": new.name,
        "status": _status(row, await _run_of(request, row)),
        "startDate": seconds(new.start_date),
        "inputDetails": {"included": included},
        "redriveCount": change.redrive_count,
    }
    if change.stop_date is not None:
        answer["stopDate"] = seconds(change.stop_date)
    if change.output is not None:
        answer["outputDetails"] = {"included": included}
    if included:
        payload = {"input": new.input, "output": change.output, "error": change.error, "cause": change.cause}
        answer.update((name, text) for name, text in payload.items() if text is not None)
    if change.redrive_date is not None:
        answer["redriveDate"] = seconds(change.redrive_date)
    answer.update(await _redrive_status(request, row))
    answer.update(_optional_members(row))
    return answer


async def describe_state_machine_for_execution(request: Request) -> Answer:
    """The machine as it was when the execution started: definition, role and revision are the execution's own."""
    store = request.context.store
    new = (await execution_of(request)).new
    revision = await store.find_revision(new.machine_id, new.revision_id)
    definition: str | None = "{}"
    if request.optional_text("includedData") != "METADATA_ONLY":
        definition = await store.definition(new.definition_hash)
    answer: Answer = {
        "stateMachineArn": new.machine_arn,
        "name": arns.machine(new.machine_arn).name,
        "definition": definition,
        "roleArn": new.role_arn,
        "updateDate": seconds(new.start_date if revision is None else revision.update_date),
        **await reference_members(definition),
    }
    if revision is not None:
        answer.update(configuration_members(configuration.stored(revision.configuration)))
    if new.revision_id != INITIAL_REVISION:
        answer["revisionId"] = new.revision_id
    if new.map_run_arn is not None:
        answer["mapRunArn"] = new.map_run_arn
        answer["label"] = new.machine_arn.rpartition("/")[2]
    return answer


async def list_executions(request: Request) -> Answer:
    context = request.context
    arn, status = request.optional_text("stateMachineArn"), request.optional_text("statusFilter")
    map_run = request.optional_text("mapRunArn")
    if (arn is None) == (map_run is None):
        raise faults.validation("Must specify either stateMachineArn or mapRunArn, but not both")
    if arn is None:
        assert map_run is not None
        arns.parts_of(map_run, arns.MAP_RUN)
        key = await context.store.execution_key(map_run)
        if key is None:
            raise faults.resource_not_found(map_run)
        found = await context.store.execution_row(key)
        if found is None:
            raise faults.resource_not_found(map_run)
        return await _page(request, key, status, None, decode(found.change.data))
    if request.optional_text("redriveFilter") is not None:
        raise faults.validation("redriveFilter cannot be used with a stateMachineArn")
    if status == "PENDING_REDRIVE":
        raise faults.validation("The statusFilter PENDING_REDRIVE cannot be used with a stateMachineArn")
    target = await target_of(request, arn)
    machine = target.machine
    if machine.type == EXPRESS:
        raise faults.machine_type_not_supported()
    return await _page(request, machine.id, status, arn if target.version is not None else None)


async def _page(
    request: Request, listed_by: int, status: str | None, qualified: str | None, run: Progress | None = None
) -> Answer:
    """A page of the executions that a machine, or a map run, lists. `run` is how far the map run is."""
    if status == "PENDING_REDRIVE" and run is not None:
        return await _page_of_waiting(request, listed_by, run)
    context, size = request.context, request.page_size()
    bound = (listed_by, status, qualified)
    after: ListPosition | None = None
    token = request.optional_text("nextToken")
    if token is not None:
        date, key = context.page_tokens.open(token, "ListExecutions", bound, context.now())
        after = ListPosition(int(date), int(key))
    rows = await context.store.list_executions(listed_by, status, after, size + 1, qualified)
    listed = [_listed(row, _status(row, run)) for _, row in rows[:size]]
    redriven = request.optional_text("redriveFilter")
    answer: Answer = {
        "executions": [
            each
            for each in listed
            if status in (None, each["status"])
            and redriven in (None, "REDRIVEN" if each["redriveCount"] else "NOT_REDRIVEN")
        ]
    }
    if len(rows) > size:
        last = rows[size - 1][0]
        position = (last.date, last.key)
        answer["nextToken"] = context.page_tokens.issue("ListExecutions", bound, position, context.now())
    return answer


async def _page_of_waiting(request: Request, map_run: int, run: Progress) -> Answer:
    """A page of the children that wait to be redriven by their map run, in the order of their items."""
    context, size = request.context, request.page_size()
    bound = (map_run, "PENDING_REDRIVE")
    token = request.optional_text("nextToken")
    after = run.redriven_to
    if token is not None:
        after = int(context.page_tokens.open(token, "ListExecutions", bound, context.now())[0])
    found: list[ExecutionRow] = []
    while len(found) <= size and (rows := await context.store.children(map_run, after, 100)):
        found += [row for row in rows if run.awaits_redrive(row.new.key, row.change.status)]
        after = rows[-1].new.key
    answer: Answer = {"executions": [_listed(row, "PENDING_REDRIVE") for row in found[:size]]}
    if len(found) > size:
        answer["nextToken"] = context.page_tokens.issue(
            "ListExecutions", bound, (found[size - 1].new.key,), context.now()
        )
    return answer


async def _run_of(request: Request, row: ExecutionRow) -> Progress | None:
    """How far the map run of an execution is; None where it is no child of one."""
    if row.new.map_run_arn is None:
        return None
    run = await request.context.store.find_execution(row.new.map_run_arn)
    return None if run is None else decode(run.change.data)


def _status(row: ExecutionRow, run: Progress | None) -> str:
    if run is not None and run.awaits_redrive(row.new.key, row.change.status):
        return "PENDING_REDRIVE"
    return row.change.status


async def execution_of(request: Request) -> ExecutionRow:
    """The execution that a request names. Raises InvalidArn, ExecutionDoesNotExist."""
    arn = _execution_arn(request)
    row = await request.context.store.find_execution(arn)
    if row is None:
        raise faults.execution_does_not_exist(arn)
    return row


def json_fault(text: str) -> str | None:
    """What keeps a text from being JSON, None where it is JSON."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as fault:
        if fault.pos >= len(text):
            return "Unexpected end-of-input"
        character = text[fault.pos]
        return (
            f"Unexpected character ('{character}' (code {ord(character)})) at line {fault.lineno}, column {fault.colno}"
        )
    return None


def _execution_arn(request: Request) -> str:
    arn = request.text("executionArn")
    arns.parts_of(arn, arns.EXECUTION)
    return arn


async def _redrive_status(request: Request, row: ExecutionRow) -> dict[str, Json]:
    """Whether the execution can be redriven: by RedriveExecution, or as a child by that of its map run's parent."""
    now = row.change.clock or request.context.now()
    if row.new.map_run_arn is None:
        reason, redrivable = await refusal(request.context.store, row, now), "REDRIVABLE"
    else:
        reason, redrivable = child_refusal(row, now), "REDRIVABLE_BY_MAP_RUN"
    if reason is None:
        return {"redriveStatus": redrivable}
    return {"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": reason}


def _listed(row: ExecutionRow, status: str) -> Answer:
    new, change = row.new, row.change
    answer: Answer = {
        "executionArn": new.arn,
        "stateMachineArn": new.machine_arn,
        "name": new.name,
        "status": status,
        "startDate": seconds(new.start_date),
        "redriveCount": change.redrive_count,
    }
    if change.stop_date is not None:
        answer["stopDate"] = seconds(change.stop_date)
    if change.redrive_date is not None:
        answer["redriveDate"] = seconds(change.redrive_date)
    if new.version_arn is not None:
        answer["stateMachineVersionArn"] = new.version_arn
    if new.alias_arn is not None:
        answer["stateMachineAliasArn"] = new.alias_arn
    if new.map_run_arn is not None:
        answer["mapRunArn"] = new.map_run_arn
        answer["itemCount"] = new.item_count
    return answer


def _optional_members(row: ExecutionRow) -> dict[str, Json]:
    new = row.new
    members = {
        "traceHeader": new.trace_header,
        "stateMachineVersionArn": new.version_arn,
        "stateMachineAliasArn": new.alias_arn,
        "mapRunArn": new.map_run_arn,
    }
    return {name: value for name, value in members.items() if value is not None}
