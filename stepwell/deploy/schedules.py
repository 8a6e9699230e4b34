"""Schedules: SAM's Schedule and ScheduleV2 events, AWS::Scheduler::Schedule, and AWS::Events::Rule by time.

Rules that must stay true here:
- A schedule starts a function or a state machine of this template; one with another target is told as not run.
- A rule with a pattern waits for a bus of events, which is not here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from stepwell.deploy.description import NotRun, ScheduleSpec, Target
from stepwell.deploy.faults import TemplateError
from stepwell.deploy.intrinsics import text_of
from stepwell.deploy.names import fitted, physical_name
from stepwell.deploy.scope import Scope
from stepwell.language.values import Json

EVENTS: Final = ("Schedule", "ScheduleV2")
RULE: Final = "AWS::Events::Rule"
SCHEDULE: Final = "AWS::Scheduler::Schedule"


def read_event(
    scope: Scope, logical_id: str, event: str, kind: str, properties: Mapping[str, Json], target: Target
) -> ScheduleSpec:
    """A Schedule or ScheduleV2 event of a function or a state machine. Raises TemplateError."""
    at = f"{logical_id}.Events.{event}"
    found = scope.members(dict(properties), at)
    expression = found.get("Schedule", found.get("ScheduleExpression"))
    if expression is None:
        raise TemplateError(at, f"a {kind} event needs {'Schedule' if kind == 'Schedule' else 'ScheduleExpression'}.")
    state = found.get("State")
    enabled = state == "ENABLED" if state is not None else text_of(found.get("Enabled", True), at) == "true"
    return ScheduleSpec(
        logical_id=f"{logical_id}{event}",
        name=text_of(found.get("Name", fitted(f"{logical_id}{event}")), at),
        kind="rule" if kind == "Schedule" else "scheduler",
        expression=text_of(expression, at),
        target=target,
        input=_input(found.get("Input"), at),
        enabled=enabled,
        timezone=_text(found, "ScheduleExpressionTimezone", at) or "UTC",
        start=_text(found, "StartDate", at),
        end=_text(found, "EndDate", at),
        window=_window(found, at),
    )


def read_schedule(
    scope: Scope, logical_id: str, properties: Mapping[str, Json], targets: Mapping[str, Target]
) -> ScheduleSpec | NotRun:
    """An AWS::Scheduler::Schedule; `targets` are the template's own by ARN. Raises TemplateError."""
    found = scope.members(dict(properties), logical_id)
    aim = found.get("Target")
    if "ScheduleExpression" not in found or not isinstance(aim, dict):
        raise TemplateError(logical_id, "a schedule needs ScheduleExpression and Target.")
    target, text = _aimed(aim, targets)
    if target is None:
        return NotRun(SCHEDULE, logical_id, f"its target, {aim.get('Arn')}, is not of this template")
    return ScheduleSpec(
        logical_id=logical_id,
        name=physical_name(scope, logical_id) if "Name" in found else fitted(logical_id),
        kind="scheduler",
        expression=text_of(found["ScheduleExpression"], logical_id),
        target=target,
        input=text,
        enabled=found.get("State", "ENABLED") == "ENABLED",
        timezone=_text(found, "ScheduleExpressionTimezone", logical_id) or "UTC",
        start=_text(found, "StartDate", logical_id),
        end=_text(found, "EndDate", logical_id),
        window=_window(found, logical_id),
    )


def read_rule(
    scope: Scope, logical_id: str, properties: Mapping[str, Json], targets: Mapping[str, Target]
) -> Sequence[ScheduleSpec | NotRun]:
    """An AWS::Events::Rule: a schedule for each of its targets. Raises TemplateError."""
    if "ScheduleExpression" not in properties:
        return [NotRun(RULE, logical_id, "it waits for events of a bus")]
    read = ("ScheduleExpression", "Targets", "State", "Name")
    found = scope.members({name: properties[name] for name in read if name in properties}, logical_id)
    listed = found.get("Targets")
    aims = listed if isinstance(listed, list) else []
    schedules: list[ScheduleSpec | NotRun] = []
    for index, aim in enumerate(aims):
        target, text = _aimed(aim, targets) if isinstance(aim, dict) else (None, None)
        if target is None:
            schedules.append(NotRun(RULE, logical_id, f"its target {index + 1} is not of this template"))
            continue
        name = fitted(logical_id if len(aims) == 1 else f"{logical_id}-{index + 1}")
        schedules.append(
            ScheduleSpec(
                logical_id=logical_id,
                name=physical_name(scope, logical_id) if "Name" in found and index == 0 else name,
                kind="rule",
                expression=text_of(found["ScheduleExpression"], logical_id),
                target=target,
                input=text,
                enabled=found.get("State", "ENABLED") != "DISABLED",
            )
        )
    return schedules


def _aimed(aim: Mapping[str, Json], targets: Mapping[str, Target]) -> tuple[Target | None, str | None]:
    """The target that an ARN leads to, and its input. A universal target names the machine or function in its input."""
    arn, text = str(aim.get("Arn")), _input(aim.get("Input"), "Target.Input")
    if arn.endswith((":aws-sdk:sfn:startExecution", ":aws-sdk:lambda:invoke")):
        members = _members(text)
        named = str(members.get("StateMachineArn", members.get("FunctionName")))
        inner = members.get("Input", members.get("Payload"))
        return _found(named, targets), inner if isinstance(inner, str) else text
    return _found(arn, targets), text


def _found(arn: str, targets: Mapping[str, Target]) -> Target | None:
    """A target by its ARN, qualified or not, or by its name."""
    return targets.get(arn) or targets.get(arn.rpartition(":")[0])


def _members(text: str | None) -> dict[str, Json]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _input(value: Json, at: str) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(found: Mapping[str, Json], member: str, at: str) -> str | None:
    value = found.get(member)
    return None if value is None else text_of(value, f"{at}.{member}")


def _window(found: Mapping[str, Json], at: str) -> int | None:
    """Minutes of a flexible window. Raises TemplateError."""
    window = found.get("FlexibleTimeWindow")
    if not isinstance(window, dict) or window.get("Mode") != "FLEXIBLE":
        return None
    place = f"{at}.FlexibleTimeWindow.MaximumWindowInMinutes"
    text = text_of(window.get("MaximumWindowInMinutes"), place)
    if not text.isdecimal():
        raise TemplateError(place, f"{text!r} is no whole number of minutes.")
    return int(text)
