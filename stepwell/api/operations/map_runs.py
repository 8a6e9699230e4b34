"""Map runs: described, listed, changed while they run.

Rules that must stay true here:
- What is answered is read from the store: counts are those of the last commit.
- A map run is updated by its engine, in order with what happens to it.
"""

from __future__ import annotations

from typing import Final

from stepwell.api import arns, faults
from stepwell.api.operations.executions import execution_of
from stepwell.api.request import Answer, Request, seconds
from stepwell.engine.map_run.progress import Counts, decode
from stepwell.language.values import Json
from stepwell.store.protocol import ExecutionRow, ListPosition

_CHANGES: Final = {
    "maxConcurrency": "max_concurrency",
    "toleratedFailureCount": "tolerated_count",
    "toleratedFailurePercentage": "tolerated_percentage",
}


async def list_map_runs(request: Request) -> Answer:
    context, size = request.context, request.page_size()
    execution = (await execution_of(request)).new
    bound = (execution.key,)
    after: ListPosition | None = None
    token = request.optional_text("nextToken")
    if token is not None:
        date, key = context.page_tokens.open(token, "ListMapRuns", bound, context.now())
        after = ListPosition(int(date), int(key))
    rows = await context.store.list_executions(execution.key, None, after, size + 1)
    answer: Answer = {"mapRuns": [_listed(row, execution.arn) for _, row in rows[:size]]}
    if len(rows) > size:
        last = rows[size - 1][0]
        answer["nextToken"] = context.page_tokens.issue("ListMapRuns", bound, (last.date, last.key), context.now())
    return answer


async def describe_map_run(request: Request) -> Answer:
    row = await map_run_of(request)
    new, change = row.new, row.change
    progress = decode(change.data)
    answer: Answer = {
        "mapRunArn": new.arn,
        "executionArn": await _parent_arn(request, row),
        "status": change.status,
        "startDate": seconds(new.start_date),
        "maxConcurrency": progress.max_concurrency,
        "toleratedFailurePercentage": progress.tolerated_percentage or 0.0,
        "toleratedFailureCount": progress.tolerated_count or 0,
        "itemCounts": _counts(progress.items, progress.left_items),
        "executionCounts": _counts(progress.executions, progress.left),
        "redriveCount": change.redrive_count,
    }
    if change.stop_date is not None:
        answer["stopDate"] = seconds(change.stop_date)
    if change.redrive_date is not None:
        answer["redriveDate"] = seconds(change.redrive_date)
    return answer


async def update_map_run(request: Request) -> Answer:
    row = await map_run_of(request)
    changes = {ours: request.members[theirs] for theirs, ours in _CHANGES.items() if theirs in request.members}
    if not changes:
        raise faults.missing_required(
            "Must specify at least one of maxConcurrency, toleratedFailureCount or toleratedFailurePercentage"
        )
    running = row.change.status == "RUNNING"
    if not running or not await request.context.engine.update_map_run(row.new.key, changes):
        raise faults.completed_map_run(row.new.arn)
    return {}


async def map_run_of(request: Request) -> ExecutionRow:
    """The map run that a request names. Raises InvalidArn, ResourceNotFound."""
    arn = request.text("mapRunArn")
    arns.parts_of(arn, arns.MAP_RUN)
    row = await request.context.store.find_execution(arn)
    if row is None:
        raise faults.resource_not_found(arn)
    return row


async def _parent_arn(request: Request, row: ExecutionRow) -> str:
    assert row.new.parent_key is not None
    parent = await request.context.store.execution_row(row.new.parent_key)
    if parent is None:
        raise faults.resource_not_found(row.new.arn)
    return parent.new.arn


def _listed(row: ExecutionRow, execution_arn: str) -> Json:
    answer: Answer = {
        "executionArn": execution_arn,
        "mapRunArn": row.new.arn,
        "stateMachineArn": row.new.machine_arn,
        "startDate": seconds(row.new.start_date),
    }
    if row.change.stop_date is not None:
        answer["stopDate"] = seconds(row.change.stop_date)
    return answer


def _counts(counts: Counts, left: Counts) -> Json:
    """`left` are those that wait to be redriven."""
    return {
        "pending": counts.pending - left.total,
        "running": counts.running,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "timedOut": counts.timed_out,
        "aborted": counts.aborted,
        "total": counts.total,
        "resultsWritten": counts.written,
        "failuresNotRedrivable": counts.fixed,
        "pendingRedrive": left.total,
    }
