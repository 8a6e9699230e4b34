"""The schedules of a plan: those that the app declares, and those that clients write, pause and delete.

Rules that must stay true here:
- Each has a beginning and an end, so that what it has to start can be counted.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace as changed

from stepwell.schedule.declared import DeclaredSchedule
from stepwell.schedule.deploy import declared_row
from stepwell.store.schedules import ScheduleRow
from tests.simulation.times import BEGIN
from tests.simulation.values import GIVEN, ROLE, machine_arn

if TYPE_CHECKING:
    from tests.simulation.plan import Plan

SCHEDULER: Final = "arn:aws:scheduler:us-east-1:123456789012:"

_BEGIN: Final = datetime.fromtimestamp(BEGIN / 1e9, UTC)
_INPUT: Final = json.dumps(GIVEN | {"due": "<aws.scheduler.scheduled-time>"})


@dataclass(frozen=True)
class Act:
    """What a client does with a schedule, so many seconds after it was written: pause, resume, delete."""

    after: float
    what: str


@dataclass(frozen=True)
class Written:
    """A schedule that a client writes."""

    at: float
    row: ScheduleRow
    later: tuple[Act, ...]


@dataclass(frozen=True)
class SchedulePlan:
    declared: tuple[ScheduleRow, ...]
    written: tuple[Written, ...]


def with_schedules(plan: Plan, chance: random.Random) -> Plan:
    """The plan, with schedules for the machines that it has."""
    machines = [machine.name for machine in plan.machines if machine.type == "STANDARD"]
    declared = [_row(f"declared-{number}", machines, chance) for number in range(chance.choice((0, 1, 2)))]
    written = [_written(number, machines, chance) for number in range(chance.randint(1, 2))]
    return replace(plan, schedules=SchedulePlan(tuple(declared), tuple(written)))


def _written(number: int, machines: Sequence[str], chance: random.Random) -> Written:
    row = _row(f"written-{number}", machines, chance)
    row = changed(row, client_token=f"token-{number}", declared=None)
    acts: list[Act] = []
    if chance.random() < 0.3:
        acts += [Act(chance.choice((5.0, 20.0, 31.0)), "pause"), Act(chance.choice((40.0, 60.0, 95.0)), "resume")]
    elif chance.random() < 0.2:
        acts.append(Act(chance.choice((0.0, 20.0, 60.01)), "delete"))
    return Written(chance.choice((0.0, 1.0, 30.0)), row, tuple(acts))


def _row(name: str, machines: Sequence[str], chance: random.Random) -> ScheduleRow:
    start = _BEGIN + timedelta(seconds=chance.choice((5, 20, 60)))
    seconds, most = chance.choice(((2, 6), (10, 8), (60, 4), (3600, 2)))
    kind = chance.choice(("rate", "rate", "cron", "at"))
    expression = {
        "rate": f"rate({seconds} seconds)",
        "cron": "cron(* * * * ? *)",
        "at": f"at({start:%Y-%m-%dT%H:%M:%S})",
    }[kind]
    length = {"rate": seconds * most, "cron": 240, "at": 1}[kind]
    schedule = DeclaredSchedule(
        name=name,
        expression=expression,
        start=None if kind == "at" else start,
        end=None if kind == "at" else start + timedelta(seconds=length),
        machine=chance.choice(machines),
        input=_INPUT,
        window=chance.choice((None, None, 1, 3)),
        delete_when_done=chance.random() < 0.3,
        catch_up=chance.choice(("all", "all", "latest", "skip")),
        overlap="skip" if chance.random() < 0.3 else "allow",
    )
    return declared_row(schedule, [machine_arn(str(schedule.machine))], ROLE, SCHEDULER)
