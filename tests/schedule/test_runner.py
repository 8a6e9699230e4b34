"""The runner on a real store, with a clock that is set and a starter that is told what to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import fields, replace

from stepwell.schedule.registry import ScheduleChanged, Schedules
from stepwell.schedule.runner import NotStarted, Runner, Skipped, jitter
from stepwell.schedule.starter import run_name
from stepwell.store.open import open_store
from stepwell.store.protocol import Store
from stepwell.store.schedules import RunRow, ScheduleRow
from tests.patience import come

PREFIX = "arn:aws:scheduler:us-east-1:123456789012:"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:M"
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOW = 1_900_000_000_000 // DAY * DAY


@dataclass
class SetClock:
    time: int = NOW

    def now(self) -> int:
        return self.time


@dataclass
class Starts:
    """Writes down what is started. `refuse` says, for a run, what is raised instead."""

    refuse: Callable[[RunRow], Exception | None] = lambda run: None
    started: list[tuple[str, int]] = field(default_factory=list)
    tries: int = 0

    async def start(self, run: RunRow) -> str | None:
        self.tries += 1
        await asyncio.sleep(0)
        refused = self.refuse(run)
        if refused is not None:
            raise refused
        self.started.append((run.schedule.name, run.due))
        return f"execution of {run.due}"


@dataclass
class House:
    store: Store
    clock: SetClock
    starts: Starts
    runner: Runner
    schedules: Schedules

    async def create(self, name: str = "s", expression: str = "rate(1 hour)", **more: object) -> ScheduleRow:
        policy = more.pop("policy", {})
        row = ScheduleRow(
            arn=f"{PREFIX}schedule/default/{name}",
            group_arn=f"{PREFIX}schedule-group/default",
            group_name="default",
            name=name,
            expression=expression,
            timezone="UTC",
            target=json.dumps({"Arn": MACHINE, "RoleArn": "r", "RetryPolicy": policy}),
            state="ENABLED",
            created=self.clock.time,
            modified=self.clock.time,
            anchor=self.clock.time,
        )
        return await self.schedules.create(replace(row, **more))  # type: ignore[arg-type]

    async def at(self, time: int) -> list[tuple[str, int]]:
        """Set the clock and let the runner see it; what was started since."""
        self.clock.time = time
        before = len(self.starts.started)
        self.runner.wake()
        await self.settled()
        return self.starts.started[before:]

    async def settled(self) -> None:
        """Wait until nothing is due any more at the present time."""
        await come(self._is_nothing_due)

    async def _is_nothing_due(self) -> bool:
        kept, now = self.store.schedules, self.clock.time
        return not (await kept.due(now, 1) or await kept.runs(now, (), 1))

    async def again(self) -> None:
        """Another process takes over, now."""
        await self.runner.stop()
        self.runner = Runner(self.store.schedules, self.starts, self.clock)
        self.schedules = Schedules(self.store.schedules, self.clock, self.runner.wake)
        self.runner.start()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    store, clock, starts = await open_store(str(tmp_path / "store.db")), SetClock(), Starts()
    runner = Runner(store.schedules, starts, clock)
    house = House(store, clock, starts, runner, Schedules(store.schedules, clock, runner.wake))
    runner.start()
    yield house
    await house.runner.stop()
    await store.close()


async def test_each_due_time_starts_once(house: House) -> None:
    await house.create()
    assert await house.at(NOW) == [("s", NOW)]
    assert await house.at(NOW + HOUR - 1) == []
    assert await house.at(NOW + HOUR) == [("s", NOW + HOUR)]
    assert await house.at(NOW + HOUR + 1) == []


async def test_a_start_date_is_the_first_and_an_end_date_the_last(house: House) -> None:
    await house.create(start=NOW + MINUTE, end=NOW + MINUTE + 2 * HOUR)
    started = []
    for minutes in range(0, 300, 1):
        started += await house.at(NOW + minutes * MINUTE)
    assert [due - NOW for _, due in started] == [MINUTE, MINUTE + HOUR, MINUTE + 2 * HOUR]


@pytest.mark.parametrize(
    ("policy", "made_up"),
    [("all", [1, 2, 3, 4, 5]), ("latest", [5]), ("skip", [])],
)
async def test_what_fell_due_while_nothing_ran_is_made_up_for_as_the_schedule_says(
    house: House, policy: str, made_up: list[int]
) -> None:
    await house.create(catch_up=policy, start=NOW + HOUR)
    await house.runner.stop()
    house.clock.time = NOW + 5 * HOUR + 30 * MINUTE
    await house.again()
    await house.settled()
    assert [(due - NOW) // HOUR for _, due in house.starts.started] == made_up
    assert await house.at(NOW + 6 * HOUR) == [("s", NOW + 6 * HOUR)]


async def test_what_is_older_than_the_maximum_event_age_is_not_made_up_for(house: House) -> None:
    await house.create(policy={"MaximumEventAgeInSeconds": 2 * 3600}, start=NOW + HOUR)
    await house.runner.stop()
    house.clock.time = NOW + 10 * HOUR
    await house.again()
    await house.settled()
    assert [(due - NOW) // HOUR for _, due in house.starts.started] == [8, 9, 10]


async def test_after_a_long_absence_the_latest_thousand_are_made_up_for(house: House) -> None:
    await house.create(expression="rate(1 minute)", start=NOW + MINUTE)
    await house.runner.stop()
    house.clock.time = NOW + DAY - HOUR
    await house.again()
    await house.settled()
    dues = [due for _, due in house.starts.started]
    assert len(dues) == 1_000
    assert dues == sorted(set(dues))
    assert dues[-1] == NOW + DAY - HOUR


async def test_a_start_that_fails_is_tried_again_and_holds_up_nobody(house: House) -> None:
    house.starts.refuse = lambda run: NotStarted("no") if run.schedule.name == "bad" and run.due == NOW else None
    await house.create("bad")
    await house.create("good")
    assert await house.at(NOW) == [("good", NOW)]
    found = await house.store.schedules.find(f"{PREFIX}schedule/default/bad")
    assert found is not None
    assert found.last_error == "no"
    assert set(await house.at(NOW + HOUR)) == {("good", NOW + HOUR), ("bad", NOW + HOUR)}
    house.starts.refuse = lambda run: None
    assert ("bad", NOW) in await house.at(NOW + HOUR + 16 * MINUTE)


async def test_a_start_is_given_up_after_as_many_retries_as_the_target_allows(house: House) -> None:
    house.starts.refuse = lambda run: NotStarted("no")
    await house.create("once", expression="rate(1 day)", policy={"MaximumRetryAttempts": 2})
    for minutes in range(10):
        await house.at(NOW + minutes * MINUTE)
    assert house.starts.tries == 3


async def test_a_run_that_is_left_out_is_told_and_not_tried_again(house: House) -> None:
    house.starts.refuse = lambda run: Skipped("the former still runs")
    row = await house.create()
    assert await house.at(NOW) == []
    found = await house.store.schedules.find(row.arn)
    assert found is not None
    assert (found.last_due, found.last_error) == (NOW, "the former still runs")
    assert house.starts.tries == 1


async def test_runs_of_one_schedule_are_started_in_order(house: House) -> None:
    await house.create(expression="rate(1 minute)", start=NOW + MINUTE)
    await house.create("other", expression="rate(1 minute)", start=NOW + MINUTE)
    await house.runner.stop()
    house.clock.time = NOW + 30 * MINUTE
    await house.again()
    await house.settled()
    for name in ("s", "other"):
        dues = [due for each, due in house.starts.started if each == name]
        assert dues == [NOW + n * MINUTE for n in range(1, 31)]


async def test_a_schedule_that_is_done_goes_where_it_is_to(house: House) -> None:
    row = await house.create(end=NOW + HOUR, delete_when_done=True)
    await house.at(NOW)
    assert await house.store.schedules.find(row.arn) is not None
    await house.at(NOW + HOUR)
    assert await house.store.schedules.find(row.arn) is None


async def test_a_run_that_waits_goes_with_its_schedule(house: House) -> None:
    house.starts.refuse = lambda run: NotStarted("no")
    row = await house.create()
    await house.at(NOW)
    house.starts.refuse = lambda run: None
    assert await house.store.schedules.delete(row.arn)
    assert await house.at(NOW + HOUR) == []


async def test_a_schedule_whose_times_stay_keeps_its_rhythm(house: House) -> None:
    row = await house.create()
    await house.at(NOW)
    house.clock.time = NOW + 10 * MINUTE
    stored = await house.store.schedules.find(row.arn)
    assert stored is not None
    await house.schedules.update(stored, replace(row, description="new", modified=house.clock.time))
    assert await house.at(NOW + HOUR - 1) == []
    assert await house.at(NOW + HOUR) == [("s", NOW + HOUR)]


async def test_what_was_changed_meanwhile_is_not_overwritten(house: House) -> None:
    row = await house.create()
    await house.schedules.update(row, replace(row, description="one"))
    with pytest.raises(ScheduleChanged):
        await house.schedules.update(row, replace(row, description="two"))


async def test_a_flexible_window_begins_runs_within_it_and_each_at_its_own_moment(house: House) -> None:
    row = await house.create(window=30)
    moments = [jitter(row, NOW + n * HOUR) for n in range(50)]
    assert all(0 <= moment < 30 * MINUTE for moment in moments)
    assert len(set(moments)) > 40
    first = moments[0]
    assert await house.at(NOW + first - 1) == []
    assert await house.at(NOW + first) == [("s", NOW)]


async def test_ten_thousand_schedules_that_wait_are_not_looked_at(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sleep until the earliest: between two wakes nothing is asked of the store."""
    row = await house.create("first", start=NOW + HOUR)
    await house.settled()

    given = {"id": "NULL", "arn": "arn || ?", "name": "name || ?", "next_due": "next_due + ?"}
    columns = ["id", "arn", "name", "next_due"]
    columns += [f'"{each.name}"' for each in fields(ScheduleRow) if each.name not in given]
    names, values = ", ".join(columns), ", ".join(given.get(each, each) for each in columns)

    def fill(connection: object) -> None:
        connection.executemany(  # type: ignore[attr-defined]
            f"INSERT INTO schedules ({names}) SELECT {values} FROM schedules WHERE arn = ?",
            [(str(n), str(n), n, row.arn) for n in range(10_000)],
        )

    await house.store._writer.write(fill)  # type: ignore[attr-defined]
    asked = 0
    read = house.store.schedules.due

    async def counted(until: int, limit: int) -> object:
        nonlocal asked
        asked += 1
        return await read(until, limit)

    monkeypatch.setattr(house.store.schedules, "due", counted)
    house.runner.wake()
    await come(lambda: asked)
    await asyncio.sleep(0.3)  # time for one too many
    assert asked == 1
    assert [name for name, _ in await house.at(NOW + HOUR)][:1] == ["first"]


def test_the_name_of_an_execution_follows_from_the_schedule_and_the_due_time() -> None:
    row = ScheduleRow(
        arn="arn",
        group_arn="g",
        group_name="g",
        name="n" * 64,
        expression="rate(1 day)",
        timezone="UTC",
        target="{}",
        state="ENABLED",
        created=0,
        modified=0,
        anchor=0,
        id=7,
    )
    first = run_name(RunRow(row, 1_900_000_000_000, 0, 0, 0))
    assert len(first) == 80
    assert first == run_name(RunRow(row, 1_900_000_000_000, 5, 5, 9))
    assert first.startswith("n" * 46 + "-20300317T174640Z-")
    other = [RunRow(row, 1_900_000_000_001, 0, 0, 0), RunRow(replace(row, id=8), 1_900_000_000_000, 0, 0, 0)]
    assert len({first, *(run_name(run) for run in other)}) == 3
