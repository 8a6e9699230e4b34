"""A map run that a defect stops says so, is tried again, and loses nothing meanwhile."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stepwell.engine import messages
from stepwell.engine.errors import Stuck
from stepwell.engine.map_run import actor
from stepwell.engine.map_run.progress import Redriven
from stepwell.engine.map_run.run import Run
from stepwell.store.protocol import StoreError
from tests.engine.house import House, until
from tests.engine.lives import Life, execution_arn, live
from tests.engine.test_map_run import FAILS, WAITS, distributed


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries come soon, and within one another."""
    monkeypatch.setattr(actor, "_PAUSE", 0.01)
    monkeypatch.setattr(messages, "_AGAIN", 0.01)
    monkeypatch.setattr(messages, "_PATIENCE", 0.02)


class Broken:
    """The steps of map runs raise these errors first, one each; `known` is what follows them."""

    def __init__(self, patch: pytest.MonkeyPatch, *errors: Exception) -> None:
        self.left = list(errors)
        step = Run.step

        async def broken(run: Run) -> bool:
            if self.left:
                raise self.left.pop(0)
            return await step(run)

        patch.setattr(Run, "step", broken)


@pytest.mark.parametrize("error", [TypeError("odd"), KeyError("executions"), StoreError("busy")], ids=repr)
async def test_a_run_that_could_not_go_on_is_tried_again(
    house: House, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    broken = Broken(monkeypatch, error, error, error)
    row = await house.run(distributed(), [1, 2])
    assert row.change.output == "[1,2]"
    assert not broken.left
    assert house.engine.stuck == {"map_run": 0, "message": 0}


async def test_a_run_that_a_defect_stops_is_told_of_with_the_time_of_the_next_try(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Broken(monkeypatch, *[TypeError("odd")] * 3)
    monkeypatch.setattr(actor, "_PAUSE", 0.01)
    await house.run(distributed(), [1, 2])
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage().partition("trying again ")[2] for record in told] == ["in 0 s: TypeError('odd')"] * 3
    assert [bool(record.exc_info) for record in told] == [True, False, False]
    assert [record.args[1] for record in told if isinstance(record.args, tuple)] == [0.01, 0.02, 0.04]


async def test_the_pause_is_short_again_once_the_run_has_come_further(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    step, count = Run.step, 0

    async def broken(run: Run) -> bool:
        nonlocal count
        count += 1
        if count in (1, 2, 5):
            raise TypeError("odd")
        return await step(run)

    monkeypatch.setattr(Run, "step", broken)
    await house.run(distributed(MaxConcurrency=1), [1, 2, 3, 4, 5])
    pauses = [record.args[1] for record in caplog.records if isinstance(record.args, tuple) and "defect" in record.msg]
    assert pauses == [0.01, 0.02, 0.01]


async def test_while_a_defect_stops_a_run_what_it_is_told_stays_on_disk_and_is_told_when_it_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = await house.machine(distributed(WAITS))
    started = await house.start(machine, [1, 2, 3])
    (run,) = await house.store.children((await house.row(started)).new.key, 0, 1)
    await until(lambda: _running(house, run.new.key, 3))
    broken = Broken(monkeypatch, *[TypeError("odd")] * 10_000)
    for child in await house.store.children(run.new.key, 0, 10):
        await house.engine.stop_execution(child.new.arn, None, None)
    await until(lambda: house.engine.stuck == {"map_run": 1, "message": 3})
    with pytest.raises(Stuck):
        await house.engine.update_map_run(run.new.key, {"max_concurrency": 2})
    broken.left.clear()
    assert (await house.end(started)).change.error == "States.ExceedToleratedFailureThreshold"
    await until(lambda: house.engine.stuck == {"map_run": 0, "message": 0})
    assert not await house.store.outbox("message", (0, 0), 10)


async def test_whoever_asks_for_a_redrive_may_be_gone_before_it_is_committed(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """So is a message when the engine is being stopped."""
    row = await house.run(distributed(FAILS), [1, 2])
    (run,) = await house.store.children(row.new.key, 0, 1)
    house.store.hold, before = asyncio.Event(), len(house.store.groups)
    assert run.new.parent_token is not None
    asked = Redriven(1_000, run.new.parent_token, None)
    asking = asyncio.create_task(house.engine._map_runs.redrive(run.new.key, (row.new.key, -1_000), asked))
    await until(lambda: len(house.store.groups) > before)
    asking.cancel()
    await asyncio.wait([asking])
    house.store.hold.set()
    await until(lambda: _redriven(house, run.new.arn))
    assert not [record for record in caplog.records if record.levelno == logging.ERROR]


async def _redriven(house: House, arn: str) -> bool:
    row = await house.store.find_execution(arn)
    return row is not None and row.change.redrive_count == 1 and row.change.status != "RUNNING"


async def _running(house: House, key: int, number: int) -> bool:
    return len(await house.store.children(key, 0, 100)) == number


def test_a_run_whose_data_cannot_be_read_waits_for_a_server_that_can_and_its_parent_can_be_stopped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "s.db"
    arn = execution_arn("Parent", "p")

    async def begins(here: Life) -> None:
        await here.create("Parent", distributed(WAITS))
        await here.start("Parent", "p", [1, 2])
        (run,) = await here.map_runs(arn)
        await here.begun(run, 2)

    async def cannot_be_read(here: Life) -> None:
        await until(lambda: here.engine.stuck["map_run"] == 1)
        await here.engine.stop_execution(arn, None, None)
        assert (await here.ended(arn)).change.status == "ABORTED"
        await until(lambda: here.engine.stuck == {"map_run": 1, "message": 1})

    async def can_be_read(here: Life) -> None:
        (run,) = await here.map_runs(arn)
        assert (await here.run_ended(run)).change.status == "ABORTED"
        assert {child.change.status for child in await here.children(run)} == {"ABORTED"}
        await here.settled()

    assert live(path, begins)
    data = written(path, lambda members: {**members, "of_a_later_version": 1})
    assert live(path, cannot_be_read)
    assert "a defect stops the map run with the key" in caplog.text
    written(path, lambda _: json.loads(data))
    assert live(path, can_be_read)


def written(path: Path, change: Callable[[Any], Any]) -> bytes:
    """Change the progress of the only map run; what it was before."""
    with closing(sqlite3.connect(path)) as connection, connection:
        ((key, data),) = connection.execute(
            "SELECT key, progress.data FROM progress JOIN executions USING (key) WHERE arn LIKE '%:mapRun:%'"
        )
        members = change(json.loads(data))
        connection.execute("UPDATE progress SET data = ? WHERE key = ?", (json.dumps(members).encode(), key))
    return bytes(data)
