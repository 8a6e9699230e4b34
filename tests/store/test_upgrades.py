"""A database of every earlier schema, as its version left it in a crash, is brought up to date and goes on to its end.

`upgrades/NNNN.sql` was recorded by the code of that version (`upgrades/record.py`), with one of everything under way.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stepwell.store.jobs import JobFilter
from stepwell.store.open import open_store
from stepwell.store.sqlite import schema
from stepwell.store.sqlite.examine import examine
from tests.engine.house import ACTIVITY, ARN, FakeClock, House, until
from tests.patience import PATIENCE
from tests.store.upgrades.record import HOUR, INPUT, LARGE, Recorded, submitted

FOLDER = Path(__file__).parent / "upgrades"
NEWEST = len(schema.migrations())
RECORDED = sorted(int(file.stem) for file in FOLDER.glob("*.sql"))
CRASHING = Path(__file__).parent / "crashing_upgrade.py"


def make(path: Path, number: int) -> None:
    """The database that the version with this schema left."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((FOLDER / f"{number:04}.sql").read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode = WAL")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


async def opened(path: Path) -> House:
    """A house of today on the database; nobody works on what was under way but who is told to."""
    house = House(path)
    house.clock = FakeClock()
    house.dispatcher = Recorded(Hand=submitted)
    return await house.open()


def test_every_earlier_schema_is_recorded() -> None:
    how = "On the commit before the new migration, run: python -m tests.store.upgrades.record"
    assert set(range(1, NEWEST)) <= set(RECORDED), how


@pytest.mark.parametrize("number", RECORDED)
async def test_what_was_under_way_goes_on_to_its_end(path: Path, number: int) -> None:
    make(path, number)
    house = await opened(path)
    try:
        all_ = await house.store.find_execution(f"{ARN}execution:All:all")
        token = _token(await house.engine.history(all_.new.key, 1, 1000, False))
        await house.engine.send_task_success(token, '"handed"')
        work = await house.engine.get_activity_task(ACTIVITY, "worker", 10)
        assert work is not None
        await house.engine.send_task_success(work.token, '"worked"')
        for _ in range(4):
            house.clock.advance(HOUR)
            await until(lambda: _nothing_is_due(path, house.clock.now()))
        ended = await house.end(_Named(all_.new.arn))  # type: ignore[arg-type]
        assert ended.change.status == "SUCCEEDED"
        output = json.loads(ended.change.output)
        assert output[0] == {"n": 3}
        assert output[1] == {**INPUT, "each": [1, 2, 3]}
        assert output[2:6] == [INPUT] * 4
        assert output[6] == {**INPUT, "spread": [1, 2, 3]}
        history = await house.engine.history(all_.new.key, 1, 1000, False)
        assert [event.id for event in history] == list(range(1, len(history) + 1))
    finally:
        await house.close()
    assert examine(path, time.time_ns() // 1_000_000).findings == []


@pytest.mark.parametrize("number", RECORDED)
async def test_what_had_ended_is_there_and_can_be_redriven(path: Path, number: int) -> None:
    make(path, number)
    house = await opened(path)
    try:
        rows = await house.store.list_executions(_machine(path, "Fails"), "FAILED", None, 10)
        assert [(row.new.name, row.change.error) for _, row in rows] == [("failed", "Bad")]
        said = await house.store.find_execution(f"{ARN}execution:Orders:said")
        assert (said.new.input, said.change.output) == (json.dumps({"text": LARGE}), json.dumps({"text": LARGE}))
        last = await house.engine.history(said.new.key, said.change.last_event_id, 1, True)
        assert [event.type for event in last] == ["ExecutionSucceeded"]
        virtual = await house.store.find_execution(f"{ARN}execution:Child:virtual")
        assert virtual.change.stop_date == 1_700_000_000_000 + HOUR * 1000
        failed = f"{ARN}execution:Fails:failed"
        await house.engine.redrive_execution(failed, None)
        assert (await house.end(_Named(failed))).change.status == "SUCCEEDED"  # type: ignore[arg-type]
    finally:
        await house.close()


@pytest.mark.parametrize("number", RECORDED)
async def test_what_later_versions_have_added_is_there(path: Path, number: int) -> None:
    make(path, number)
    store = await open_store(str(path))  # without an engine, which would go on with what is looked at
    try:
        rows, _ = await store.jobs.list(JobFilter(), None, 10)
        running = {group for _, _, group in await store.jobs.running(["report"])}
        told = await store.jobs.to_be_told(10)
        if number >= 5:
            states = {row.new.id: (row.status, row.queued, row.outcome) for row in rows}
            assert states == {
                "running": ("RUNNING", False, None),
                "waiting": (None, True, None),
                "ended": ("SUCCEEDED", False, None),
                "refused": (None, False, "FAILED"),
            }
            assert running == {"g"}
            assert len(await store.jobs.expired(1 << 51, 10)) == 2
            assert sorted(told) == ["ended", "refused"]
        assert len(await store.leases.all()) == (number >= 4)
        assert len(await store.schedules.due(3000, 10)) == (number >= 6)
        assert len(await store.schedules.runs(3000, [], 10)) == (number >= 6)
        assert len(await store.logs.newest("/aws/lambda/", 10)) == (number >= 7)
        assert (await store.connections.find("p", "vendor") is not None) == (number >= 8)
        assert len(await store.notices.rules()) == (number >= 9)
        assert await store.notices.destinations() == ([("d", 1)] if number >= 9 else [])
        assert len(await store.vault.values("brand")) == (number >= 3)
        loaded = await store.load_execution((await store.find_execution(f"{ARN}execution:All:all")).new.key)
        assert (loaded.row.new.trace is not None) == (number >= 12)
    finally:
        await store.close()


@pytest.mark.parametrize("number", [1, NEWEST - 1])
def test_a_crash_in_the_middle_of_an_upgrade_loses_nothing(path: Path, number: int) -> None:
    make(path, number)
    before = _dump(path)
    steps = int(_upgrade(path, 0).stdout)
    path.unlink()
    for moment in [steps * tenth // 10 for tenth in range(1, 10)] + [steps - 1]:
        make(path, number)
        assert _upgrade(path, moment).returncode == -9
        assert _dump(path) == before
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            schema.migrate(connection)
            assert connection.execute("PRAGMA user_version").fetchone() == (NEWEST,)
        path.unlink()


def _upgrade(path: Path, moment: int) -> subprocess.CompletedProcess[str]:
    """Upgrade in a process of its own, which is killed at a step of SQLite's machine; at 0 it only counts them."""
    command = [sys.executable, str(CRASHING), str(path), str(moment)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def _dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [str(connection.execute("PRAGMA user_version").fetchone()), *connection.iterdump()]


class _Named:
    """Of an execution that was started elsewhere."""

    def __init__(self, arn: str) -> None:
        self.arn = arn


def _token(history: list[Any]) -> str:
    """The token that the state Hand has handed on."""
    parameters = [str(event.details.get("parameters", "")) for event in history]
    (text,) = [text for text in parameters if '"Hand"' in text]
    return str(json.loads(text)["Payload"]["token"])


def _machine(path: Path, name: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT id FROM machines WHERE name = ?", (name,)).fetchone()[0])


def _nothing_is_due(path: Path, now: int) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT count(*) FROM timers WHERE virtual = 0 AND name LIKE '%|wait' AND due <= ?"
        return bool(connection.execute(query, (now,)).fetchone()[0] == 0)
