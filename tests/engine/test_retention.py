"""What has ended long ago goes, with all that belongs to it; nothing else does."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from msgspec.structs import replace

from stepwell.engine.engine import EngineSettings
from stepwell.engine.retention import Retention
from tests.engine.house import House, until

DAY = 24 * 3600
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
FAILS = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Bad"}}}
WAITS = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 365 * DAY, "End": True}}}
LARGE = "x" * 1000


def map_of(processor: dict[str, Any], name: str = "M") -> dict[str, Any]:
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    state = {"Type": "Map", "ItemProcessor": {"ProcessorConfig": config, **processor}, "End": True}
    return {"StartAt": name, "States": {name: state}}


def rows(house: House) -> dict[str, int]:
    """How many rows each table of executions has; those without any are left out."""
    tables = ("executions", "progress", "history", "payloads", "frames", "timers", "effects")
    with sqlite3.connect(house.path) as connection:
        counts = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
    return {name: count for name, count in counts.items() if count}


def retention(house: House, days: int = 90) -> Retention:
    return Retention(house.engine.store, house.clock, days)


@pytest.mark.parametrize("definition", [PASS, FAILS, map_of(PASS), map_of(map_of(FAILS), "Outer")])
async def test_an_execution_goes_with_all_that_is_its_own(still_house: House, definition: dict[str, Any]) -> None:
    await still_house.run(definition, [[LARGE], [LARGE + "y"]])
    still_house.clock.advance(91 * DAY)
    assert await retention(still_house).sweep() == 1
    assert rows(still_house) == {}


async def test_an_execution_stays_until_its_time_is_over(still_house: House) -> None:
    await still_house.run(PASS, LARGE)
    before = rows(still_house)
    still_house.clock.advance(89 * DAY)
    assert await retention(still_house).sweep() == 0
    assert await retention(still_house, days=0).sweep() == 0
    assert rows(still_house) == before


async def test_what_runs_stays_however_old_it_is(still_house: House) -> None:
    waiting = await still_house.start(await still_house.machine(WAITS, "Waiting"))
    await still_house.run(PASS)
    still_house.clock.advance(300 * DAY)
    assert await retention(still_house).sweep() == 1
    assert (await still_house.row(waiting)).change.status == "RUNNING"
    assert rows(still_house)["executions"] == 1


async def test_executions_of_a_machine_that_is_gone_go_too(still_house: House) -> None:
    machine = await still_house.machine(PASS)
    await still_house.end(await still_house.start(machine))
    await still_house.store.delete_machine(machine.id)
    still_house.clock.advance(91 * DAY)
    assert await retention(still_house).sweep() == 1


async def test_frames_go_when_an_execution_can_be_redriven_no_more(still_house: House) -> None:
    await still_house.run(map_of(FAILS), [1, 2])
    sweeper = retention(still_house)
    still_house.clock.advance(13 * DAY)
    await sweeper.sweep()
    assert rows(still_house)["frames"] > 2
    before = rows(still_house)
    still_house.clock.advance(2 * DAY)
    await sweeper.sweep()
    assert rows(still_house) == {name: count for name, count in before.items() if name != "frames"}


async def test_a_large_execution_goes_in_pieces_that_a_crash_may_part(still_house: House) -> None:
    await still_house.run(map_of(PASS), [[LARGE + str(number)] for number in range(20)])
    store = still_house.engine.store.retention
    (root,) = await store.ended(1 << 62, 10)
    before, pieces = sum(rows(still_house).values()), 1
    while not await store.delete([root], 10):
        pieces += 1
        left = sum(rows(still_house).values())
        assert before - 15 <= left < before
        assert await store.ended(1 << 62, 10) == [root], "what is left must be found again"
        before = left
    assert pieces > 5
    assert rows(still_house) == {}


async def test_an_execution_with_a_message_on_its_way_stays(still_house: House) -> None:
    row = await still_house.run(PASS)
    with sqlite3.connect(still_house.path) as connection:
        connection.execute("INSERT INTO effects VALUES (?, 1, 'message', 'started', NULL, x'00')", (row.new.key,))
    still_house.clock.advance(91 * DAY)
    assert await retention(still_house).sweep() == 0


async def test_the_server_sweeps_by_itself(still_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await still_house.run(PASS)
    still_house.clock.advance(8 * DAY)
    monkeypatch.setattr("stepwell.engine.retention._FIRST", 0.0)
    still_house.settings = replace(EngineSettings(), retention_days=7)
    swept = still_house.engine
    await still_house.restart()
    assert still_house.engine is not swept
    await until(lambda: rows(still_house) == {})
