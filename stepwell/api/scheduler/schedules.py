"""CreateSchedule, GetSchedule, UpdateSchedule, DeleteSchedule, ListSchedules.

Rules that must stay true here:
- An update replaces the whole schedule: what it does not say is as if it had never been said.
- What was sent of a target is answered as it was sent.
"""

from __future__ import annotations

import orjson
from starlette.requests import Request

from stepwell.api.context import ApiContext
from stepwell.api.request import Answer, seconds
from stepwell.api.scheduler.shapes import Schedule, WholeTarget
from stepwell.api.scheduler.wire import arn_prefix, body, conflict, invalid, not_found, page, page_size, shaped
from stepwell.language.values import Json
from stepwell.schedule.definition import InvalidSchedule
from stepwell.schedule.registry import (
    GroupMissing,
    ScheduleChanged,
    ScheduleExists,
    Schedules,
    group_arn,
    schedule_arn,
)
from stepwell.store.schedules import ScheduleRow


class ScheduleRoutes:
    """The operations on schedules, over a server's schedules."""

    def __init__(self, schedules: Schedules, context: ApiContext) -> None:
        self._schedules = schedules
        self._context = context

    async def create(self, request: Request) -> Answer:
        row = await self._sent(request)
        try:
            made = await self._schedules.create(row)
        except InvalidSchedule as fault:
            raise invalid(str(fault)) from fault
        except GroupMissing:
            raise not_found("Schedule group", row.group_name) from None
        except ScheduleExists:
            raise conflict(f"Schedule {row.name} already exists.") from None
        return {"ScheduleArn": made.arn}

    async def update(self, request: Request) -> Answer:
        row = await self._sent(request)
        stored = await self._schedules.store.find(row.arn)
        if stored is None:
            raise not_found("Schedule", row.name)
        try:
            made = await self._schedules.update(stored, row)
        except InvalidSchedule as fault:
            raise invalid(str(fault)) from fault
        except ScheduleChanged:
            raise conflict(f"Schedule {row.name} was changed by another request.") from None
        return {"ScheduleArn": made.arn}

    async def get(self, request: Request) -> Answer:
        arn, name = self._named(request)
        row = await self._schedules.store.find(arn)
        if row is None:
            raise not_found("Schedule", name)
        return _described(row)

    async def delete(self, request: Request) -> Answer:
        arn, name = self._named(request)
        if not await self._schedules.store.delete(arn):
            raise not_found("Schedule", name)
        return {}

    async def list(self, request: Request) -> Answer:
        query, prefix = request.query_params, arn_prefix(request, self._context)
        group = query.get("ScheduleGroup")
        if group is not None and await self._schedules.group(prefix, group) is None:
            raise not_found("Schedule group", group)
        arns = f"{prefix}schedule/" if group is None else schedule_arn(prefix, group, "")
        names, state, size = query.get("NamePrefix", ""), query.get("State"), page_size(request)
        bound = (arns, names, state)
        after = page(request, self._context, "ListSchedules", bound)
        rows = await self._schedules.store.list(arns, names, state, after, size + 1)
        answer: Answer = {"Schedules": [_listed(row) for row in rows[:size]]}
        if len(rows) > size:
            now = self._context.now()
            answer["NextToken"] = self._context.page_tokens.issue("ListSchedules", bound, (rows[size - 1].arn,), now)
        return answer

    def _named(self, request: Request) -> tuple[str, str]:
        """The ARN and the name of the schedule that a path and a query name."""
        name: str = request.path_params["name"]
        group = request.query_params.get("groupName", "default")
        return schedule_arn(arn_prefix(request, self._context), group, name), name

    async def _sent(self, request: Request) -> ScheduleRow:
        """The schedule that a request writes. Raises SchedulerFault."""
        text = await body(request)
        sent, whole = shaped(text, Schedule), shaped(text, WholeTarget)
        window = sent.FlexibleTimeWindow
        if (window.Mode == "FLEXIBLE") != (window.MaximumWindowInMinutes is not None):
            raise invalid("MaximumWindowInMinutes belongs to the FlexibleTimeWindow's Mode FLEXIBLE, and to it alone")
        prefix, name, now = arn_prefix(request, self._context), request.path_params["name"], self._schedules.now()
        return ScheduleRow(
            arn=schedule_arn(prefix, sent.GroupName, name),
            group_arn=group_arn(prefix, sent.GroupName),
            group_name=sent.GroupName,
            name=name,
            expression=sent.ScheduleExpression,
            timezone=sent.ScheduleExpressionTimezone,
            target=orjson.dumps(whole.Target).decode(),
            state=sent.State,
            created=now,
            modified=now,
            anchor=now,
            start=_milliseconds(sent.StartDate),
            end=_milliseconds(sent.EndDate),
            window=window.MaximumWindowInMinutes or 0,
            description=sent.Description,
            kms_key_arn=sent.KmsKeyArn,
            delete_when_done=sent.ActionAfterCompletion == "DELETE",
            catch_up=sent.CatchUp,
            overlap=sent.Overlap,
            client_token=sent.ClientToken,
        )


def _milliseconds(seconds_: float | None) -> int | None:
    return None if seconds_ is None else round(seconds_ * 1000)


def _described(row: ScheduleRow) -> Answer:
    window: Answer = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": row.window} if row.window else {"Mode": "OFF"}
    told: dict[str, Json | None] = {
        "Arn": row.arn,
        "GroupName": row.group_name,
        "Name": row.name,
        "ScheduleExpression": row.expression,
        "ScheduleExpressionTimezone": row.timezone,
        "StartDate": None if row.start is None else seconds(row.start),
        "EndDate": None if row.end is None else seconds(row.end),
        "Description": row.description,
        "State": row.state,
        "CreationDate": seconds(row.created),
        "LastModificationDate": seconds(row.modified),
        "KmsKeyArn": row.kms_key_arn,
        "Target": orjson.loads(row.target),
        "FlexibleTimeWindow": window,
        "ActionAfterCompletion": "DELETE" if row.delete_when_done else "NONE",
        "CatchUp": row.catch_up,
        "Overlap": row.overlap,
        "NextDate": None if row.next_due is None else seconds(row.next_due),
        "LastDate": None if row.last_due is None else seconds(row.last_due),
        "LastExecutionArn": row.last_execution,
        "LastError": row.last_error,
    }
    return {member: value for member, value in told.items() if value is not None}


def _listed(row: ScheduleRow) -> Answer:
    return {
        "Arn": row.arn,
        "GroupName": row.group_name,
        "Name": row.name,
        "State": row.state,
        "CreationDate": seconds(row.created),
        "LastModificationDate": seconds(row.modified),
        "Target": {"Arn": orjson.loads(row.target)["Arn"]},
        "ScheduleExpression": row.expression,
        "ScheduleExpressionTimezone": row.timezone,
        **({} if row.next_due is None else {"NextDate": seconds(row.next_due)}),
    }
