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
from tests.simulation.definitions import ARN, INPUT, Maker

_ACTIVITY: Final = re.compile(r":activity:([a-z]+)")

GIVEN: Final = INPUT | {"text": "s" * 260}  # no definition holds this text: it may be a secret

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
        return f"{ARN}execution:{self.machine}:{self.name}"


@dataclass(frozen=True)
class Plan:
    """`machines` are names, types, definitions and configurations. The executions of a `steady` plan end in the same
    way whatever happens; see `definitions`."""

    steady: bool
    machines: tuple[tuple[str, str, str, str], ...]
    starts: tuple[Start, ...]

    @property
    def workers(self) -> list[str]:
        """The activities that are worked on."""
        return sorted({name for _, _, text, _ in self.machines for name in _ACTIVITY.findall(text)})


def plan_of(seed: int) -> Plan:
    chance = stream(seed, "plan")
    steady = chance.random() < 0.6
    machines = [
        ("Child", "STANDARD", json.dumps(_CHILD), "{}"),
        ("Quick", "EXPRESS", json.dumps(_QUICK), _logging(chance)),
    ]
    starts: list[Start] = []
    for index in range(chance.randint(1, 2)):
        express = chance.random() < 0.15
        definition = Maker(chance, steady=steady).machine(express=express)
        name = f"M{index}"
        kind = "EXPRESS" if express else "STANDARD"
        machines.append((name, kind, json.dumps(definition), _logging(chance)))
        for number in range(chance.randint(1, 3)):
            start = _start(chance, name, f"run-{index}-{number}", steady=steady, express=express)
            starts.append(start if _fits_virtual(machines[-1][2]) else replace(start, virtual=False))
    return Plan(steady, tuple(machines), tuple(starts))


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
