"""The operations of CloudWatch Logs that are here: groups, streams, and their events.

Rules that must stay true here:
- Answers and refusals have AWS's shapes, names and words, as far as its documentation tells them.
- A request reads a bounded part of the log; where there is more, its answer has a token.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from stepwell.api.arns import partition_of
from stepwell.api.context import ApiContext
from stepwell.api.faults import ApiFault
from stepwell.api.logs.chunks import LogEvent, unpack
from stepwell.api.logs.keeper import FUNCTIONS
from stepwell.api.logs.pattern import Matches, PatternFault, compile_pattern
from stepwell.api.whole import LARGEST, whole
from stepwell.store.logs import LogChunk, LogGroupRow, LogStreamRow

_MOST: Final = 10_000  # events of an answer (API reference)
_LARGEST: Final = 1024 * 1024  # characters of an answer
_CHUNKS: Final = 20  # chunks that are read at once
_SCANNED: Final = 400  # chunks that a request looks into
_EVER: Final = 2**62
_RETENTIONS: Final = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""The days that PutRetentionPolicy takes (API reference)."""

_Time: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=LARGEST)]
"""Milliseconds since 1970."""

Operation: TypeAlias = Callable[[bytes], Awaitable[dict[str, Any]]]


class _Members(msgspec.Struct, rename="camel"):
    """The members of a request."""


class _Groups(_Members):
    log_group_name_prefix: str = ""
    log_group_name_pattern: str = ""
    next_token: str = ""
    limit: int = 50


class _Group(_Members):
    log_group_name: str = ""
    log_group_identifier: str = ""
    retention_in_days: int | None = None
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class _Streams(_Group):
    log_stream_name_prefix: str = ""
    order_by: str = "LogStreamName"
    descending: bool = False
    next_token: str = ""
    limit: int = 50


class _Events(_Group):
    log_stream_name: str = ""
    log_stream_names: list[str] = msgspec.field(default_factory=list)
    log_stream_name_prefix: str = ""
    start_time: _Time = 0
    end_time: _Time = _EVER
    filter_pattern: str = ""
    start_from_head: bool = False
    next_token: str = ""
    limit: int = _MOST


class _Tags(_Members):
    resource_arn: str
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    tag_keys: list[str] = msgspec.field(default_factory=list)


