"""What lies behind the driver: whoever carries out effects, as the driver sees it.

Rules that must stay true here:
- The driver tells; it never waits for what it has told.
"""

from __future__ import annotations

from typing import Protocol

from stepwell.engine.committer import Answered
from stepwell.engine.live import Live
from stepwell.machine.execution import Execution
from stepwell.machine.turn import MapRunStart, Turn
from stepwell.store.protocol import TurnRecord


class Outside(Protocol):
    """What lies behind the driver: whoever carries out effects."""

    def committed(self, live: Live, turn: Turn, record: TurnRecord) -> None:
        """A turn is durable: set its timers, start its tasks, end what it has ended."""
        ...

    def is_working(self, key: int) -> bool:
        """Whether a task of the execution is under way. Once none is, `Driver.wake` is called where the clock is
        virtual."""
        ...

    def map_run(self, live: Live, start: MapRunStart, requires: tuple[int, int]) -> tuple[TurnRecord, Answered]:
        """The record that begins a map run together with the turn that it requires."""
        ...

    def answers_activity(self, execution: Execution, state_name: str) -> bool:
        """Whether an activity's task is answered without a worker (by a mock)."""
        ...

    def is_about_to_claim(self, key: int, activity_arn: str) -> bool:
        """Whether a worker waits for tasks of the activity, and so for the execution's. Once none does,
        `Driver.wake` is called where it did."""
        ...

    def wants_notices(self, machine_arn: str) -> bool:
        """Whether anybody is to be told how executions of this machine stand."""
        ...
