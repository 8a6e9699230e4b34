"""Groups of schedules, and their tags.

Rules that must stay true here:
- The group `default` is always there, and stays.
- A group goes at once with all its schedules; AWS takes a while, and clients that wait for it see that it is gone.
"""

from __future__ import annotations

import re

from starlette.requests import Request

from stepwell.api.context import ApiContext
from stepwell.api.request import Answer, seconds
from stepwell.api.scheduler.shapes import Group, Tags
from stepwell.api.scheduler.wire import arn_prefix, body, conflict, invalid, not_found, page, page_size, shaped
from stepwell.schedule.declared import DEFAULT_GROUP
from stepwell.schedule.definition import NAME
from stepwell.schedule.registry import Schedules, group_arn
from stepwell.store.schedules import GroupRow

_MOST_TAGS = 50
_GROUP_ARN = re.compile(r"(arn:aws[a-z-]*:scheduler:[a-z0-9-]+:\d{12}:)schedule-group/([0-9a-zA-Z_.-]+)")


class GroupRoutes:
    """The operations on groups, over a server's schedules."""

    def __init__(self, schedules: Schedules, context: ApiContext) -> None:
        self._schedules = schedules
        self._context = context

    async def create(self, request: Request) -> Answer:
        name, prefix = request.path_params["name"], arn_prefix(request, self._context)
        sent = shaped(await body(request), Group)
        if NAME.fullmatch(name) is None:
            raise invalid(f"Name {name!r}: it takes 1 to 64 letters, digits and . _ -")
        row = await self._schedules.create_group(prefix, name, sent.ClientToken)
        if row is None:
            stored = await self._schedules.group(prefix, name)
            if stored is None or sent.ClientToken is None or stored.client_token != sent.ClientToken:
                raise conflict(f"Schedule group {name} already exists.")
            row = stored
        await self._tag(row.arn, {tag.Key: tag.Value for tag in sent.Tags})
        return {"ScheduleGroupArn": row.arn}

    async def get(self, request: Request) -> Answer:
        return _described(await self._found(request))

    async def delete(self, request: Request) -> Answer:
        name = request.path_params["name"]
        if name == DEFAULT_GROUP:
            raise invalid("The default schedule group cannot be deleted.")
        if not await self._schedules.store.delete_group(group_arn(arn_prefix(request, self._context), name)):
            raise not_found("Schedule group", name)
        return {}

    async def list(self, request: Request) -> Answer:
        prefix, size = arn_prefix(request, self._context), page_size(request)
        await self._schedules.group(prefix, DEFAULT_GROUP)
        bound = (prefix, request.query_params.get("NamePrefix", ""))
        after = page(request, self._context, "ListScheduleGroups", bound)
        rows = await self._schedules.store.list_groups(group_arn(prefix, ""), bound[1], after, size + 1)
        answer: Answer = {"ScheduleGroups": [_described(row) for row in rows[:size]]}
        if len(rows) > size:
            token = self._context.page_tokens.issue(
                "ListScheduleGroups", bound, (rows[size - 1].arn,), self._context.now()
            )
            answer["NextToken"] = token
        return answer

    # -- tags

    async def tag(self, request: Request) -> Answer:
        arn = await self._tagged(request)
        await self._tag(arn, {tag.Key: tag.Value for tag in shaped(await body(request), Tags).Tags})
        return {}

    async def untag(self, request: Request) -> Answer:
        arn = await self._tagged(request)
        await self._context.store.set_tags(arn, {}, request.query_params.getlist("TagKeys"), _MOST_TAGS)
        return {}

    async def tags(self, request: Request) -> Answer:
        found = await self._context.store.tags(await self._tagged(request))
        return {"Tags": [{"Key": key, "Value": value} for key, value in found.items()]}

    async def _tag(self, arn: str, tags: dict[str, str]) -> None:
        if tags and not await self._context.store.set_tags(arn, tags, [], _MOST_TAGS):
            raise invalid(f"A schedule group can have at most {_MOST_TAGS} tags")

    async def _tagged(self, request: Request) -> str:
        """The ARN of the group that a path names. Raises SchedulerFault."""
        arn = f"arn:{request.path_params['rest']}"
        match = _GROUP_ARN.fullmatch(arn)
        if match is None:
            raise invalid(f"{arn} is no ARN of a schedule group: only these have tags")
        if await self._schedules.group(match[1], match[2]) is None:
            raise not_found("Schedule group", match[2])
        return arn

    async def _found(self, request: Request) -> GroupRow:
        name = request.path_params["name"]
        row = await self._schedules.group(arn_prefix(request, self._context), name)
        if row is None:
            raise not_found("Schedule group", name)
        return row


def _described(row: GroupRow) -> Answer:
    return {
        "Arn": row.arn,
        "Name": row.name,
        "State": "ACTIVE",
        "CreationDate": seconds(row.created),
        "LastModificationDate": seconds(row.modified),
    }