class LogOperations:
    """`functions` are the functions whose groups are there before their first line."""

    def __init__(self, context: ApiContext, functions: Callable[[], Sequence[str]]) -> None:
        self._context = context
        self._store = context.store.logs
        self._functions = functions
        self.by_name: Mapping[str, Operation] = {
            "DescribeLogGroups": self._describe_groups,
            "DescribeLogStreams": self._describe_streams,
            "GetLogEvents": self._get_events,
            "FilterLogEvents": self._filter_events,
            "CreateLogGroup": self._create_group,
            "DeleteLogGroup": self._delete_group,
            "PutRetentionPolicy": self._put_retention,
            "DeleteRetentionPolicy": self._delete_retention,
            "ListTagsForResource": self._list_tags,
            "TagResource": self._tag,
            "UntagResource": self._untag,
        }

    # -- groups

    async def _describe_groups(self, body: bytes) -> dict[str, Any]:
        asked = _read(body, _Groups)
        await self._make_function_groups()
        limit = min(max(asked.limit, 1), 50)
        prefix, part = asked.log_group_name_prefix, asked.log_group_name_pattern.lower()
        found = await self._store.groups(prefix, _decoded(asked.next_token), 10_000 if part else limit + 1)
        rows = [row for row in found if part in row.name.lower()]
        answer: dict[str, Any] = {"logGroups": [self._described(row) for row in rows[:limit]]}
        if len(rows) > limit:
            answer["nextToken"] = _encoded(rows[limit - 1].name)
        return answer

    def _described(self, row: LogGroupRow) -> dict[str, Any]:
        arn = self._arn(row.name)
        described = {
            "logGroupName": row.name,
            "creationTime": row.created,
            "metricFilterCount": 0,
            "arn": f"{arn}:*",
            "logGroupArn": arn,
            "storedBytes": row.size,
            "logGroupClass": "STANDARD",
        }
        return described if row.days is None else {**described, "retentionInDays": row.days}

    async def _make_function_groups(self) -> None:
        for name in self._functions():
            await self._make_function_group(f"{FUNCTIONS}{name}")

    async def _make_function_group(self, group: str) -> None:
        if await self._store.find_group(group) is None:
            await self._store.create_group(group, self._context.now())

    async def _create_group(self, body: bytes) -> dict[str, Any]:
        asked = _read(body, _Group)
        if not await self._store.create_group(asked.log_group_name, self._context.now()):
            raise ApiFault("ResourceAlreadyExistsException", "The specified log group already exists")
        await self._set_tags(self._arn(asked.log_group_name), asked.tags, ())
        return {}

    async def _delete_group(self, body: bytes) -> dict[str, Any]:
        if not await self._store.delete_group(_read(body, _Group).log_group_name):
            raise _no_group()
        return {}

    async def _put_retention(self, body: bytes) -> dict[str, Any]:
        asked = _read(body, _Group)
        if asked.retention_in_days not in _RETENTIONS:
            known = ", ".join(str(days) for days in _RETENTIONS)
            raise _invalid(f"retentionInDays is {asked.retention_in_days}; it must be one of {known}")
        return await self._set_days(asked.log_group_name, asked.retention_in_days)

    async def _delete_retention(self, body: bytes) -> dict[str, Any]:
        return await self._set_days(_read(body, _Group).log_group_name, None)

    async def _set_days(self, group: str, days: int | None) -> dict[str, Any]:
        if not await self._store.set_days(group, days):
            raise _no_group()
        return {}

    def _arn(self, group: str) -> str:
        context = self._context
        return f"arn:{partition_of(context.region)}:logs:{context.region}:{context.account}:log-group:{group}"

    async def _group_of(self, asked: _Group) -> str:
        """The name of the group that is asked for. Raises ApiFault."""
        given = asked.log_group_name or asked.log_group_identifier
        name = given.partition(":log-group:")[2].removesuffix(":*") if given.startswith("arn:") else given
        if not name:
            raise _invalid("logGroupName or logGroupIdentifier must be given")
        if await self._store.find_group(name) is None:
            if name.removeprefix(FUNCTIONS) not in self._functions():
                raise _no_group()
            await self._make_function_group(name)
        return name

    # -- streams

    async def _describe_streams(self, body: bytes) -> dict[str, Any]:
        asked = _read(body, _Streams)
        group = await self._group_of(asked)
        rows = [row for row in await self._store.streams(group) if row.name.startswith(asked.log_stream_name_prefix)]
        by_time = asked.order_by == "LastEventTime"
        rows.sort(key=lambda row: (row.last_time if by_time else 0, row.name), reverse=asked.descending)
        start = _number(asked.next_token)
        limit = min(max(asked.limit, 1), 50)
        arn = self._arn(group)
        answer: dict[str, Any] = {"logStreams": [_stream(arn, row) for row in rows[start : start + limit]]}
        if len(rows) > start + limit:
            answer["nextToken"] = _encoded(str(start + limit))
        return answer

    # -- events

    async def _get_events(self, body: bytes) -> dict[str, Any]:
        """A stream's events, from either end, and on in both directions from there."""
        asked = _read(body, _Events)
        group, stream = await self._group_of(asked), asked.log_stream_name
        if not any(row.name == stream for row in await self._store.streams(group)):
            raise ApiFault("ResourceNotFoundException", "The specified log stream does not exist.")
        direction, _, place = asked.next_token.partition("/")
        forward = direction == "f" if asked.next_token else asked.start_from_head
        at = whole(place) if asked.next_token else (0 if forward else _EVER)
        if at is None or (asked.next_token and direction not in ("f", "b")):
            raise _invalid("The specified nextToken is invalid.")
        limit = min(max(asked.limit, 1), _MOST)
        read = self._forward if forward else self._backward
        events = await read(group, stream, (asked.start_time, asked.end_time), at, limit)
        first = events[0].place if events else at
        last = events[-1].place if events else at
        return {
            "events": [
                {"timestamp": event.time, "message": event.message, "ingestionTime": event.place // 1_000_000}
                for event in events
            ],
            "nextForwardToken": f"f/{last}",
            "nextBackwardToken": f"b/{first}",
        }

    async def _forward(self, group: str, stream: str, times: tuple[int, int], after: int, limit: int) -> list[LogEvent]:
        found: list[LogEvent] = []
        while len(found) < limit:
            chunks = await self._store.forward(group, stream, times, after, _CHUNKS)
            events = [event for event in await _unpacked(chunks) if event.place > after]
            found += [event for event in events if times[0] <= event.time <= times[1]]
            if len(chunks) < _CHUNKS:
                break
            after = chunks[-1].last_place
        return _within(found[:limit])

    async def _backward(
        self, group: str, stream: str, times: tuple[int, int], before: int, limit: int
    ) -> list[LogEvent]:
        found: list[LogEvent] = []
        while len(found) < limit:
            chunks = await self._store.backward(group, stream, times, before, _CHUNKS)
            events = [event for event in await _unpacked(chunks[::-1]) if event.place < before]
            found[:0] = [event for event in events if times[0] <= event.time <= times[1]]
            if len(chunks) < _CHUNKS:
                break
            before = chunks[-1].first_place
        return _within(found[-limit:][::-1])[::-1]

    async def _filter_events(self, body: bytes) -> dict[str, Any]:
        """A group's events that match, of some streams or of all."""
        asked = _read(body, _Events)
        group = await self._group_of(asked)
        try:
            matches = compile_pattern(asked.filter_pattern)
        except PatternFault as fault:
            raise _invalid(f"Invalid filter pattern: {fault}") from None
        times = (asked.start_time, asked.end_time)
        limit = min(max(asked.limit, 1), _MOST)
        after = _number(asked.next_token)
        found: list[tuple[str, LogEvent]] = []
        for _ in range(_SCANNED // _CHUNKS):
            chunks = await self._store.forward(group, None, times, after, _CHUNKS)
            wanted = [chunk for chunk in chunks if _is_wanted(chunk.stream, asked)]
            found += await asyncio.to_thread(_matching, wanted, matches, times, after)
            done = len(chunks) < _CHUNKS
            if chunks:
                after = max(chunk.last_place for chunk in chunks)
            if done or len(found) >= limit or sum(len(event.message) for _, event in found) > _LARGEST:
                break
        else:
            done = False
        found.sort(key=lambda pair: pair[1].place)
        if len(found) > limit:
            found, done = found[:limit], False
            after = found[-1][1].place
        found.sort(key=lambda pair: (pair[1].time, pair[1].place))
        answer: dict[str, Any] = {
            "events": [_filtered(stream, event) for stream, event in found],
            "searchedLogStreams": [],
        }
        if not done:
            answer["nextToken"] = _encoded(str(after))
        return answer

    # -- tags

    async def _list_tags(self, body: bytes) -> dict[str, Any]:
        return {"tags": dict(await self._context.store.tags(_read(body, _Tags).resource_arn.removesuffix(":*")))}

    async def _tag(self, body: bytes) -> dict[str, Any]:
        asked = _read(body, _Tags)
        return await self._set_tags(asked.resource_arn.removesuffix(":*"), asked.tags, ())

    async def _untag(self, body: bytes) -> dict[str, Any]:
        asked = _read(body, _Tags)
        return await self._set_tags(asked.resource_arn.removesuffix(":*"), {}, asked.tag_keys)

    async def _set_tags(self, arn: str, tags: Mapping[str, str], removed: Sequence[str]) -> dict[str, Any]:
        if (tags or removed) and not await self._context.store.set_tags(arn, tags, removed, 50):
            raise ApiFault("TooManyTagsException", "A resource can have no more than 50 tags.")
        return {}


def _read(body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.ValidationError as fault:
        raise _invalid(str(fault)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise ApiFault("SerializationException", f"The body is not JSON: {fault}") from None


def _is_wanted(stream: str, asked: _Events) -> bool:
    if asked.log_stream_names:
        return stream in asked.log_stream_names
    return stream.startswith(asked.log_stream_name_prefix)


def _matching(
    chunks: Sequence[LogChunk], matches: Matches, times: tuple[int, int], after: int
) -> list[tuple[str, LogEvent]]:
    return [
        (chunk.stream, event)
        for chunk in chunks
        for event in unpack(chunk)
        if event.place > after and times[0] <= event.time <= times[1] and matches(event.message)
    ]


async def _unpacked(chunks: Sequence[LogChunk]) -> list[LogEvent]:
    return await asyncio.to_thread(lambda: [event for chunk in chunks for event in unpack(chunk)])


def _within(events: list[LogEvent]) -> list[LogEvent]:
    """The first events, as many as an answer may hold, but one at least."""
    size = 0
    for count, event in enumerate(events):
        size += len(event.message)
        if size > _LARGEST and count:
            return events[:count]
    return events


def _filtered(stream: str, event: LogEvent) -> dict[str, Any]:
    return {
        "logStreamName": stream,
        "timestamp": event.time,
        "message": event.message,
        "ingestionTime": event.place // 1_000_000,
        "eventId": f"{event.place:056d}",
    }


def _stream(group_arn: str, row: LogStreamRow) -> dict[str, Any]:
    return {
        "logStreamName": row.name,
        "creationTime": row.first_time,
        "firstEventTimestamp": row.first_time,
        "lastEventTimestamp": row.last_time,
        "lastIngestionTime": row.last_place // 1_000_000,
        "arn": f"{group_arn}:log-stream:{row.name}",
        "storedBytes": 0,
    }


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def _decoded(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except ValueError:
        raise _invalid("The specified nextToken is invalid.") from None


def _number(token: str) -> int:
    """Where a listing goes on. Raises ApiFault."""
    place = whole(_decoded(token) or "0")
    if place is None:
        raise _invalid("The specified nextToken is invalid.")
    return place


def _invalid(message: str) -> ApiFault:
    return ApiFault("InvalidParameterException", message)


def _no_group() -> ApiFault:
    return ApiFault("ResourceNotFoundException", "The specified log group does not exist.")
