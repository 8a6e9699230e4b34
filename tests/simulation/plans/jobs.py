"""The jobs of a plan: their types, and what clients ask for.

Rules that must stay true here:
- In a steady plan no job is cancelled, and none expires before somebody has seen its end.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from stepwell.jobs.declaration import JobType
from tests.simulation.values import GIVEN

if TYPE_CHECKING:
    from tests.simulation.plan import Plan

_SHORT: Final = 600.0  # seconds
_LONG: Final = 7 * 86_400.0
_GROUPS: Final = (None, "a", "b")


@dataclass(frozen=True)
class Post:
    """A client that asks for a job. With a `key` it asks again where it was not answered, and a second time at
    `again`; without one it may have made more than one."""

    name: str
    type: str
    group: str | None
    key: str | None
    at: float
    input: str
    again: float | None = None
    cancelled: float | None = None  # seconds after the answer
    told: tuple[tuple[float, float], ...] = ()  # progress: seconds after the answer, and how far the job is


@dataclass(frozen=True)
class JobPlan:
    types: tuple[JobType, ...]
    posts: tuple[Post, ...]


def with_jobs(plan: Plan, chance: random.Random) -> Plan:
    """The plan, with jobs of the machines that it has."""
    machines = [machine.name for machine in plan.machines if machine.type == "STANDARD"]
    types = [_type(f"type-{number}", machines, plan, chance) for number in range(chance.randint(1, 2))]
    posts = [_post(number, types, plan, chance) for number in range(chance.choice((1, 3, 6, 12)))]
    return replace(plan, jobs=JobPlan(tuple(types), tuple(posts)))


def _type(name: str, machines: Sequence[str], plan: Plan, chance: random.Random) -> JobType:
    return JobType(
        name=name,
        machine=chance.choice(machines),
        ttl=_LONG if plan.steady else chance.choice((_SHORT, _LONG)),
        concurrency=chance.choice((None, None, 1, 2)),
        per_key=chance.choice((None, 1, 2)),
        sensitive=None if plan.steady or chance.random() < 0.7 else "$.text",
    )


def _post(number: int, types: Sequence[JobType], plan: Plan, chance: random.Random) -> Post:
    key = f"key-{number}" if chance.random() < 0.7 else None
    told = ((chance.choice((0.0, 0.5, 2.0)), 0.25), (chance.choice((2.5, 9.0)), 0.5)) if chance.random() < 0.4 else ()
    return Post(
        name=f"job-{number}",
        type=chance.choice(types).name,
        group=chance.choice(_GROUPS),
        key=key,
        at=chance.choice((0.0, 0.0, 0.01, 0.5, 3.0, 60.0)),
        input=json.dumps(GIVEN),
        again=chance.choice((None, 0.0, 0.02, 5.0)) if key is not None else None,
        cancelled=None if plan.steady or chance.random() < 0.7 else chance.choice((0.0, 0.01, 1.0, 20.0)),
        told=told,
    )
