"""What is run in a simulated world: machines, and what clients ask for.

Rules that must stay true here:
- A plan follows from its seed alone.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.simulation.chance import stream
from tests.simulation.definitions import Maker
from tests.simulation.plans.jobs import JobPlan, with_jobs
from tests.simulation.plans.schedules import SchedulePlan, with_schedules
from tests.simulation.plans.versions import VersionPlan, with_versions
from tests.simulation.times import DAY
from tests.simulation.values import GIVEN, execution_arn

_ACTIVITY: Final = re.compile(r":activity:([a-z]+)")

_CHILD: Final = {
    "StartAt": "Nap",
    "States": {
        "Nap": {"Type": "Wait", "Seconds": 2, "Next": "Give"},
        "Give": {"Type": "Pass", "Result": {"v": 1}, "End": True},
    },
}
_QUICK: Final = {"StartAt": "Give", "States": {"Give": {"Type": "Pass", "Result": {"v": 1}, "End": True}}}


@dataclass(frozen=True)
class Act:
    """What a client does so many seconds after its start was answered."""

    after: float
    what: str


@dataclass(frozen=True)
class Start:
    """A client that starts an execution."""

    machine: str
    name: str
    input: Any
    at: float
    virtual: bool = False
    later: tuple[Act, ...] = ()
    waits: bool = False  # for the end of an Express execution, in the very call

    @property
    def arn(self) -> str:
        return execution_arn(self.machine, self.name)


@dataclass(frozen=True)
class Machine:
    """`type` is STANDARD or EXPRESS; `definition` and `configuration` are JSON."""

    name: str
    type: str
    definition: str
    configuration: str = "{}"


@dataclass(frozen=True)
class Plan:
    """The executions of a `steady` plan end in the same way whatever happens; see `definitions`. After `retention_days`
    what has ended goes; 0 keeps it. What is None is not asked for in this world."""

    steady: bool
    machines: tuple[Machine, ...]
    starts: tuple[Start, ...]
    retention_days: int = 0
    jobs: JobPlan | None = None
    schedules: SchedulePlan | None = None
    versions: VersionPlan | None = None

    @property
    def workers(self) -> list[str]:
        """The activities that are worked on."""
        return sorted({name for machine in self.machines for name in _ACTIVITY.findall(machine.definition)})

    def machine(self, name: str) -> Machine:
        return next(machine for machine in self.machines if machine.name == name)


def plan_of(seed: int) -> Plan:
    chance, parts = stream(seed, "plan"), stream(seed, "parts")
    steady = chance.random() < 0.6
    plan = _executions(chance, steady=steady)
    if parts.random() < 0.3:
        plan = with_jobs(plan, stream(seed, "jobs"))
    if parts.random() < 0.3:
        plan = with_schedules(plan, stream(seed, "schedules"))
    if parts.random() < 0.25:
        plan = with_versions(plan, stream(seed, "versions"))
    if parts.random() < 0.15:
        plan = _with_retention(plan, stream(seed, "retention"))
    return plan


def _executions(chance: random.Random, *, steady: bool) -> Plan:
    machines = [
        Machine("Child", "STANDARD", json.dumps(_CHILD)),
        Machine("Quick", "EXPRESS", json.dumps(_QUICK), _logging(chance)),
    ]
    starts: list[Start] = []
    for index in range(chance.randint(1, 2)):
        express = chance.random() < 0.15
        definition = Maker(chance, steady=steady).machine(express=express)
        name = f"M{index}"
        kind = "EXPRESS" if express else "STANDARD"
        machines.append(Machine(name, kind, json.dumps(definition), _logging(chance)))
        for number in range(chance.randint(1, 3)):
            start = _start(chance, name, f"run-{index}-{number}", steady=steady, express=express)
            starts.append(start if _fits_virtual(machines[-1].definition) else replace(start, virtual=False))
    return Plan(steady, tuple(machines), tuple(starts))


def _with_retention(plan: Plan, chance: random.Random) -> Plan:
    """Some are still to begin, to run, or to be redriven, when others are to go."""
    late = [
        replace(start, name=f"{start.name}-late-{number}", at=DAY * chance.choice((0.7, 0.99, 1.0, 1.02, 1.9)))
        for number, start in enumerate(chance.choices(plan.starts, k=chance.randint(1, 4)))
    ]
    starts = [start if plan.steady else _redriven_late(start, chance) for start in (*plan.starts, *late)]
    return replace(plan, starts=tuple(starts), retention_days=1)


def _redriven_late(start: Start, chance: random.Random) -> Start:
    if chance.random() < 0.5:
        return start
    after = DAY + chance.choice((60.0, 60.1, 600.0, 3659.0, 3660.0, 3660.02, 3660.1))
    return replace(start, later=(*start.later, Act(after, "redrive")))


def _start(chance: random.Random, machine: str, name: str, *, steady: bool, express: bool) -> Start:
    acts: list[Act] = []
    if not express:
        if chance.random() < 0.3:
            acts.append(Act(chance.choice((0.0, 1.0, 40.0)), "start"))
        if not steady and chance.random() < 0.3:
            acts.append(Act(chance.choice((0.0, 0.01, 3.0, 30.0)), "stop"))
        if not steady and chance.random() < 0.4:
            acts.append(Act(chance.choice((5.0, 40.0, 200.0)), "redrive"))
        if not steady and chance.random() < 0.4:
            acts.append(Act(chance.choice((0.5, 3.0, 11.0)), "update"))
        if chance.random() < 0.3:
            acts.append(Act(chance.choice((0.0, 5.0)), "watch"))
    virtual = not express and chance.random() < 0.2
    waits = express and chance.random() < 0.4
    return Start(machine, name, GIVEN, chance.choice((0.0, 0.0, 0.5, 3.0)), virtual, tuple(acts), waits)


def _logging(chance: random.Random) -> str:
    """What a machine logs; for Express ones it decides what the store keeps of them."""
    level = chance.choice(("OFF", "ALL", "ERROR", "FATAL"))
    return json.dumps({"loggingConfiguration": {"level": level, "includeExecutionData": chance.random() < 0.5}})


def _fits_virtual(definition: str) -> bool:
    """Whether nothing holds a virtual clock for ever: no worker that never answers, and no task that a worker has lost
    with the call that gave it."""
    return "-hangs" not in definition and ":activity:" not in definition
