"""What becomes of a function's calls that nobody waits for, as SAM and CloudFormation say it on the function.

Rules that must stay true here:
- What cannot be told here is told about: a destination is never dropped in silence.

SAM: EventInvokeConfig and DeadLetterQueue; CloudFormation: DeadLetterConfig.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from stepwell.deploy.intrinsics import text_of
from stepwell.language.values import Json
from stepwell.tasks.kinds.event_calls import EventCalls

PROPERTIES = ("EventInvokeConfig", "DeadLetterQueue", "DeadLetterConfig")

_DESTINATIONS = {"OnSuccess": "on_success", "OnFailure": "on_failure"}


def event_calls(properties: Mapping[str, Json], at: str) -> tuple[EventCalls, tuple[str, ...]]:
    """The calls, and what of them is not done here. `properties` are resolved. Raises TemplateError."""
    calls, notes = EventCalls(), []
    for name, value in _fields(properties, at):
        with suppress(ValueError):
            calls = _with(calls, name, value)
            continue
        notes.append(f"{name} of its event calls is not done here: {value or 'it names no target'}")
    return calls, tuple(notes)


def _fields(properties: Mapping[str, Json], at: str) -> Iterator[tuple[str, str]]:
    """Fields of EventCalls with their texts."""
    config = _members(properties.get("EventInvokeConfig"))
    for member, field in (("MaximumRetryAttempts", "retries"), ("MaximumEventAgeInSeconds", "max_age")):
        if member in config:
            yield field, text_of(config[member], f"{at}.EventInvokeConfig.{member}")
    destinations = _members(config.get("DestinationConfig"))
    for member, field in _DESTINATIONS.items():
        if member in destinations:
            target = _members(destinations[member]).get("Destination", "")
            yield field, text_of(target, f"{at}.EventInvokeConfig.DestinationConfig.{member}")
    for member in ("DeadLetterQueue", "DeadLetterConfig"):
        if member in properties:
            target = _members(properties[member]).get("TargetArn", "")
            yield "dead_letter", text_of(target, f"{at}.{member}.TargetArn")


def _with(calls: EventCalls, field: str, text: str) -> EventCalls:
    """Raises ValueError."""
    value: Any = int(text) if field in ("retries", "max_age") else text
    return replace(calls, **{field: value})


def _members(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}
