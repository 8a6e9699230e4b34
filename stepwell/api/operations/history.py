"""Histories of executions.

Rules that must stay true here:
- The name of an event's details member, and which payloads have a `…Details` beside them, come from the service model.
- An event whose type has a details shape shows it, empty or not; one whose type has none shows none.
- A page's token names the next event and the direction; a history that grows between two pages is read on.
"""

from __future__ import annotations

from typing import Final

from stepwell.api.operations.executions import execution_of
from stepwell.api.request import Answer, Request, seconds
from stepwell.api.service_model import SHAPES, member_shape
from stepwell.language.values import Json
from stepwell.machine.history import Event

_PAYLOADS: Final = frozenset({"input", "output", "parameters", "assignedVariables"})
_MAX_PAGE_TEXT: Final = 8 * 1024 * 1024  # characters of payload, after which a page ends early
_CHUNK: Final = 100


def _details_members() -> dict[str, tuple[str, frozenset[str]]]:
    """For each type of event: the member that holds its details, and the details that have a `…Details` beside them."""
    members: dict[str, tuple[str, frozenset[str]]] = {}
    known = SHAPES["HistoryEvent"]["members"]
    for event_type in SHAPES["HistoryEventType"]["enum"]:
        member = _details_member(event_type)
        if member not in known:
            continue
        inside = SHAPES[member_shape("HistoryEvent", member)]["members"]
        members[event_type] = (member, frozenset(name for name in inside if f"{name}Details" in inside))
    return members


def _details_member(event_type: str) -> str:
    for suffix in ("StateEntered", "StateExited"):
        if event_type.endswith(suffix):
            return f"s{suffix[1:]}EventDetails"
    return f"{event_type[0].lower()}{event_type[1:]}EventDetails"


_MEMBERS: Final = _details_members()


async def get_execution_history(request: Request) -> Answer:
    context = request.context
    row = await execution_of(request)
    key, last = row.new.key, row.change.last_event_id
    reverse, included = request.flag("reverseOrder"), request.flag("includeExecutionData", default=True)
    bound = (key, reverse)
    position = last if reverse else 1
    token = request.optional_text("nextToken")
    if token is not None:
        position = int(context.page_tokens.open(token, "GetExecutionHistory", bound, context.now())[0])
    step = -1 if reverse else 1
    answered: list[Json] = []
    text = 0
    size = request.page_size()
    while len(answered) < size and 1 <= position <= last and text < _MAX_PAGE_TEXT:
        events = await context.engine.history(key, position, min(_CHUNK, size - len(answered)), reverse)
        if not events:
            break
        for event in events:
            answered.append(answered_event(event, included))
            text += _payload_length(event) if included else 0
        position = events[-1].id + step
    answer: Answer = {"events": answered}
    if 1 <= position <= last:
        answer["nextToken"] = context.page_tokens.issue("GetExecutionHistory", bound, (position,), context.now())
    return answer


def answered_event(event: Event, included: bool = True) -> dict[str, Json]:
    """An event as the API answers it; without its payloads where they are not `included`."""
    answer: dict[str, Json] = {
        "timestamp": seconds(event.timestamp),
        "type": event.type,
        "id": event.id,
        "previousEventId": event.previous_id,
    }
    shape = _MEMBERS.get(event.type)
    if shape is None:
        return answer
    member, with_details = shape
    details: dict[str, Json] = {}
    for name, value in event.details.items():
        if value is None:
            continue
        if included or name not in _PAYLOADS:
            details[name] = value
        if name in with_details:
            details[f"{name}Details"] = {"truncated": False}
    answer[member] = details
    return answer


def _payload_length(event: Event) -> int:
    return sum(len(value) for value in event.details.values() if isinstance(value, str))
