"""The commits of a map run: prepared ahead of each other, and thrown away together where one fails."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from stepwell.engine.map_run import actor
from stepwell.engine.records import CHILD_ENDED
from stepwell.store.protocol import Answer, StoreError, TurnRecord
from tests.engine.house import House
from tests.engine.test_map_run import FAILS, ODD_FAILS, PASS, distributed

COUNT = 450  # children, 100 in a commit


def express(processor: dict[str, Any] = PASS, **members: Any) -> dict[str, Any]:
    """A machine with a distributed Map whose children are Express workflows."""
    definition = distributed(processor, **members)
    definition["States"]["M"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = "EXPRESS"
    return definition


class Failing:
    """A store whose commit number `fails` goes wrong: by an error, or because the execution has changed."""

    def __init__(self, store: Any, fails: int, stale: bool) -> None:
        self._store = store
        self._left = fails
        self._stale = stale
        self.failed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, turns: Sequence[TurnRecord]) -> Sequence[Answer]:
        self._left -= 1
        if self._left == 0:
            self.failed = True
            if self._stale:
                return [Answer.STALE] * len(turns)
            raise StoreError("the disk is busy")
        found: Sequence[Answer] = await self._store.commit(turns)
        return found


async def test_children_that_end_at_once_are_counted_where_they_begin_and_send_no_message(house: House) -> None:
    row = await house.run(express(), list(range(COUNT)))
    assert json.loads(row.change.output or "") == list(range(COUNT))
    records = [record for group in house.store.groups for record in group]
    assert not [effect for record in records for effect in record.effects if effect.target == CHILD_ENDED]
    children = [record for record in records if record.new is not None and record.new.map_run_arn]
    assert len(children) == COUNT
    assert len(records) < COUNT + 20  # the parent's turns and the run's, each of which begins up to 100 children


async def test_children_that_wait_tell_their_end(house: House) -> None:
    work = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:work", "End": True}
    row = await house.run(express({"StartAt": "W", "States": {"W": work}}), [1, 2, 3])
    assert row.change.output == "[1,2,3]"
    records = [record for group in house.store.groups for record in group]
    told = [effect for record in records for effect in record.effects if effect.target == CHILD_ENDED]
    assert len(told) == 3


@pytest.mark.parametrize(("tolerated", "status"), [(0, "FAILED"), (5, "SUCCEEDED")])
async def test_children_that_fail_at_once_count_against_what_the_run_bears(
    house: House, tolerated: int, status: str
) -> None:
    row = await house.run(express(ODD_FAILS, ToleratedFailureCount=tolerated), [1, 2, 3, 0])
    assert row.change.status == status
    if status == "FAILED":
        assert row.change.error == "States.ExceedToleratedFailureThreshold"


async def test_a_run_that_fails_begins_no_more_children(house: House) -> None:
    row = await house.run(express(FAILS), list(range(COUNT)))
    assert row.change.error == "States.ExceedToleratedFailureThreshold"
    records = [record for group in house.store.groups for record in group]
    assert len([record for record in records if record.new is not None and record.new.map_run_arn]) == 100


@pytest.mark.parametrize("stale", [False, True], ids=["error", "stale"])
@pytest.mark.parametrize("fails", [2, 3, 4, 5])
async def test_whichever_commit_fails_every_item_has_one_child(
    house: House, monkeypatch: pytest.MonkeyPatch, fails: int, stale: bool
) -> None:
    """Those prepared on it fail with it; the run is read again, and goes on behind the last good one."""
    monkeypatch.setattr(actor, "_PAUSE", 0.01)
    machine = await house.machine(express(PASS))
    around = house.engine._map_runs._around
    failing = Failing(house.store, fails, stale)
    monkeypatch.setattr(house.engine._driver._committer, "_store", failing)
    assert around.store is house.store
    row = await house.end(await house.start(machine, list(range(COUNT))))
    assert failing.failed
    assert json.loads(row.change.output or "") == list(range(COUNT))
