"""What a turn costs does not grow with the history behind it.

Rules that must stay true here:
- Costs are counted, never timed: steps of SQLite's virtual machine on all connections, rows and bytes that the turn
  asks the store to write.
- The execution is let go after every turn and read again, so that what reading costs is counted as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from stepwell.engine.settings import EngineSettings
from stepwell.store.protocol import Answer, TurnRecord
from tests.engine.house import House

SHARE = 1.2  # the most that a cost may grow by
LOOPS = 50  # that rest, at the beginning and at the end
END = 5_900  # checks in all: two states and four events each, and two more where it rests
BOUND = 60.0  # seconds

# Checks, and rests between the first and the last of them; those between go on without a rest, many to a turn.
POLLS = {
    "StartAt": "Check",
    "States": {
        "Check": {"Type": "Pass", "Parameters": {"checks.$": "States.MathAdd($.checks, 1)"}, "Next": "Enough"},
        "Enough": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.checks", "NumericGreaterThanEquals": END, "Next": "Done"},
                {"Variable": "$.checks", "NumericGreaterThanEquals": END - LOOPS, "Next": "Rest"},
                {"Variable": "$.checks", "NumericLessThan": LOOPS, "Next": "Rest"},
            ],
            "Default": "Check",
        },
        "Rest": {"Type": "Wait", "Seconds": 1, "Next": "Check"},
        "Done": {"Type": "Succeed"},
    },
}


@dataclass(frozen=True)
class Cost:
    """Of a turn that ends with a rest."""

    last_event: int
    steps: int
    rows: int
    bytes: int


class Counting:
    """Stands before the store's `commit`, and counts what has happened since the turn before."""

    def __init__(self, store: Any) -> None:
        self.costs: list[Cost] = []
        self._steps = 0
        self._commit = store.commit
        files = store._files
        for connection in (files.writer, files.reader, files.lister):
            connection.set_progress_handler(self._step, 1)
        store.commit = self

    def _step(self) -> int:
        self._steps += 1
        return 0

    async def __call__(self, turns: Sequence[TurnRecord]) -> Sequence[Answer]:
        answers: Sequence[Answer] = await self._commit(turns)
        steps, self._steps = self._steps, 0
        for turn in turns:
            if turn.timers_removed and turn.timers:  # from one rest to the next
                self.costs.append(Cost(turn.change.last_event_id, steps, _rows(turn), _bytes(turn)))
        return answers


def _rows(turn: TurnRecord) -> int:
    many = (turn.frames, turn.frames_removed, turn.payloads, turn.timers, turn.timers_removed, turn.effects)
    return 1 + sum(len(each) for each in many) + (turn.events is not None)


def _bytes(turn: TurnRecord) -> int:
    events = 0 if turn.events is None else len(turn.events.data)
    return events + sum(len(data) for data in turn.frames.values()) + sum(len(text) for text in turn.payloads.values())


async def test_a_turn_costs_the_same_behind_ten_events_and_behind_twenty_thousand(tmp_path: Path) -> None:
    house = House(tmp_path / "store.db")
    house.settings = EngineSettings(idle_executions=0)
    await house.open()
    try:
        counting = Counting(house.store._store)
        started = await house.start(await house.machine(POLLS), {"checks": 0}, virtual=True)
        await asyncio.wait_for(house.engine.wait_for_end(started.arn, BOUND), BOUND)
        assert (await house.row(started)).change.status == "SUCCEEDED"
    finally:
        await house.close()
    early = [cost for cost in counting.costs if 10 <= cost.last_event < 1_000]
    late = [cost for cost in counting.costs if cost.last_event > 20_000]
    assert len(early) > LOOPS / 2
    assert len(late) > LOOPS / 2
    for what in ("steps", "rows", "bytes"):
        before, after = (median(getattr(cost, what) for cost in costs) for costs in (early, late))
        assert after <= before * SHARE, f"{what} a turn: {before:.0f} at first, {after:.0f} behind 20,000 events"
