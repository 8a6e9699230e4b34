"""Under which conditions the server of a simulated world works: settings, and bounds that are reached there.

Rules that must stay true here:
- What is bounded in the thousands in the product is bounded by a few here, so that what happens at a bound happens.
- The conditions follow from the seed alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Final
from unittest.mock import patch

from stepwell.engine import messages, retention
from stepwell.engine.settings import EngineSettings
from stepwell.jobs import expiry
from stepwell.machine import run as machine_run
from stepwell.vault.keys import KEY_BYTES, Key, Keys
from tests.simulation.plan import Plan
from tests.simulation.refresher import LIFETIME, REFRESHER

SECRET: Final = "$.text"  # what of `INPUT` is marked, where anything is

_REFRESHED: Final = f"={REFRESHER}@{LIFETIME // 1000}s"


@dataclass(frozen=True)
class Conditions:
    """`transitions` bounds a turn, `senders` those whose messages are under way at the same time, `piece`
    the rows that are let go of in one commit. `noticed`: somebody
    is told of changes of status. `hurried`: turns take long now and then, and are computed on a thread."""

    settings: EngineSettings
    transitions: int
    senders: int
    piece: int
    noticed: bool
    hurried: bool

    @property
    def secretive(self) -> bool:
        return bool(self.settings.sensitive)

    @contextmanager
    def hold(self) -> Iterator[None]:
        with ExitStack() as bounds:
            bounds.enter_context(patch.object(machine_run, "MAX_TRANSITIONS", self.transitions))
            bounds.enter_context(patch.object(messages, "_SENDERS", self.senders))
            bounds.enter_context(patch.object(retention, "_PIECE", self.piece))
            bounds.enter_context(patch.object(expiry, "_ROWS", self.piece))
            yield


def conditions_of(chance: Random, plan: Plan) -> Conditions:
    """How an execution of a steady plan ends is not to depend on secrets, which have another name each time. A notice
    that nobody takes would keep what is to go."""
    steady = plan.steady
    settings = EngineSettings(
        in_flight=chance.choice((1, 3, 1000)),
        timer_window=chance.choice((2_000, 60_000, 600_000)) if not plan.retention_days else 600_000,  # days pass
        idle_executions=chance.choice((0, 2, 256)),
        retention_days=plan.retention_days,
        transitions=chance.choice((None, None, None, (5, 20))),
        sensitive={} if steady or chance.random() < 0.6 else {"*": SECRET + chance.choice(("", _REFRESHED))},
    )
    return Conditions(
        settings=settings,
        transitions=chance.choice((1_000, 1_000, 5, 1)),
        senders=chance.choice((1_000, 2)),
        piece=chance.choice((500, 3, 1)),
        noticed=chance.random() < 0.4 and not plan.retention_days,
        hurried=chance.random() < 0.3,
    )


class FixedKeys:
    """A source of keys that outlives the server. See `KeySource`."""

    async def load(self) -> Keys:
        return Keys([Key.of(bytes(range(KEY_BYTES)))])


class EveryNotice:
    """Somebody is to be told of all executions, and is not there. See `Notices`."""

    def wants(self, machine_arn: str) -> bool:
        return True

    def told(self) -> None:
        """They wait in the outbox."""


def stopwatch(chance: Random, now: Callable[[], float], *, hurried: bool) -> Callable[[], float]:
    """The clock that the server takes its own time by: where it is hurried, work takes long now and then."""
    spent = 0.0

    def read() -> float:
        nonlocal spent
        if hurried and chance.random() < 0.05:
            spent += 0.02
        return now() + spent

    return read
