"""The simulation finds defects of what stands on top of the engine: it is broken on purpose, and a rule does not hold.

Each of these is a mistake that a change could make, and that no answer to a client would show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, islice
from typing import Any

import pytest
from msgspec.structs import replace

from stepwell.engine import retention
from stepwell.jobs.jobs import Jobs
from stepwell.jobs.slots import Slots
from stepwell.schedule.runner import Runner
from stepwell.schedule.starter import EngineStarter
from stepwell.store.schedules import Advance
from stepwell.store.sqlite.retention import SqliteRetention
from stepwell.store.sqlite.schedules import SqliteSchedules
from tests.simulation import world
from tests.simulation.plan import Plan, plan_of
from tests.simulation.runs import finding

SEEDS = 25  # of those that have the part
STEPS = 30_000  # enough for all worlds in which no days pass

Break = Callable[[pytest.MonkeyPatch], None]


def let_any_number_of_jobs_run(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Slots, "may_run", lambda self, group: True)


def keep_the_slots_of_jobs_that_have_ended(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Slots, "give_back", lambda self, key: False)


def forget_jobs_that_wait_in_a_crash(patch: pytest.MonkeyPatch) -> None:
    start = Jobs.start

    async def forgetful(self: Jobs) -> None:
        await start(self)
        for slots in self._slots.values():
            slots.queued = 0

    patch.setattr(Jobs, "start", forgetful)


def move_a_schedule_on_before_its_runs_are_written(patch: pytest.MonkeyPatch) -> None:
    advance = SqliteSchedules.advance

    async def hasty(self: SqliteSchedules, moves: Sequence[Advance]) -> None:
        await advance(self, [Advance(move.schedule, move.next_due, ()) for move in moves])
        stored = [(move, await self.find(move.schedule.arn)) for move in moves]
        again = [
            Advance(replace(move.schedule, next_due=row.next_due, revision=row.revision), move.next_due, move.runs)
            for move, row in stored
            if row is not None
        ]
        await advance(self, again)

    patch.setattr(SqliteSchedules, "advance", hasty)


def start_a_run_under_a_new_name_each_time(patch: pytest.MonkeyPatch) -> None:
    start = EngineStarter.start

    async def renamed(self: EngineStarter, run: Any) -> str | None:
        await start(self, run)
        return await start(self, replace(run, schedule=replace(run.schedule, id=run.schedule.id + 1000)))

    patch.setattr(EngineStarter, "start", renamed)


def start_runs_early(patch: pytest.MonkeyPatch) -> None:
    runs = SqliteSchedules.runs
    early = lambda self, until, without, limit: runs(self, until + 5_000, without, limit)  # noqa: E731
    take_due = Runner._take_due
    patch.setattr(SqliteSchedules, "runs", early)
    patch.setattr(Runner, "_take_due", lambda self, now: take_due(self, now + 5_000))


def let_go_an_hour_early(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(retention, "_DAY", retention._DAY - 60 * 60_000)


def leave_payloads_behind(patch: pytest.MonkeyPatch) -> None:
    from stepwell.store.sqlite import retention as sql

    parts = tuple(part for part in sql._PARTS if "history" not in part)
    patch.setattr(sql, "_PARTS", parts)


def let_go_of_nothing(patch: pytest.MonkeyPatch) -> None:
    async def none(self: SqliteRetention, before: int, limit: int) -> Sequence[int]:
        return ()

    patch.setattr(SqliteRetention, "ended", none)


def run_what_is_newest_whatever_the_alias_says(patch: pytest.MonkeyPatch) -> None:
    from tests.simulation.parties import versions

    find = versions.find_target

    async def newest(store: Any, arn: str) -> Any:
        found = await find(store, arn)
        machine = await store.find_machine(":".join(arn.split(":")[:7]))
        return found and replace(found, machine=machine)

    patch.setattr(versions, "find_target", newest)


@pytest.mark.parametrize(
    ("broken", "part", "told"),
    [
        (let_any_number_of_jobs_run, "jobs", ("may",)),
        (keep_the_slots_of_jobs_that_have_ended, "jobs", ("does not come to an end",)),
        (forget_jobs_that_wait_in_a_crash, "jobs", ("does not come to an end", "begins before")),
        (move_a_schedule_on_before_its_runs_are_written, "schedules", ("has started nothing",)),
        (start_a_run_under_a_new_name_each_time, "schedules", ("for the same time",)),
        (start_runs_early, "schedules", ("starts the run", "starts a run")),
        (let_go_an_hour_early, "retention_days", ("has vanished", "is not what it was")),
        (leave_payloads_behind, "retention_days", ("still in",)),
        (let_go_of_nothing, "retention_days", ("does not come to an end",)),
        (run_what_is_newest_whatever_the_alias_says, "versions", ("runs revision", "runs ")),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_a_broken_part_is_found_out(
    broken: Break, part: str, told: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch)
    if part != "retention_days":
        monkeypatch.setattr(world, "_STEPS", STEPS)
    seeds = islice((seed for seed in count() if _suits(plan_of(seed), part)), SEEDS)
    found = next((wrong for seed in seeds if (wrong := finding(seed)) is not None), None)
    assert found is not None, f"{SEEDS} seeds, and nothing was noticed"
    assert any(words in found.what for words in told), found


def _suits(plan: Plan, part: str) -> bool:
    """Whether a plan has a part, and days pass only where that is what it is about."""
    return bool(getattr(plan, part)) and bool(plan.retention_days) is (part == "retention_days")
