"""The versions of a plan: a machine that is changed, published and routed to while it is started.

Rules that must stay true here:
- Each revision gives an output of its own, after a while.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.simulation.plan import Plan

NAME: Final = "Versioned"
ALIAS: Final = "live"


@dataclass(frozen=True)
class Change:
    """What an operator does, so many seconds after what was done before: `update` makes another revision, `publish` a
    version of it, `route` points the alias to the newest version and, with what is left of `weight`, the one before,
    `delete` removes the oldest version."""

    after: float
    what: str
    weight: int = 100


@dataclass(frozen=True)
class Launch:
    """A client that starts the machine: as it is, by the alias, or by its newest version."""

    name: str
    at: float
    qualifier: str  # "", "alias", "version"


@dataclass(frozen=True)
class VersionPlan:
    changes: tuple[Change, ...]
    launches: tuple[Launch, ...]


def definition_of(revision: int) -> str:
    """What the machine is at a revision; the first is 1."""
    states: dict[str, Any] = {
        "Rest": {"Type": "Wait", "Seconds": 3 * revision % 7, "Next": "Give"},
        "Give": {"Type": "Pass", "Result": {"revision": revision}, "Next": "Nap"},
        "Nap": {"Type": "Wait", "Seconds": 1, "End": True},
    }
    return json.dumps({"StartAt": "Rest", "States": states})


def with_versions(plan: Plan, chance: random.Random) -> Plan:
    """The plan, with a machine that changes."""
    from tests.simulation.plan import Machine

    changes = [Change(0.0, "publish"), Change(0.0, "route")]
    for _ in range(chance.randint(2, 8)):
        what = chance.choice(("update", "update", "publish", "publish", "route", "route", "delete"))
        changes.append(Change(chance.choice((0.0, 0.0, 0.02, 1.0, 4.0)), what, chance.choice((100, 100, 70, 50, 0))))
    launches = [
        Launch(
            f"launch-{number}", chance.choice((0.0, 0.5, 1.0, 2.0, 5.0, 9.0)), chance.choice(("", "alias", "version"))
        )
        for number in range(chance.randint(2, 8))
    ]
    machine = Machine(NAME, "STANDARD", definition_of(1))
    versions = VersionPlan(tuple(changes), tuple(launches))
    return replace(plan, machines=(*plan.machines, machine), versions=versions)
