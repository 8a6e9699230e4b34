"""What must hold for the history of any execution, whatever happened to the server meanwhile.

Rules that must stay true here:
- A rule names what it found wrong, with the events' ids; an empty list means that the history is sound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

Event = dict[str, Any]

ENDS = {
    "SUCCEEDED": "ExecutionSucceeded",
    "FAILED": "ExecutionFailed",
    "ABORTED": "ExecutionAborted",
    "TIMED_OUT": "ExecutionTimedOut",
}
_OUTCOMES = ("Succeeded", "Failed", "TimedOut")


def faults(events: Sequence[Event], status: str) -> list[str]:
    """Everything that is wrong with the history of an execution that has ended."""
    return [*_numbering(events), *_ending(events, status), *_causes(events), *_attempts(events, status)]


def _numbering(events: Sequence[Event]) -> Iterator[str]:
    ids = [event["id"] for event in events]
    if ids != list(range(1, len(ids) + 1)):
        yield f"ids are not 1 to {len(ids)}: {ids}"
    dates = [event["timestamp"] for event in events]
    if dates != sorted(dates):
        yield "time runs backwards"


def _ending(events: Sequence[Event], status: str) -> Iterator[str]:
    if events[0]["type"] != "ExecutionStarted":
        yield f"begins with {events[0]['type']}"
    ends = [event["id"] for event in events if event["type"] in ENDS.values()]
    if ends != [len(events)] or events[-1]["type"] != ENDS[status]:
        yield f"is {status}, ends with {events[-1]['type']}, has ends at {ends}"


def _causes(events: Sequence[Event]) -> Iterator[str]:
    """Every event is caused by an earlier one; a state is left once, by a chain from where it was entered."""
    left: Counter[int] = Counter()
    by_id = {event["id"]: event for event in events}
    for event in events:
        previous = event.get("previousEventId", 0)
        if not 0 <= previous < event["id"]:
            yield f"event {event['id']} is caused by {previous}"
        if event["type"].endswith("StateExited"):
            name = event["stateExitedEventDetails"]["name"]
            entered = next(
                (
                    cause["id"]
                    for cause in _chain(event, by_id)
                    if cause["type"].endswith("StateEntered") and cause["stateEnteredEventDetails"]["name"] == name
                ),
                None,
            )
            if entered is None:
                yield f"event {event['id']} leaves {name}, which its causes never entered"
            else:
                left[entered] += 1
    yield from (
        f"the state entered at {entered} was left {times} times" for entered, times in left.items() if times > 1
    )


def _attempts(events: Sequence[Event], status: str) -> Iterator[str]:
    """What was scheduled was started once and has one outcome; the abort of an execution may leave it without."""
    followers: dict[int, list[Event]] = {}
    for event in events:
        followers.setdefault(event.get("previousEventId", 0), []).append(event)
    for scheduled in events:
        prefix = scheduled["type"].removesuffix("Scheduled")
        if prefix == scheduled["type"]:
            continue
        outcomes, at = [], [scheduled]
        while at:
            at = [event for one in at for event in followers.get(one["id"], []) if event["type"].startswith(prefix)]
            at = [event for event in at if not event["type"].endswith(("Scheduled", "Entered", "Exited"))]
            names = [event["type"].removeprefix(prefix) for event in at]
            if len(names) != len(set(names)):
                yield f"event {scheduled['id']} {scheduled['type']} goes on twice: {names}"
            outcomes += [name for name in names if name in _OUTCOMES]
        if len(outcomes) != 1 and not (status == "ABORTED" and not outcomes):
            yield f"event {scheduled['id']} {scheduled['type']} has the outcomes {outcomes}"


def _chain(event: Event, by_id: dict[int, Event]) -> Iterator[Event]:
    while event := by_id.get(event.get("previousEventId", 0), {}):
        yield event
