"""Activities, and the long poll by which their workers get tasks.

Rules that must stay true here:
- Creating is idempotent by name; tags of a repetition are not applied.
- A task is claimed only for a client that is still there: the poll ends when its client goes.
"""

from __future__ import annotations

from typing import Final

import orjson

from stepwell.api import arns, configuration, faults, tagging
from stepwell.api.long_poll import while_wanted
from stepwell.api.names import check_name
from stepwell.api.request import Answer, Headed, Request, seconds
from stepwell.engine.errors import TooManyWorkers
from stepwell.engine.trace import headers_of, xray_of
from stepwell.language.values import Json
from stepwell.store.protocol import ActivityRow
from stepwell.tasks.remote import ACTIVITY_PREFIX, Handed

POLL_SECONDS: Final = 60.0  # API reference, GetActivityTask


async def create_activity(request: Request) -> Answer:
    store = request.context.store
    name = check_name(request.text("name"))
    arn = arns.prefix(request.region, request.context.account, arns.ACTIVITY) + name
    encryption: dict[str, Json] = {"type": configuration.OWNED_KEY}
    given = request.structure("encryptionConfiguration")
    if given is not None:
        encryption = configuration.checked_encryption(given)
    tags = tagging.requested_tags(request)
    if len(tags) > tagging.MAX_TAGS:
        raise faults.too_many_tags(arn, tagging.MAX_TAGS)
    text = orjson.dumps({"encryptionConfiguration": encryption}).decode()
    row = ActivityRow(arn, name, request.context.now(), text)
    if not await store.create_activity(row, tags):
        existing = await store.find_activity(arn)
        if existing is None or existing.configuration != text:
            raise faults.activity_already_exists(arn)
        row = existing
    return {"activityArn": row.arn, "creationDate": seconds(row.creation_date)}


async def describe_activity(request: Request) -> Answer:
    row = await _activity_of(request)
    return {
        "activityArn": row.arn,
        "name": row.name,
        "creationDate": seconds(row.creation_date),
        "encryptionConfiguration": orjson.loads(row.configuration)["encryptionConfiguration"],
    }


async def list_activities(request: Request) -> Answer:
    context, size = request.context, request.page_size()
    prefix = arns.prefix(request.region, context.account, arns.ACTIVITY)
    after: tuple[int, str] | None = None
    token = request.optional_text("nextToken")
    if token is not None:
        date, name = context.page_tokens.open(token, "ListActivities", (prefix,), context.now())
        after = (int(date), str(name))
    rows = await context.store.list_activities(prefix, after, size + 1)
    answer: Answer = {"activities": [_listed(row) for row in rows[:size]]}
    if len(rows) > size:
        last = rows[size - 1]
        position = (last.creation_date, last.name)
        answer["nextToken"] = context.page_tokens.issue("ListActivities", (prefix,), position, context.now())
    return answer


async def delete_activity(request: Request) -> Answer:
    """Deleting what is not there is no error (recorded)."""
    arn = request.text("activityArn")
    arns.parts_of(arn, arns.ACTIVITY)
    await request.context.store.delete_activity(arn)
    return {}


async def get_activity_task(request: Request) -> Answer:
    remote = request.context.remote
    function = remote_function(request)
    if remote is not None and function is not None:
        handed = await while_wanted(request, remote.take(function, request.optional_text("workerName"), POLL_SECONDS))
        return {"taskToken": None} if handed is None else _handed(handed)
    row = await _activity_of(request)
    poll = request.context.engine.get_activity_task(row.arn, request.optional_text("workerName"), POLL_SECONDS)
    try:
        task = await while_wanted(request, poll)
    except TooManyWorkers:
        raise faults.too_many_workers() from None
    if task is None:
        return {"taskToken": None}
    return _in_trace({"taskToken": task.token, "input": task.input}, task.trace)


def remote_function(request: Request) -> str | None:
    """The function whose calls the activity hands to workers; None where it is an activity like any other."""
    remote = request.context.remote
    name = arns.parts_of(request.text("activityArn"), arns.ACTIVITY)[-1]
    function = name.removeprefix(ACTIVITY_PREFIX)
    return function if remote is not None and function != name and remote.serves(function) else None


def _handed(handed: Handed) -> Answer:
    """A function's call. What AWS has no member for stands apart: its SDKs pass it over."""
    asked = handed.invocation
    answer: Answer = {
        "taskToken": handed.token,
        "input": asked.event.decode(),
        "invocation": {
            "requestId": asked.request_id,
            "functionArn": asked.function_arn,
            "clientContext": asked.client_context,
            "idempotencyKey": asked.idempotency_key,
            "execution": asked.execution_arn,
            "leaseSeconds": handed.lease,
            "trace": asked.trace,
        },
    }
    return _in_trace(answer, asked.trace)


def _in_trace(answer: Answer, trace: str | None) -> Answer:
    """An answer whose headers say which trace the task is part of: AWS's SDKs show headers, but no member of ours."""
    headed = Headed(answer)
    if trace is not None:
        headers = headers_of(trace) | {"x-amzn-trace-id": xray_of(trace)}
        headed.headers = tuple((name.encode(), value.encode("latin-1")) for name, value in headers.items())
    return headed


async def _activity_of(request: Request) -> ActivityRow:
    arn = request.text("activityArn")
    arns.parts_of(arn, arns.ACTIVITY)
    row = await request.context.store.find_activity(arn)
    if row is None:
        raise faults.activity_does_not_exist(arn)
    return row


def _listed(row: ActivityRow) -> Json:
    return {"activityArn": row.arn, "name": row.name, "creationDate": seconds(row.creation_date)}
